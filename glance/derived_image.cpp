#include "glance/derived_image.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "glance/image_properties.h"
#include "glance/stored_image.h"

namespace streamsync {
namespace {

/// What Nova adds to what it makes of a server (create_image and snapshot_volume_backed in its
/// compute/api.py).
bool is_made_by_nova(const Image& image) {
  constexpr std::array<std::string_view, 3> kOfServers{"base_image_ref", "block_device_mapping",
                                                       "instance_uuid"};
  const auto has = [&](std::string_view name) { return image.properties.contains(name); };
  const auto type = tag(image.properties, "image_type");
  return std::any_of(kOfServers.begin(), kOfServers.end(), has) || type == "snapshot" ||
         type == "backup";
}

bool has_promised_bytes(const Image& image, const Item& item) {
  try {
    return compare_stored(image, content_of(item), std::nullopt) == Stored::Right;
  } catch (const Error&) {
    return true;  // nothing was promised that they could differ from
  }
}

/// As upstream's tool and we name it, whatever the prefix was.
bool has_name_of(const Image& image, const Item& item) {
  return image.name.ends_with(image_name(item, ImagePolicy()));
}

}  // namespace

bool is_derived(const Image& image, const Item& item) {
  if (is_image_id(image.id)) return false;
  // Cinder adds nothing. Bytes alone don't tell: Glance may convert what upstream's tool imports.
  return is_made_by_nova(image) || (!has_promised_bytes(image, item) && !has_name_of(image, item));
}

}  // namespace streamsync
