#include "streams/document_head.h"

#include "streams/json.h"

namespace streamsync {
namespace {

std::string text_of(const std::optional<JsonScalar>& scalar) {
  return scalar && scalar->kind == JsonScalar::Kind::String ? scalar->text : std::string();
}

}  // namespace

DocumentHead read_head(const TrustedText& text, std::string_view where) {
  DocumentHead head;
  JsonReader json(text.reader(), where);
  json.enter_object("the document");
  while (const auto key = json.next_key()) {
    if (*key == "format") {
      head.format = text_of(json.scalar());
    } else if (*key == "content_id") {
      head.content_id = text_of(json.scalar());
    } else if (*key == "updated") {
      head.updated = parse_date(text_of(json.scalar()));
    } else {
      json.pass_over();
    }
  }
  json.finish();
  return head;
}

}  // namespace streamsync
