#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/io/bytes.h"
#include "base/time.h"
#include "sync/exit_status.h"
#include "sync/observer.h"
#include "sync/publication.h"

namespace streamsync {

/// What became of one entry of the mirror_list.
struct MirrorReport {
  std::string name;
  std::string url;  ///< without secrets
  std::vector<std::string> content_ids{};
  std::optional<std::string> updated{};
  std::vector<std::string> signed_by{};
  bool is_read = false;                 ///< in this run: all that was needed of it
  bool is_stale = false;                ///< past half of max_age
  std::vector<std::string> warnings{};  ///< what readers of what it gives trip over
  std::optional<Error> error{};
};

struct DestinationReport {
  std::string target, cloud, region;
  std::vector<Action> actions{};
  std::vector<ActionResult> results{};  ///< of each action
  std::vector<PublishedDocument> published{};
  std::vector<RegisteredAddress> registered{};
  std::optional<Error> error{};  ///< of the destination as a whole: listing, publishing, guard
};

/// What ended a run before it was done: an interrupt, or an error that let nothing begin.
struct Ending {
  int exit_code = 0;
  std::string kind;  ///< "interrupted", or that of the error
  std::string message;
};

/// Everything a run can tell (`cli.md` §5).
struct RunReport {
  std::string run_id;
  std::string command;
  Time started{}, finished{};
  std::vector<MirrorReport> mirrors;
  std::vector<DestinationReport> destinations;
  std::optional<Error> unwritten;       ///< why nobody got it who was to
  std::optional<Ending> ended_early{};  ///< then the rest says how far it had come

  /// Of a run that came to its end.
  ExitStatus exit_status() const;
  /// The line on stderr that ends a run that did not succeed: what, where, why, what to do.
  std::string verdict() const;
};

/// Of what begins now, under an id of its own.
RunReport begin_report(std::string command);

/// For people: "cloud/region", or the root of a tree.
std::string place_of(const DestinationReport& destination);

/// Which actions a report lists. Its totals count them all.
enum class ReportedActions {
  All,
  News,  ///< all but Keeps of what is as all want it: nearly none, in a run without news
};

/// `streamsync.report/1`, one JSON document, in blocks. `to` is not finished.
void write_json(const RunReport& report, ReportedActions actions, ByteSink& to);

/// The plan for people: one line per action, with reasons for what is kept and skipped.
std::string to_text(const RunReport& report);

}  // namespace streamsync
