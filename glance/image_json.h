#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "glance/image_client.h"
#include "streams/tags.h"

/// The JSON of Image service v2 (api-ref/image/v2). All pure.
namespace streamsync {

struct ImagePage {
  std::vector<Image> images;
  std::string next;  ///< relative URL of the page after this one, empty on the last
};

/// Both throw `Error{Protocol, Target}` for anything but what the service is to answer.
Image read_image(std::string_view json);
ImagePage read_image_page(std::string_view json);

/// The member or property of this name, in the form in which the bodies below set it.
std::optional<std::string> value_of(const Image& image, std::string_view name);
/// Whether it has all of these members and properties.
bool has_values(const Image& image, const std::map<std::string, std::string>& values);

/// Body of a create request. Properties stand beside members; a member wins over a property of its
/// name.
std::string image_body(const std::map<std::string, std::string>& members, const Tags& properties);

/// Patch that gives an image these members and properties, takes `dropped` away, which may be
/// absent, and leaves its others alone.
std::string image_patch(const std::map<std::string, std::string>& values,
                        const std::set<std::string>& dropped = {});

}  // namespace streamsync
