#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "glance/image_client.h"
#include "streams/target.h"

namespace streamsync {

/// What the configuration says about images (`cli.md` §3).
struct ImagePolicy {
  std::string content_id;  ///< of our stream, with {region} filled in
  std::string name_prefix;
  std::string visibility = "public";
  Tags custom_properties;  ///< none that is a member of images, or of our own
  bool hypervisor_mapping = false;
  bool set_latest_property = false;
};

/// Image name: prefix + (pubname or name), "-" + item_name unless it ends so (§4.4).
std::string image_name(const Item& item, const ImagePolicy& policy);
/// disk_format, hypervisor_type and virt by ftype (§4.4's table).
struct FormatOfFtype {
  std::string disk_format, hypervisor_type, virt;
};
FormatOfFtype format_of_ftype(std::string_view ftype);
/// Architecture in OpenStack's words (§4.4).
std::string openstack_architecture(std::string_view arch);
/// The custom properties of an image, byte-compatible with upstream's (§4.4).
Tags image_properties(const Item& item, const ImagePolicy& policy);
/// What must be set on an image for it to be as a new one of the item would be: visibility,
/// os_hidden and custom properties by name. What others added is left alone.
std::map<std::string, std::string> image_changes(const Image& image, const Item& item,
                                                 const ImagePolicy& policy);
/// Whether Glance can hold the item's address.
bool has_address_that_fits(const ItemKey& key);
/// Throws `Error{Malformed, Source}` when Glance can't hold the item's address; a name is made to
/// fit, an address can't be (threats-and-faults.md T22).
void require_address_that_fits(const ItemKey& key);
/// The item an image was made from, from its properties; none when it is not one of ours
/// (`cli.md` §4.3: the four address properties).
std::optional<Item> item_of(const Image& image);
/// UUID of the `generation`-th image for this address and digest. Final: changing it would upload
/// whole clouds again (docs/adr/0004).
std::string image_id(const ImagePolicy& policy, const BlobSpec& blob, unsigned generation);
/// Whether `image_id` may have made it. What else makes ids in a cloud takes version 4.
bool is_image_id(std::string_view id) noexcept;

}  // namespace streamsync
