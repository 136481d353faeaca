#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/io/root_directory.h"
#include "streams/document.h"
#include "sync/ledger.h"
#include "sync/scrub_state.h"
#include "sync/superseded_state.h"
#include "sync/trust_state.h"

namespace streamsync {

struct CachedDocument : FetchedDocument {
  std::string examination;  ///< `TrustedText::examination_record`; empty: it was not verified
};

struct RunReport;

/// Documents as they were last fetched, with what the server said about them and what GnuPG found
/// in them, so that an unchanged one costs a conditional request and no GnuPG (`cli.md` §4.9).
class DocumentCache {
 public:
  virtual ~DocumentCache() = default;
  virtual std::optional<CachedDocument> find(const std::string& url) = 0;
  /// No write when the same is there already.
  virtual void store(const std::string& url, const Validator& validator, const Spool& document,
                     const std::string& examination) = 0;
};

/// Where a run keeps what no target can tell it (`cli.md` §3, `state_dir`): cached documents and
/// the record of the last run. Mode 0700, files 0600 by umask of the process. One thread.
class StateDirectory final : public DocumentCache {
 public:
  /// Throws `Error{Config, Local}` when it can't be made.
  explicit StateDirectory(const std::filesystem::path& path);

  /// Held as long as the result lives; throws `Error{Busy, Local}` (exit 7).
  std::unique_ptr<FileLock> lock() const;

  std::optional<CachedDocument> find(const std::string& url) override;
  void store(const std::string& url, const Validator& validator, const Spool& document,
             const std::string& examination) override;

  TrustState trust() const;
  /// The ledger first: what is trusted is in it.
  void accept(const TrustState& trust, const std::vector<LedgerEntry>& entries);
  /// Throws `Error{Config, Local}` when it is damaged.
  SupersededState superseded() const;
  void remember(const SupersededState& superseded);
  /// Throws `Error{Config, Local}` when it is damaged.
  ScrubState scrubbed() const;
  void remember(const ScrubState& scrubbed);
  std::vector<LedgerEntry> ledger() const { return Ledger(root_).read(); }

  /// Of its actions those that are news: a run that finds all in place writes next to nothing.
  void record_run(const RunReport& report);

 private:
  RootDirectory root_;
};

/// For commands that change nothing, and for a first run: always empty.
class NoCache final : public DocumentCache {
 public:
  std::optional<CachedDocument> find(const std::string&) override { return std::nullopt; }
  void store(const std::string&, const Validator&, const Spool&, const std::string&) override {}
};

/// Reads through another cache and writes nothing: `plan` changes nothing.
class ReadOnlyCache final : public DocumentCache {
 public:
  explicit ReadOnlyCache(DocumentCache& cache) : cache_(cache) {}
  std::optional<CachedDocument> find(const std::string& url) override { return cache_.find(url); }
  void store(const std::string&, const Validator&, const Spool&, const std::string&) override {}

 private:
  DocumentCache& cache_;
};

}  // namespace streamsync
