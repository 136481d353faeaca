#include "sync/publication.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace streamsync {
namespace {

constexpr std::uint64_t kMaxPublished = std::uint64_t{64} << 20;

const std::string kIndexPath = "streams/v1/index.json";

// A store of one region under its key: other regions may have one of the same name.
class CachedStore {
 public:
  CachedStore(MetadataTarget& store, DocumentCache& cache, std::string scope)
      : store_(store), cache_(cache), scope_(std::move(scope)) {}

  std::string describe() const { return store_.describe(); }

  // The document as published, by a conditional request (`cli.md` §4.9).
  std::optional<std::string> current(const std::string& path) {
    const auto known = cache_.find(key(path));
    auto state = store_.read(path, known ? known->validator : Validator{});
    if (std::holds_alternative<Absent>(state)) {
      return std::nullopt;
    }
    if (std::holds_alternative<Unchanged>(state)) {
      return read_all(*known->bytes.reader(), kMaxPublished);
    }
    const auto& document = std::get<FetchedDocument>(state);
    cache_.store(key(path), document.validator, document.bytes);
    return read_all(*document.bytes.reader(), kMaxPublished);
  }

  // Writes and reads back: what readers get is what was meant (threats-and-faults.md F26).
  void replace(const std::string& path, const std::string& text) {
    const Spool document = spool_of(text);
    store_.write(path, document);
    auto state = store_.read(path, Validator{});
    const auto* published = std::get_if<FetchedDocument>(&state);
    if (published == nullptr || !same_bytes(published->bytes, document)) {
      throw Error(ErrorKind::Corrupt, Origin::Target,
                  fmt::format("{}/{}: what was published does not read back as it was written; "
                              "the next run writes it again",
                              describe(), path));
    }
    cache_.store(key(path), published->validator, published->bytes);
  }

 private:
  std::string key(const std::string& path) const {
    return fmt::format("{} {}/{}", scope_, describe(), path);
  }

  MetadataTarget& store_;
  DocumentCache& cache_;
  std::string scope_;
};

// Consumers may hold the newest date they saw against us (`consumers.md` §4, line 4), and clocks of
// two units differ.
Time not_before(const std::optional<std::string>& published, Time updated) {
  const auto before = published ? updated_of(*published) : std::nullopt;
  return before ? std::max(*before, updated) : updated;
}

// What only the engine knows of an image; the rest are the item's own tags (`upstream-gss.md`
// §4.7).
PublishedImage published_image(const Held& held, const ImageIdsStream& stream) {
  PublishedImage image{held.item.key.product, held.item.key.version, held.item.key.item,
                       held.item.tags.unpacked()};
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

PublicationResult ImageIdsPublication::publish(const PublicationInput& input) {
  std::vector<PublishedImage> images;
  images.reserve(input.shown.size());
  for (const auto& held : input.shown) {
    images.push_back(published_image(held, stream_));
  }
  images = one_per_kind(std::move(images));
  PublicationResult result;
  for (const auto& store : stores_) {
    try {
      publish_to(*store, images, result.documents);
    } catch (const Error& error) {
      result.error = error;
    }
  }
  return result;
}

void ImageIdsPublication::publish_to(MetadataTarget& target,
                                     const std::vector<PublishedImage>& images,
                                     std::vector<PublishedDocument>& result) {
  CachedStore store(target, cache_, stream_.region + " " + stream_.endpoint);
  const auto products_path = fmt::format("streams/v1/{}.json", stream_.content_id);
  const auto published_products = store.current(products_path);
  const auto published_index = store.current(kIndexPath);
  if (images.empty() && !published_products && !published_index) {
    return;
  }
  const Time updated = not_before(published_index, not_before(published_products, now()));
  const auto products = render_products(stream_, images, updated);
  const bool products_changed =
      !published_products || !same_but_for_updated(*published_products, products);
  const auto index = render_index(
      stream_, images,
      published_index ? std::optional<std::string_view>(*published_index) : std::nullopt, updated);
  const bool index_changed =
      products_changed || !published_index || !same_but_for_updated(*published_index, index);

  // The index never names a products file that is not there, or that is empty.
  const auto replace_products = [&] {
    if (products_changed) {
      store.replace(products_path, products);
    }
    result.push_back({store.describe(), products_path, products_changed});
  };
  if (!images.empty()) {
    replace_products();
  }
  if (index_changed) {
    store.replace(kIndexPath, index);
  }
  result.push_back({store.describe(), kIndexPath, index_changed});
  if (images.empty() && published_products) {
    replace_products();
  }
}

PublicationResult OriginalDocuments::publish(const PublicationInput& input) {
  PublicationResult result;
  if (!input.every_item_is_there) {
    result.waits_for_items = true;
    return result;
  }
  const auto publish_file = [&](const std::string& path, const Spool& bytes) {
    const auto state = tree_.read(path, Validator{});
    const auto* published = std::get_if<FetchedDocument>(&state);
    const bool changed = published == nullptr || !same_bytes(published->bytes, bytes);
    if (changed) {
      tree_.write(path, bytes);
    }
    result.documents.push_back({tree_.describe(), path, changed});
  };
  const auto publish = [&](const CatalogDocument& document) {
    publish_file(document.path.str(), document.text.document());
    if (const auto& signature = document.signature) {
      publish_file(signature->path.str(), signature->fetched.bytes);
    }
  };
  for (const auto* catalog : input.catalogs) {
    std::for_each(catalog->documents.rbegin(), catalog->documents.rend(), publish);
  }
  return result;
}

}  // namespace streamsync
