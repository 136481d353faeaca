#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "streams/aliases.h"
#include "streams/tags.h"

namespace streamsync {

/// The tags that a version or an item has of its own, left where they lie while the document is
/// read: of tens of items one is wanted, and only that one is worth building (`upstream-gss.md`
/// §1.5). Which of two equal keys wins: the name, then a later alias, an earlier one, what stands
/// in the object.
class Layer {
 public:
  /// `name` is `version_name` or `item_name`. All texts and aliases must outlive the layer.
  Layer(TagView name, std::span<const TagView> own, const Aliases& aliases);

  std::optional<std::string_view> find(std::string_view key) const;
  FlatTags flat() const;
  /// What is in both is as it is here.
  FlatTags over(const FlatTags& inherited) const;
  /// What that adds at most, as `HeldBytes` counts.
  std::uint64_t held_at_most() const;

 private:
  TagView name_;
  std::span<const TagView> own_;
  std::vector<const Alias*> aliases_;
};

}  // namespace streamsync
