#include "streams/aliases.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace streamsync {
namespace {

Tags read_alias(JsonReader& json) {
  TaggedObject object;
  json.enter_object("an alias");
  while (auto key = json.next_key()) object.add(std::move(*key), json.scalar());
  return std::move(object.tags);
}

}  // namespace

void TaggedObject::add(std::string key, std::optional<JsonScalar> scalar) {
  if (!scalar) return;
  if (scalar->kind != JsonScalar::Kind::String) not_strings.insert(key);
  tags.insert_or_assign(std::move(key), std::move(scalar->text));
}

void Aliases::read(JsonReader& json, HeldBytes& held) {
  json.enter_object("_aliases");
  while (const auto tag = json.next_key()) {
    Values& values = aliases_[*tag];
    json.enter_object("an entry of _aliases");
    while (const auto value = json.next_key()) {
      const Tags& tags = values.insert_or_assign(*value, read_alias(json)).first->second;
      held.add(tags);
    }
  }
}

Tags Aliases::expand(TaggedObject object) const {
  std::vector<const Tags*> found;
  for (const auto& [tag, values] : aliases_) {
    const auto own = object.tags.find(tag);
    if (own == object.tags.end() || object.not_strings.contains(tag)) continue;
    found.push_back(&lookup(tag, values, own->second));
  }
  for (const Tags* tags : found) {
    for (const auto& [key, value] : *tags) object.tags.insert_or_assign(key, value);
  }
  return std::move(object.tags);
}

const Tags& Aliases::lookup(const std::string& tag, const Values& values,
                            const std::string& value) const {
  const auto alias = values.find(value);
  if (alias != values.end()) return alias->second;
  throw Error(ErrorKind::Malformed, Origin::Source,
              fmt::format("{}: _aliases names no \"{}\" for the tag {}", where_, printable(value),
                          printable(tag)));
}

}  // namespace streamsync
