#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/relative_path.h"
#include "base/time.h"
#include "streams/json.h"

namespace streamsync {

/// What is remembered of a document that was accepted (`cli.md` §4.8; threats-and-faults.md T6).
struct AcceptedDocument {
  std::optional<Time> updated;
  std::optional<Time> signed_at;
  std::string sha256;                  ///< of the signed text: signing it again changes nothing
  std::vector<std::string> signed_by;  ///< empty: it was taken unsigned
  bool operator==(const AcceptedDocument&) const = default;
};

/// As the trust state and the ledger have it. Throws `std::bad_variant_access` and
/// `std::out_of_range` for what is not of that form.
AcceptedDocument accepted_document_of(const JsonObject& object);

/// The documents of one source: products by content_id, indexes by `stream_of_index`.
using AcceptedDocuments = std::map<std::string, AcceptedDocument, std::less<>>;

/// An index has no content_id.
std::string stream_of_index(const RelativePath& path);

/// Those of its products.
std::set<std::string> content_ids_of(const AcceptedDocuments& documents);

/// Whether anything of it was signed: then it stays so (T4).
bool was_signed(const AcceptedDocuments& documents);

/// The newest accepted documents of every source, by the URL of its entry document at its first
/// base, whichever base answered.
/// Pure data; the state directory keeps it.
class TrustState {
 public:
  /// Throws `Error{Config, Local}` for anything that `str` did not write: a damaged state must not
  /// pass for a first run.
  static TrustState parse(std::string_view json, const std::string& file);
  std::string str() const;

  /// Empty for a source that was never read.
  const AcceptedDocuments& of(const std::string& source) const;
  /// What is known of other documents of the source stays. False when there is no news.
  bool accept(const std::string& source, const AcceptedDocuments& documents);

 private:
  std::map<std::string, AcceptedDocuments, std::less<>> sources_;
};

}  // namespace streamsync
