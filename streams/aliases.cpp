#include "streams/aliases.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace streamsync {
namespace {

Alias read_alias(JsonReader& json) {
  TaggedObject object;
  json.enter_object("an alias");
  while (const auto key = json.next_key()) object.add(*key, json.scalar_view());
  const std::uint64_t held = HeldBytes::of(object.tags);
  return {std::move(object.tags), held};
}

std::vector<TagView> views_of(const TaggedObject& object) {
  std::vector<TagView> views;
  views.reserve(object.tags.size());
  for (const auto& [key, value] : object.tags) {
    views.push_back({key, value, !object.not_strings.contains(key)});
  }
  return views;
}

}  // namespace

void TaggedObject::add(std::string_view key, std::optional<JsonScalarView> scalar) {
  if (!scalar) return;
  if (scalar->kind != JsonScalar::Kind::String) not_strings.emplace(key);
  tags.insert_or_assign(std::string(key), std::string(scalar->text));
}

void Aliases::read(JsonReader& json, HeldBytes& held) {
  json.enter_object("_aliases");
  while (const auto tag = json.next_key()) {
    Values& values = aliases_[std::string(*tag)];
    json.enter_object("an entry of _aliases");
    while (const auto value = json.next_key()) {
      const Alias& alias =
          values.insert_or_assign(std::string(*value), read_alias(json)).first->second;
      held.add(alias.held + HeldBytes::of(*tag, *value));
    }
  }
}

std::vector<const Alias*> Aliases::named_by(std::span<const TagView> tags) const {
  std::vector<const Alias*> aliases;
  if (aliases_.empty()) return aliases;

  std::vector<std::pair<decltype(aliases_)::const_iterator, std::string_view>> references;
  for (const TagView& tag : tags) {
    const auto found = tag.is_string ? aliases_.find(tag.key) : aliases_.end();
    if (found != aliases_.end()) references.emplace_back(found, tag.value);
  }
  std::sort(references.begin(), references.end(), [](const auto& one, const auto& other) {
    return one.first->first < other.first->first;
  });
  aliases.reserve(references.size());
  for (const auto& [tag, value] : references) {
    aliases.push_back(&lookup(tag->first, tag->second, value));
  }
  return aliases;
}

Tags Aliases::expand(TaggedObject object) const {
  if (aliases_.empty()) return std::move(object.tags);
  for (const Alias* alias : named_by(views_of(object))) {
    for (const auto& [key, value] : alias->tags) object.tags.insert_or_assign(key, value);
  }
  return std::move(object.tags);
}

const Alias& Aliases::lookup(const std::string& tag, const Values& values,
                             std::string_view value) const {
  const auto alias = values.find(value);
  if (alias != values.end()) return alias->second;
  throw Error(ErrorKind::Malformed, Origin::Source,
              fmt::format("{}: _aliases names no \"{}\" for the tag {}", where_, printable(value),
                          printable(tag)));
}

}  // namespace streamsync
