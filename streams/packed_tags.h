#pragma once

#include <compare>
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

/// The tags of an item, in a block of memory that all copies share and nobody changes, so that
/// copies cost nothing and may be used in any thread; what items inherit is in a block that they
/// share in turn. A run holds every selected item several times: as maps, tags took most of its
/// memory. Lookup is linear; items have some twenty tags.
class PackedTags {
 public:
  class Iterator;

  PackedTags() = default;
  PackedTags(const Tags& tags);
  explicit PackedTags(const FlatTags& tags) : PackedTags(tags, PackedTags()) {}
  /// What is in both is as in `own`. `inherited` were packed without inheriting.
  PackedTags(const FlatTags& own, const PackedTags& inherited);
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

  /// However much of them is inherited.
  friend bool operator==(const PackedTags& one, const PackedTags& other);

 private:
  struct Block;

  std::string_view own() const;
  std::string_view inherited() const;

  std::shared_ptr<const Block> block_;
};

class PackedTags::Iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = std::pair<std::string_view, std::string_view>;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = value_type;

  /// Both texts are packed tags in the order of keys.
  Iterator(std::string_view own, std::string_view inherited);

  value_type operator*() const;
  Iterator& operator++();
  bool operator==(const Iterator& other) const {
    return own_.data() == other.own_.data() && inherited_.data() == other.inherited_.data();
  }

 private:
  std::weak_ordering order() const;

  std::string_view own_, inherited_;  ///< what is left of them
};

/// As of `Tags`.
std::string_view tag(const PackedTags& tags, std::string_view key) noexcept;

}  // namespace streamsync
