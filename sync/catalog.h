#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/crypto/openpgp.h"
#include "base/http/retry.h"
#include "streams/source.h"
#include "streams/tags.h"
#include "sync/state_directory.h"

namespace streamsync {

enum class Verification { Required, Off };

/// Who vouches for a source's documents.
struct TrustPolicy {
  Verification verification = Verification::Required;  ///< Off: `--no-verify`
  std::shared_ptr<const Keyring> keyring;  ///< none: only unsigned documents can be taken
  SignaturePolicy signatures;
  bool allow_unsigned = false;
};

/// Which documents of an index are wanted.
enum class CatalogScope {
  ImageDownloads,  ///< datatype=image-downloads: what can become an image (`upstream-gss.md` §2.1)
  Everything,      ///< a mirror carries whatever the index names
};

/// One document as fetched and as vouched for.
struct CatalogDocument {
  RelativePath path;
  FetchedDocument fetched;
  TrustedText text;
  bool holds_products = false;  ///< products:1.0, else an index
};

/// A verified, complete set of documents of one source, the entry document first, then in the order
/// in which the indexes name them. Move-only.
struct Catalog {
  std::size_t base = 0;  ///< which of the source's bases answered
  std::vector<CatalogDocument> documents;
  std::vector<std::string> missing;  ///< named by an index, 404 at the source
  std::set<std::string> signed_by;
};

/// What reading a catalog needs besides the source.
struct CatalogReader {
  TrustPolicy trust;
  CatalogScope scope = CatalogScope::ImageDownloads;
  std::function<bool(const Tags&)> index_filter;  ///< none: all entries in scope
  RetryPolicy retries;
  std::stop_token stop;
  DocumentCache& cache;

  /// Fetches `entry` and what it leads to from the first of `bases` that has all of it, else from
  /// the first that has some; any failure of a base is followed by the next. Nothing is requested
  /// of a base after a document that was refused, and a refusal is the error that is reported. The
  /// cache is written only with what was verified, when the walk is at its end.
  Catalog read(const std::vector<std::unique_ptr<Source>>& bases, const RelativePath& entry) const;
};

}  // namespace streamsync
