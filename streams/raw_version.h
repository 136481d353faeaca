#pragma once

#include <array>
#include <cstddef>
#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

#include "streams/aliases.h"
#include "streams/held_bytes.h"
#include "streams/json.h"

namespace streamsync {

/// One version as it stands in a document, its texts beside each other. Reading one after the other
/// into the same object allocates nothing for versions of usual size.
class RawVersion {
 public:
  struct Item {
    std::string_view name;
    std::size_t begin = 0;  ///< among the tags of all items
    std::size_t end = 0;
  };

  /// Takes a version, instead of the last one. `held` counts its items.
  void read(std::string_view name, JsonReader& json, HeldBytes& held);
  /// Keeps the memory that a version of usual size needs.
  void clear();

  std::string_view name() const { return name_; }
  /// The version's own, in document order, as those of an item.
  std::span<const TagView> tags() const { return tags_; }
  const std::vector<Item>& items() const { return items_; }
  std::span<const TagView> tags_of(const Item& item) const {
    return std::span(item_tags_).subspan(item.begin, item.end - item.begin);
  }
  template <typename Predicate>
  void erase_items_if(Predicate predicate) {
    erased_ += std::erase_if(items_, predicate);
  }
  /// How many items were erased of this version.
  std::size_t erased() const { return erased_; }

 private:
  void read_items(JsonReader& json, HeldBytes& held);
  void add(std::vector<TagView>& tags, std::string_view key, JsonReader& json);
  std::string_view kept(std::string_view text);

  std::array<std::byte, 4 * 1024> usual_;
  std::pmr::monotonic_buffer_resource texts_{usual_.data(), usual_.size()};
  std::string_view name_;
  std::vector<TagView> tags_;
  std::vector<TagView> item_tags_;
  std::vector<Item> items_;
  std::size_t erased_ = 0;
};

}  // namespace streamsync
