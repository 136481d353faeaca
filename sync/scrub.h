#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "streams/target.h"
#include "sync/observer.h"
#include "sync/scrub_state.h"
#include "sync/tree_check.h"

namespace streamsync {

/// What one run has read again.
struct ScrubFindings {
  std::map<std::string, Error, std::less<>> damaged{};  ///< by placement
  std::vector<Error> unread{};
  std::optional<Scrubbed> news{};  ///< to be kept for the next run; none: as it was
};

/// Which items of a tree one run reads again (threats-and-faults.md F12, docs/adr/0029): each has
/// its moment in every period, by its digest, and is due in the first run after that. So runs share
/// the work however often they come, and nothing is kept for each item.
class Scrub {
 public:
  /// `last` is none for a tree that was never read again: its first period begins now.
  Scrub(std::chrono::seconds period, const std::optional<Scrubbed>& last, Time now);

  bool is_due(const Held& held) const;

  /// Reads what is due and notes what is damaged in `inventory`. Throws as
  /// `streamsync::read_again` does.
  ScrubFindings read_again(std::vector<Held>& inventory, ItemTarget& tree,
                           const ReadingRules& rules, Observer& observer) const;

 private:
  std::chrono::seconds period_;
  Scrubbed last_;
  Time now_;
  bool begins_anew_;
};

}  // namespace streamsync
