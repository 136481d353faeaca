#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/crypto/signer.h"
#include "base/error.h"
#include "streams/image_ids.h"
#include "streams/target.h"
#include "sync/catalog.h"
#include "sync/registration.h"
#include "sync/state_directory.h"

namespace streamsync {

/// What there is to publish when the items of a destination are in place.
struct PublicationInput {
  std::vector<Held> shown;  ///< everything visible that this run does not remove
  /// Placements: named where something of their version is already.
  std::set<std::string> only_where_named;
  std::vector<const Catalog*> catalogs;  ///< of the entries that were read
  bool every_item_is_there = true;       ///< no selected item failed
};

/// A line of the report's `published`.
struct PublishedDocument {
  std::string target;
  std::string path;
  bool changed = false;
};

struct PublicationResult {
  std::vector<PublishedDocument> documents;
  /// Why what is published now is not what it should be: nothing may be removed then.
  std::optional<Error> error;
  bool waits_for_items = false;  ///< the same, because an item failed
  std::vector<RegisteredAddress> registered;
  std::optional<Error> unregistered;  ///< why consumers are not led to what is published
  std::vector<std::string> notes;     ///< for people
};

/// How a destination's metadata comes about. `publish` is called once a run, after the items and
/// before any removal; it writes only what changed.
class Publication {
 public:
  virtual ~Publication() = default;
  /// Why nothing of these sources may come here: a root belongs to another family of readers.
  /// Asked before anything is written, and only where something will be. A root that can't be
  /// read now is no reason; `publish` will tell.
  virtual std::optional<Error> refusal(const std::vector<const Catalog*>& catalogs) = 0;
  virtual PublicationResult publish(const PublicationInput& input) = 0;
};

/// Metadata that names images, for Juju: products file, then index, in each store. A store that
/// fails does not stop the others. With a signer each document also stands there clear-signed, as
/// `.sjson`, and its signature beside it, as `.json.gpg` (`cli.md` §3). With a registration
/// consumers are then led to the first store.
class ImageIdsPublication final : public Publication {
 public:
  /// `account` tells the stores from those of the same name in another cloud or project. What is
  /// pointed to must outlive this; without a signer nothing is signed.
  ImageIdsPublication(ImageIdsStream stream, std::vector<std::unique_ptr<MetadataTarget>> stores,
                      DocumentCache& cache, std::string account, Signer* signer,
                      std::unique_ptr<Registration> registration = nullptr);
  std::optional<Error> refusal(const std::vector<const Catalog*>& catalogs) override;
  PublicationResult publish(const PublicationInput& input) override;

 private:
  std::string scope() const;
  void lead_to(const PublishedTexts& published, PublicationResult& result);

  ImageIdsStream stream_;
  std::vector<std::unique_ptr<MetadataTarget>> stores_;
  DocumentCache& cache_;
  std::string account_;
  Signer* signer_;
  std::unique_ptr<Registration> registration_;
};

/// The source's own documents, byte for byte, products before the indexes that name them; only when
/// every selected item is there (`cli.md` §3, `metadata: original`).
class OriginalDocuments final : public Publication {
 public:
  /// `tree` must outlive this.
  explicit OriginalDocuments(MetadataTarget& tree) : tree_(tree) {}
  std::optional<Error> refusal(const std::vector<const Catalog*>& catalogs) override;
  PublicationResult publish(const PublicationInput& input) override;

 private:
  MetadataTarget& tree_;
};

}  // namespace streamsync
