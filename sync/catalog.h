#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/crypto/openpgp.h"
#include "base/http/retry.h"
#include "streams/document_head.h"
#include "streams/source.h"
#include "streams/tags.h"
#include "sync/freshness.h"
#include "sync/state_directory.h"
#include "sync/trust_state.h"

namespace streamsync {

enum class Verification { Required, Off };

/// Whether a source that was signed once may come unsigned.
enum class Downgrade { Refused, Accepted };

/// Who vouches for a source's documents, and what they may not be older than.
struct TrustPolicy {
  Verification verification = Verification::Required;  ///< Off: `--no-verify`, all below is moot
  std::shared_ptr<const Keyring> keyring;  ///< none: only unsigned documents can be taken
  SignaturePolicy signatures;
  bool allow_unsigned = false;
  Downgrade downgrade = Downgrade::Refused;

  AcceptedDocuments known;  ///< of this source, from earlier runs
  Rollback rollback = Rollback::Refused;
  std::optional<std::chrono::seconds> max_age;
  Time now{};  ///< when the run began: a long one does not grow stale on its way (T7)
};

/// Which documents of an index are wanted.
enum class CatalogScope {
  ImageDownloads,  ///< datatype=image-downloads: what can become an image (`upstream-gss.md` §2.1)
  Everything,      ///< a mirror carries whatever the index names
};

/// A signature in a file of its own, beside its document.
struct DetachedSignature {
  RelativePath path;
  FetchedDocument fetched;
};

/// One document as fetched and as vouched for.
struct CatalogDocument {
  RelativePath path;
  Validator validator;
  TrustedText text;
  std::optional<DetachedSignature> signature;
  DocumentHead head;
  bool is_cached = false;  ///< with what GnuPG found in it
  bool holds_products() const { return head.format == "products:1.0"; }
};

/// A verified, complete set of documents of one source, the entry document first, then in the order
/// in which the indexes name them. Move-only.
struct Catalog {
  std::size_t base = 0;  ///< which of the source's bases answered
  std::vector<CatalogDocument> documents;
  std::set<std::string> named;       ///< content_ids of products that indexes name
  std::vector<std::string> missing;  ///< named by an index, 404 at the source
  /// The missing ones that the source had before; none with `Rollback::Accepted`.
  std::vector<std::string> vanished;
  std::vector<std::string> passed_by;  ///< what is wrong with bases before this one
  AcceptedDocuments accepted;          ///< what to remember; nothing with `--no-verify`
  /// Of `accepted`: only by `Rollback::Accepted`; the entry document, when none of the former
  /// streams is there.
  std::set<std::string> rolled_back;
  std::set<std::string> downgraded;  ///< of `accepted`: only by `Downgrade::Accepted`
  Freshness freshness = Freshness::Fresh;

  /// Fingerprints of all keys that signed any of it.
  std::set<std::string> signed_by() const;
};

/// What reading a catalog needs besides the source.
struct CatalogReader {
  TrustPolicy trust;
  CatalogScope scope = CatalogScope::ImageDownloads;
  std::function<bool(const Tags&)> index_filter;  ///< none: all entries in scope
  RetryPolicy retries;
  RetryListener on_retry;  ///< may be empty
  std::stop_token stop;
  DocumentCache& cache;
  /// URLs whose cached documents this run has found unchanged, asking as for this entry: other
  /// scopes, and other entries with the same source, need not ask again.
  std::set<std::string>& unchanged;

  /// Fetches `entry` and what it leads to from the first of `bases` that has all of it, else from
  /// the first that has some; any failure of a base is followed by the next. Nothing is requested
  /// of a base after a document that was refused, and a refusal is the error that is reported. A
  /// set that does not fit together, because the source is being updated, is read again as often as
  /// `retries` says, then refused (threats-and-faults.md T8).
  Catalog read(const std::vector<std::unique_ptr<Source>>& bases, const RelativePath& entry) const;
  /// The same of one place.
  Catalog read(DocumentSource& source, const RelativePath& entry) const;

  /// Puts the documents into the cache, once all of them were found good. `base` is the one that
  /// the catalog came from.
  void keep(const Catalog& catalog, const DocumentSource& base) const;
};

/// Whether `base`, which `catalog` came from, has another of its documents by now. They are asked
/// for one after the other, once; where there is no answer it can't be told, which is false.
bool has_changed(const Catalog& catalog, DocumentSource& base);

}  // namespace streamsync
