#include "streams/layer.h"

#include <algorithm>
#include <string>

namespace streamsync {

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

void Layer::put_over(Tags& tags) const {
  const auto put = [&tags](std::string_view key, std::string_view value) {
    const auto place = tags.lower_bound(key);
    if (place != tags.end() && place->first == key) {
      place->second = value;
    } else {
      tags.emplace_hint(place, key, value);
    }
  };
  for (const TagView& tag : own_) put(tag.key, tag.value);
  for (const Alias* alias : aliases_) {
    for (const auto& [key, value] : alias->tags) put(key, value);
  }
  put(name_.key, name_.value);
}

std::uint64_t Layer::held_at_most() const {
  std::uint64_t bytes = HeldBytes::of(name_.key, name_.value);
  for (const TagView& tag : own_) bytes += HeldBytes::of(tag.key, tag.value);
  for (const Alias* alias : aliases_) bytes += alias->held;
  return bytes;
}

}  // namespace streamsync
