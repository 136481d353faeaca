#include "streams/layer.h"

#include <algorithm>
#include <iterator>

namespace streamsync {
namespace {

bool by_key(const FlatTags::value_type& one, const FlatTags::value_type& other) {
  return one.first < other.first;
}

}  // namespace

Layer::Layer(TagView name, std::span<const TagView> own, const Aliases& aliases)
    : name_(name), own_(own), aliases_(aliases.named_by(own)) {}

std::optional<std::string_view> Layer::find(std::string_view key) const {
  if (key == name_.key) return name_.value;
  for (auto alias = aliases_.rbegin(); alias != aliases_.rend(); ++alias) {
    const auto tag = (*alias)->tags.find(key);
    if (tag != (*alias)->tags.end()) return tag->second;
  }
  const auto tag =
      std::find_if(own_.begin(), own_.end(), [key](const TagView& own) { return own.key == key; });
  if (tag == own_.end()) return std::nullopt;
  return tag->value;
}

FlatTags Layer::over(const FlatTags& inherited) const {
  const FlatTags nearer = flat();
  FlatTags all;
  all.reserve(inherited.size() + nearer.size());
  // Of two equal ones the first range's.
  std::set_union(nearer.begin(), nearer.end(), inherited.begin(), inherited.end(),
                 std::back_inserter(all), by_key);
  return all;
}

FlatTags Layer::flat() const {
  FlatTags tags;
  tags.reserve(1 + own_.size());
  for (auto alias = aliases_.rbegin(); alias != aliases_.rend(); ++alias) {
    tags.insert(tags.end(), (*alias)->tags.begin(), (*alias)->tags.end());
  }
  for (const TagView& tag : own_) tags.emplace_back(tag.key, tag.value);
  // Most documents are sorted.
  if (!std::is_sorted(tags.begin(), tags.end(), by_key)) {
    std::stable_sort(tags.begin(), tags.end(), by_key);
  }
  const auto same_key = [](const auto& one, const auto& other) { return one.first == other.first; };
  tags.erase(std::unique(tags.begin(), tags.end(), same_key), tags.end());
  const FlatTags::value_type name(name_.key, name_.value);
  const auto place = std::lower_bound(tags.begin(), tags.end(), name, by_key);
  if (place != tags.end() && place->first == name.first) {
    *place = name;
  } else {
    tags.insert(place, name);
  }
  return tags;
}

std::uint64_t Layer::held_at_most() const {
  std::uint64_t bytes = HeldBytes::of(name_.key, name_.value);
  for (const TagView& tag : own_) bytes += HeldBytes::of(tag.key, tag.value);
  for (const Alias* alias : aliases_) bytes += alias->held;
  return bytes;
}

}  // namespace streamsync
