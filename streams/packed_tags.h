#pragma once

#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "streams/tags.h"

namespace streamsync {

/// The tags of an item, in one block of memory that all copies share and nobody changes, so that
/// copies cost nothing and may be used in any thread. A run holds every selected item several
/// times: as maps, tags took most of its memory. Lookup is linear; items have some twenty tags.
class PackedTags {
 public:
  class Iterator;

  PackedTags() = default;
  PackedTags(const Tags& tags);
  explicit PackedTags(const FlatTags& tags);
  PackedTags(std::initializer_list<Tags::value_type> tags) : PackedTags(Tags(tags)) {}

  /// Good as long as one of the copies lives.
  std::optional<std::string_view> find(std::string_view key) const;
  bool contains(std::string_view key) const { return find(key).has_value(); }
  /// In the order of `Tags`.
  Iterator begin() const;
  Iterator end() const;

  Tags unpacked() const;
  /// These pack all tags anew.
  void set(std::string_view key, std::string_view value);
  void erase(std::string_view key);

  friend bool operator==(const PackedTags& one, const PackedTags& other) {
    return one.text() == other.text();
  }

 private:
  std::string_view text() const { return block_ ? std::string_view(*block_) : std::string_view(); }

  /// Each tag: size of key, size of value, key, value.
  std::shared_ptr<const std::string> block_;
};

class PackedTags::Iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = std::pair<std::string_view, std::string_view>;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = value_type;

  explicit Iterator(const char* at) : at_(at) {}

  value_type operator*() const;
  Iterator& operator++();
  bool operator==(const Iterator&) const = default;

 private:
  const char* at_;
};

/// As of `Tags`.
std::string_view tag(const PackedTags& tags, std::string_view key) noexcept;

}  // namespace streamsync
