#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
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
  std::map<std::string, Error, std::less<>> unread{};
};

/// Which items of a tree one run reads again (threats-and-faults.md F12, docs/adr/0029): each has
/// its moment in every period, by its digest, and is due in the first run after that. So runs share
/// the work however often they come, and nothing is kept for each item. One thread.
class Scrub {
 public:
  using Clock = std::chrono::steady_clock;
  using Keep = std::function<void(const Scrubbed&)>;

  /// `last` is none for a tree that was never read again: its first period begins now.
  Scrub(std::chrono::seconds period, const std::optional<Scrubbed>& last, Time now);

  bool is_due(const Held& held) const;

  /// Reads what is due, in the order of its moments, and notes what is damaged in `inventory`. How
  /// far it has come is kept again and again; what is due past `end` is left to the next run.
  /// Throws as `streamsync::read_again` does.
  ScrubFindings read_again(std::vector<Held>& inventory, ItemTarget& tree,
                           const ReadingRules& rules, std::optional<Clock::time_point> end,
                           Observer& observer, const Keep& keep) const;

 private:
  /// One that is to be read, for all items that share it.
  struct Due {
    bool was_wrong = false;         ///< these come first
    std::chrono::seconds moment{};  ///< since `begin_`
    std::vector<Held*> held{};
  };
  std::optional<std::chrono::seconds> moment_of(const Held& held) const;
  std::vector<Due> all_due(std::vector<Held>& inventory) const;

  std::chrono::seconds period_;
  Scrubbed last_;
  Time begin_;  ///< of what is due, until `now_`
  Time now_;
  bool is_kept_;  ///< a time that can be gone on with
};

}  // namespace streamsync
