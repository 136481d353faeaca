#include "streams/index.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "streams/aliases.h"
#include "streams/held_bytes.h"
#include "streams/json.h"

namespace streamsync {
namespace {

constexpr std::uint64_t kMaxHeld = 16 * 1024 * 1024;

struct RawEntry {
  std::string content_id;
  TaggedObject object;
};

class IndexReader {
 public:
  IndexReader(const TrustedText& text, std::string_view where)
      : where_(where),
        json_(text.reader(), where),
        held_(kMaxHeld, "its entries", where),
        aliases_(where) {}

  Index read() {
    read_document();
    const Tags top = aliases_.expand(std::move(top_));
    if (tag(top, "format") != "index:1.0") {
      refuse(fmt::format("the format is \"{}\", not index:1.0", printable(tag(top, "format"))));
    }
    if (!has_index_) refuse("it has no \"index\"");

    Index index;
    if (const auto updated = top.find("updated"); updated != top.end()) {
      index.updated = updated->second;
    }
    for (RawEntry& raw : entries_) add_entry(index, std::move(raw));
    return index;
  }

 private:
  void read_document() {
    json_.enter_object("the document");
    while (const auto key = json_.next_key()) {
      if (*key == "index") {
        read_entries();
      } else if (*key == "_aliases") {
        aliases_.read(json_, held_);
      } else {
        top_.add(*key, json_.scalar_view());
      }
    }
    json_.finish();
  }

  void read_entries() {
    has_index_ = true;
    json_.enter_object("index");
    while (const auto content_id = json_.next_key()) {
      RawEntry& entry = entries_.emplace_back();
      entry.content_id = *content_id;
      json_.enter_object("an entry of the index");
      while (const auto key = json_.next_key()) entry.object.add(*key, json_.scalar_view());
      held_.add(entry.object.tags);
    }
  }

  // An entry without a path leads nowhere, so that nobody can want it.
  void add_entry(Index& index, RawEntry raw) {
    Tags tags = aliases_.expand(std::move(raw.object));
    held_.add(tags);
    if (tag(tags, "path").empty()) return;
    auto path = with_context(fmt::format("{}: entry {}", where_, printable(raw.content_id)),
                             [&] { return RelativePath::parse(tag(tags, "path")); });
    std::string format(tag(tags, "format"));
    index.entries.push_back(
        {std::move(raw.content_id), std::move(tags), std::move(path), std::move(format)});
  }

  [[noreturn]] void refuse(std::string_view why) const {
    throw Error(ErrorKind::Malformed, Origin::Source, fmt::format("{}: {}", where_, why));
  }

  std::string where_;
  JsonReader json_;
  HeldBytes held_;
  Aliases aliases_;
  TaggedObject top_;
  std::vector<RawEntry> entries_;
  bool has_index_ = false;
};

}  // namespace

Index read_index(const TrustedText& text, std::string_view where) {
  return IndexReader(text, where).read();
}

}  // namespace streamsync
