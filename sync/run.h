#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "streams/target.h"
#include "sync/config.h"
#include "sync/entry_source.h"
#include "sync/observer.h"
#include "sync/publication.h"
#include "sync/report.h"
#include "sync/scrub_state.h"
#include "sync/state_directory.h"

namespace streamsync {

/// One place that item bytes go to, and how its metadata is published: one region of a cloud for
/// all entries, or the tree of one entry.
struct Destination {
  std::string target;  ///< "glance", or the root of a tree
  std::string cloud, region;
  CatalogScope scope = CatalogScope::ImageDownloads;
  /// What an entry without item_filters selects: upstream's defaults for images (§2.1).
  std::vector<std::string> default_filters;
  std::vector<std::size_t> entries;  ///< of the mirror_list
  std::optional<Error>
      unavailable;  ///< it can't even be asked what it holds; then all below is none
  std::unique_ptr<ItemTarget> items;
  MetadataTarget* documents = nullptr;       ///< of a tree: the same as `items`
  std::unique_ptr<Publication> publication;  ///< may be none: nothing is published
  std::optional<Error> publication_error;    ///< why there is none, when there should be
};

enum class RunMode { Plan, Sync };

struct RunRequest {
  RunMode mode = RunMode::Sync;
  /// Entries to act for; empty: all. The others still say what they want to keep.
  std::vector<std::string> mirrors;
  Verification verification = Verification::Required;
  /// What was accepted of the sources before.
  TrustState trust;
  /// The operator's reason to take a source that went back, or that is no longer signed.
  std::optional<std::string> accept_rollback, accept_unsigned;
  /// Keeps what was accepted now; called before the first write, and only when there is news.
  std::function<void(const TrustState&, const std::vector<LedgerEntry>&)> remember;
  /// What earlier runs took out of the metadata and did not remove yet.
  SupersededState superseded{};
  /// Keeps what this one leaves; called only when there is news.
  std::function<void(const SupersededState&)> remember_superseded{};
  /// How far the rolling check had come.
  ScrubState scrubbed{};
  /// Keeps how far it has come; called only when something was read again, or begins to be.
  std::function<void(const ScrubState&)> remember_scrubbed{};
};

/// One run over all entries and destinations: read, select, plan, copy, publish, remove. Failures
/// of one entry or destination are in the report and stop no other; `Cancelled` ends the run.
class Run {
 public:
  /// `report` has begun; it is filled as the run goes, so what ends that early leaves in it how far
  /// it has come. All references must outlive this.
  Run(const Config& config, std::vector<Destination> destinations, DocumentCache& cache,
      Observer& observer, std::stop_token stop, RunReport& report);
  ~Run();

  void execute(const RunRequest& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace streamsync
