#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "streams/tags.h"

namespace streamsync {

/// One image as published for Juju: address in our stream, and the tags of
/// `upstream-gss.md` §4.7 (id, name, md5, size, region, endpoint, owner_id, virt … included).
struct PublishedImage {
  std::string product;
  std::string version;
  std::string item;
  Tags tags;
};

/// Of images that Juju could not tell apart (same product, version, virt, root_store) keeps one:
/// disk1.img, disk.img, uefi1.img, uefi.img, then by name (`cli.md` §4.5). Result in input order.
std::vector<PublishedImage> one_per_kind(std::vector<PublishedImage> images);

/// What one region's stream says about itself.
struct ImageIdsStream {
  std::string content_id;
  std::string cloud_name;
  std::string region;
  std::string endpoint;
};

/// Renders `streams/v1/<content_id>.json` in upstream's layout (§4.8: tags lifted, sorted keys,
/// 1-space indent), with `cli.md` §4.6: sizes integers, booleans booleans, the rest strings; tags
/// that Juju reads never stand on a version (`consumers.md` §1.2). Pure.
std::string render_products(const ImageIdsStream& stream, const std::vector<PublishedImage>& images,
                            Time updated);

/// Renders `streams/v1/index.json`: our entry replaced or, without images, dropped; foreign entries
/// of `current` kept. A damaged `current` counts as none. Pure.
std::string render_index(const ImageIdsStream& stream, const std::vector<PublishedImage>& images,
                         std::optional<std::string_view> current, Time updated);

/// When a document of ours was last changed, by itself; none when it can't be read.
std::optional<Time> updated_of(std::string_view document);

/// Whether both say the same, `updated` aside. False when one can't be read.
bool same_but_for_updated(std::string_view one, std::string_view other);

}  // namespace streamsync
