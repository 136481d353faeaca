#include "glance/latest_images.h"

#include <optional>
#include <tuple>
#include <utility>

#include "glance/image_properties.h"
#include "streams/image_ids.h"

namespace streamsync {
namespace {

/// os_version and architecture.
using Group = std::pair<std::string, std::string>;

std::optional<Group> group_of(const Item& item) {
  const auto version = tag(item.tags, "version");
  const auto arch = tag(item.tags, "arch");
  if (version.empty() || arch.empty()) return std::nullopt;
  return Group(version, openstack_architecture(arch));
}

bool is_newer(const Held& one, const Held& other) {
  const ItemKey &first = one.item.key, &second = other.item.key;
  if (first.version != second.version) return first.version > second.version;
  const auto kind = item_preference(first.item), other_kind = item_preference(second.item);
  return kind != other_kind ? kind < other_kind : first > second;
}

std::map<Group, const Held*> newest_of(std::span<const Held> shown) {
  std::map<Group, const Held*> newest;
  for (const Held& held : shown) {
    const auto group = group_of(held.item);
    if (!group) continue;
    const auto [place, is_first] = newest.try_emplace(*group, &held);
    if (!is_first && is_newer(held, *place->second)) place->second = &held;
  }
  return newest;
}

bool is_marked(const Image& image) { return tag(image.properties, kLatestProperty) == "true"; }

}  // namespace

LatestChanges latest_changes(std::span<const Held> shown,
                             const std::map<std::string, Image>& listed) {
  LatestChanges changes;
  auto newest = newest_of(shown);
  // Where the newest one can't be marked, the mark stays where it is.
  std::erase_if(newest, [&](const auto& of_group) {
    const auto image = listed.find(of_group.second->placement);
    return image != listed.end() && !is_marked(image->second) && image->second.is_protected;
  });
  for (const auto& [group, held] : newest) {
    const auto image = listed.find(held->placement);
    if (image == listed.end() || !is_marked(image->second)) {
      changes.set.push_back(held->placement);
    }
  }
  for (const auto& [id, image] : listed) {
    if (!is_marked(image) || image.is_protected) continue;
    const auto item = item_of(image);
    const auto group = item ? group_of(*item) : std::nullopt;
    const auto place = group ? newest.find(*group) : newest.end();
    if (place != newest.end() && place->second->placement != id) changes.clear.push_back(id);
  }
  return changes;
}

}  // namespace streamsync
