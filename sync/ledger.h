#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/io/root_directory.h"
#include "sync/trust_state.h"

namespace streamsync {

/// A line of the ledger: a document that was accepted (threats-and-faults.md T12).
struct LedgerEntry {
  Time accepted_at{};
  std::string mirror;  ///< the entry's name
  std::string url;     ///< without secrets
  std::string stream;  ///< content_id, or the path of an index
  AcceptedDocument document;
  std::optional<std::string> accept_rollback;  ///< the operator's reason
  std::optional<std::string> accept_unsigned;  ///< the operator's reason
};

/// One JSON object, without a line end.
std::string to_json(const LedgerEntry& entry);

/// The append-only record of every document that was ever accepted, and by whose signature, so that
/// it can be told what a stolen key vouched for. JSON lines in the state directory.
class Ledger {
 public:
  /// `directory` must outlive this.
  explicit Ledger(const RootDirectory& directory) : directory_(directory) {}

  void append(const std::vector<LedgerEntry>& entries);
  /// In order of acceptance. A last line that a killed run left unfinished is left out; any other
  /// damage throws `Error{Config, Local}` with its line.
  std::vector<LedgerEntry> read() const;

 private:
  const RootDirectory& directory_;
};

}  // namespace streamsync
