// index:1.0 documents: what is read is unique, safe and what the other reader sees.

#include <optional>
#include <set>
#include <string>

#include "streams/document.h"
#include "streams/document_head.h"
#include "streams/index.h"
#include "tests/fuzz/property.h"

namespace streamsync {
namespace {

void check_entries(const Index& index) {
  std::set<std::string> seen;
  for (const IndexEntry& entry : index.entries) {
    require(seen.insert(entry.content_id).second, "a content_id stands once");
    require(tag(entry.tags, "path") == entry.path.str(), "the path is the entry's tag");
    require(tag(entry.tags, "format") == entry.format, "the format is the entry's tag");
  }
}

void check(std::string_view document) {
  std::optional<TrustedText> text;
  const auto read = [&](auto action) {
    return taken(ErrorKind::Malformed, Origin::Source, action);
  };
  if (!read([&] { text.emplace(accept_unverified(spool_of(document), "document")); })) return;

  std::optional<DocumentHead> head;
  const bool has_head = read([&] { head = read_head(*text, "document"); });
  if (!read([&] { check_entries(read_index(*text, "document")); })) return;
  require(has_head, "what is read whole can be looked at for its head");
  // An alias may stand for the format, and a key may be escaped.
  const bool is_plain = document.find("_aliases") == std::string_view::npos &&
                        document.find('\\') == std::string_view::npos;
  require(!is_plain || head->format == "index:1.0", "both readers see the same format");
}

}  // namespace
}  // namespace streamsync

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  streamsync::check(streamsync::input(data, size));
  return 0;
}
