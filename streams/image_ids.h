#pragma once

#include <functional>
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

/// Lower for the item names that are preferred there.
std::size_t item_preference(std::string_view item_name);

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

/// When documents that go together were last changed.
struct EditionDates {
  Time index;
  Time products;  ///< a products file that is older than its entry says is taken for an old one
};

/// In which form documents are named: a signed index must not name unsigned ones, nor an unsigned
/// index those that its readers can't read (`consumers.md` §3).
enum class DocumentForm { Plain, Clearsigned };

/// `streams/v1/<content_id>` with the suffix of the form.
std::string products_path(const ImageIdsStream& stream, DocumentForm form);
/// `streams/v1/index` likewise.
std::string index_path(DocumentForm form);

/// Renders the index: our entry replaced or, without images, dropped; foreign entries of `current`
/// kept, of a damaged one those that are whole. Pure.
std::string render_index(const ImageIdsStream& stream, const std::vector<PublishedImage>& images,
                         std::optional<std::string_view> current, const EditionDates& updated,
                         DocumentForm form = DocumentForm::Plain);

/// Whether it is an index as a whole, from which nothing is missing.
bool is_index(std::string_view document);

/// The index without the entries of others whose documents `is_there` does not know. Pure but for
/// what it asks; what is no index stays as it is.
std::string without_lost_entries(std::string_view index, const ImageIdsStream& stream,
                                 const std::function<bool(const std::string& path)>& is_there);

/// The index `known` with the entries of `damaged` that are whole, in place of its own. Pure; what
/// is no index stays as it is.
std::string with_whole_entries(std::string_view known, std::string_view damaged);

/// When a document of ours was last changed, by itself; none when it can't be read.
std::optional<Time> updated_of(std::string_view document);
/// When the products of `content_id` were last changed, by their index; none when it does not say.
std::optional<Time> entry_updated_of(std::string_view index, std::string_view content_id);

/// Whether both say the same, `updated` aside. False when one can't be read.
bool same_but_for_updated(std::string_view one, std::string_view other);

}  // namespace streamsync
