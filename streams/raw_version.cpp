#include "streams/raw_version.h"

#include <cstring>

namespace streamsync {
namespace {

template <typename Element>
void clear_to_usual(std::vector<Element>& elements) {
  constexpr std::size_t kUsual = 1024;
  if (elements.capacity() > kUsual) std::vector<Element>().swap(elements);
  elements.clear();
}

}  // namespace

void RawVersion::read(std::string_view name, JsonReader& json, HeldBytes& held) {
  clear();
  name_ = kept(name);
  json.enter_object("a version");
  while (const auto key = json.next_key()) {
    if (*key == "items") {
      read_items(json, held);
    } else {
      add(tags_, *key, json);
    }
  }
}

void RawVersion::clear() {
  texts_.release();
  clear_to_usual(tags_);
  clear_to_usual(item_tags_);
  clear_to_usual(items_);
  erased_ = 0;
}

void RawVersion::read_items(JsonReader& json, HeldBytes& held) {
  json.enter_object("items");
  while (const auto name = json.next_key()) {
    Item item{kept(*name), item_tags_.size(), 0};
    json.enter_object("an item");
    while (const auto key = json.next_key()) add(item_tags_, *key, json);
    item.end = item_tags_.size();
    items_.push_back(item);
    std::uint64_t bytes = HeldBytes::kObject;
    for (const TagView& tag : tags_of(item)) bytes += HeldBytes::of(tag.key, tag.value);
    held.add(bytes);
  }
}

void RawVersion::add(std::vector<TagView>& tags, std::string_view key, JsonReader& json) {
  const auto scalar = json.scalar_view();
  if (!scalar) return;
  const bool is_string = scalar->kind == JsonScalar::Kind::String;
  tags.push_back({kept(key), kept(scalar->text), is_string});
}

std::string_view RawVersion::kept(std::string_view text) {
  if (text.empty()) return {};
  char* const copy = static_cast<char*>(texts_.allocate(text.size(), 1));
  std::memcpy(copy, text.data(), text.size());
  return {copy, text.size()};
}

}  // namespace streamsync
