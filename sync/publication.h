#pragma once

#include <memory>
#include <string>
#include <vector>

#include "streams/image_ids.h"
#include "streams/target.h"
#include "sync/catalog.h"
#include "sync/state_directory.h"

namespace streamsync {

/// What there is to publish when the items of a destination are in place.
struct PublicationInput {
  std::vector<Held> shown;               ///< everything visible that this run does not remove
  std::vector<const Catalog*> catalogs;  ///< of the entries that were read
  bool every_item_is_there = true;       ///< no selected item failed
};

/// A line of the report's `published`.
struct PublishedDocument {
  std::string target;
  std::string path;
  bool changed = false;
};

/// How a destination's metadata comes about. Called once a run, after the items and before any
/// removal; writes only what changed.
class Publication {
 public:
  virtual ~Publication() = default;
  virtual std::vector<PublishedDocument> publish(const PublicationInput& input) = 0;
};

/// Metadata that names images, for Juju: products file, then index, in each store.
class ImageIdsPublication final : public Publication {
 public:
  ImageIdsPublication(ImageIdsStream stream, std::vector<std::unique_ptr<MetadataTarget>> stores,
                      DocumentCache& cache);
  std::vector<PublishedDocument> publish(const PublicationInput& input) override;

 private:
  void publish_to(MetadataTarget& store, const std::vector<PublishedImage>& images,
                  std::vector<PublishedDocument>& result);

  ImageIdsStream stream_;
  std::vector<std::unique_ptr<MetadataTarget>> stores_;
  DocumentCache& cache_;
};

/// The source's own documents, byte for byte, products before the indexes that name them; only when
/// every selected item is there (`cli.md` §3, `metadata: original`).
class OriginalDocuments final : public Publication {
 public:
  /// `tree` must outlive this.
  explicit OriginalDocuments(MetadataTarget& tree) : tree_(tree) {}
  std::vector<PublishedDocument> publish(const PublicationInput& input) override;

 private:
  MetadataTarget& tree_;
};

}  // namespace streamsync
