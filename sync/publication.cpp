#include "sync/publication.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace streamsync {
namespace {

constexpr std::uint64_t kMaxPublished = std::uint64_t{64} << 20;

const std::string kIndexPath = "streams/v1/index.json";

std::string cache_key(const MetadataTarget& store, const std::string& path) {
  return store.describe() + "/" + path;
}

// The document as published, by a conditional request (`cli.md` §4.9).
std::optional<std::string> current(MetadataTarget& store, const std::string& path,
                                   DocumentCache& cache) {
  const auto key = cache_key(store, path);
  const auto known = cache.find(key);
  auto state = store.read(path, known ? known->validator : Validator{});
  if (std::holds_alternative<Absent>(state)) {
    return std::nullopt;
  }
  if (std::holds_alternative<Unchanged>(state)) {
    return read_all(*known->bytes.reader(), kMaxPublished);
  }
  const auto& document = std::get<FetchedDocument>(state);
  cache.store(key, document);
  return read_all(*document.bytes.reader(), kMaxPublished);
}

// Writes and reads back: what readers get is what was meant (threats-and-faults.md F26).
void replace(MetadataTarget& store, const std::string& path, const std::string& text,
             DocumentCache& cache) {
  const Spool document = spool_of(text);
  store.write(path, document);
  auto state = store.read(path, Validator{});
  const auto* published = std::get_if<FetchedDocument>(&state);
  if (published == nullptr || !same_bytes(published->bytes, document)) {
    throw Error(ErrorKind::Corrupt, Origin::Target,
                fmt::format("{}: what was published does not read back as it was written; the "
                            "next run writes it again",
                            cache_key(store, path)));
  }
  cache.store(cache_key(store, path), *published);
}

// What only the engine knows of an image; the rest are the item's own tags (`upstream-gss.md`
// §4.7).
PublishedImage published_image(const Held& held, const ImageIdsStream& stream) {
  PublishedImage image{held.item.key.product, held.item.key.version, held.item.key.item,
                       held.item.tags};
  for (const char* address : {"path", "product_name", "version_name", "item_name"}) {
    image.tags.erase(address);
  }
  image.tags["id"] = held.placement;
  image.tags["name"] = held.name;
  image.tags["size"] = std::to_string(held.size);
  image.tags["region"] = stream.region;
  image.tags["endpoint"] = stream.endpoint;
  return image;
}

}  // namespace

ImageIdsPublication::ImageIdsPublication(ImageIdsStream stream,
                                         std::vector<std::unique_ptr<MetadataTarget>> stores,
                                         DocumentCache& cache)
    : stream_(std::move(stream)), stores_(std::move(stores)), cache_(cache) {}

std::vector<PublishedDocument> ImageIdsPublication::publish(const PublicationInput& input) {
  std::vector<PublishedImage> images;
  images.reserve(input.shown.size());
  for (const auto& held : input.shown) {
    images.push_back(published_image(held, stream_));
  }
  images = one_per_kind(std::move(images));
  std::vector<PublishedDocument> result;
  for (const auto& store : stores_) {
    publish_to(*store, images, result);
  }
  return result;
}

void ImageIdsPublication::publish_to(MetadataTarget& store,
                                     const std::vector<PublishedImage>& images,
                                     std::vector<PublishedDocument>& result) {
  const Time updated = now();
  const auto products_path = fmt::format("streams/v1/{}.json", stream_.content_id);
  bool products_changed = false;
  if (!images.empty()) {
    const auto products = render_products(stream_, images, updated);
    const auto published = current(store, products_path, cache_);
    products_changed = !published || !same_but_for_updated(*published, products);
    if (products_changed) {
      replace(store, products_path, products, cache_);
    }
    result.push_back({store.describe(), products_path, products_changed});
  }
  const auto published = current(store, kIndexPath, cache_);
  if (images.empty() && !published) {
    return;
  }
  const auto index =
      render_index(stream_, images,
                   published ? std::optional<std::string_view>(*published) : std::nullopt, updated);
  const bool index_changed =
      products_changed || !published || !same_but_for_updated(*published, index);
  if (index_changed) {
    replace(store, kIndexPath, index, cache_);
  }
  result.push_back({store.describe(), kIndexPath, index_changed});
}

std::vector<PublishedDocument> OriginalDocuments::publish(const PublicationInput& input) {
  std::vector<PublishedDocument> result;
  if (!input.every_item_is_there) {
    return result;
  }
  const auto publish = [&](const CatalogDocument& document) {
    const auto& path = document.path.str();
    const auto state = tree_.read(path, Validator{});
    const auto* published = std::get_if<FetchedDocument>(&state);
    const bool changed =
        published == nullptr || !same_bytes(published->bytes, document.fetched.bytes);
    if (changed) {
      tree_.write(path, document.fetched.bytes);
    }
    result.push_back({tree_.describe(), path, changed});
  };
  for (const auto* catalog : input.catalogs) {
    for (auto document = catalog->documents.rbegin(); document != catalog->documents.rend();
         ++document) {
      publish(*document);
    }
  }
  return result;
}

}  // namespace streamsync
