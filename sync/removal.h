#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/time.h"
#include "streams/target.h"
#include "sync/observer.h"
#include "sync/plan.h"

namespace streamsync {

/// Since when nothing names an item any more, by placement. Also known without grace: what could
/// not be removed must not be named again.
using Leaving = std::map<std::string, Time>;

/// How long what nothing names any more stays (`cli.md` §3, `grace`).
struct Grace {
  std::chrono::seconds length{};
  Leaving known{};  ///< by earlier runs
  Time now{};
};

/// The Removes of one plan, when nothing names their items any more: after publication. All
/// arguments must outlive it.
class Removals {
 public:
  Removals(Plan& plan, std::vector<ActionResult>& results, ItemTarget& target, Observer& observer);

  /// None of them is done, on purpose.
  void withhold(const std::string& reason);

  /// Makes Keeps of those that are not withheld and that were named until a short while ago.
  void grant(const Grace& grace);

  /// Makes Hides and Keeps of those that are not withheld and that something stands against.
  void judge();

  /// Does what is left, and tells of all. One that fails stops no other. Throws `Cancelled` when
  /// asked to end.
  void carry_out(const std::stop_token& stop);

  /// For the next run: what it is to know of those that are still there.
  Leaving leaving() const;

 private:
  bool is_open(std::size_t index) const;
  void grant(std::size_t index, const Grace& grace);
  void settle(std::size_t index, const Removal& removal);
  void remove(std::size_t index);

  Plan& plan_;
  std::vector<ActionResult>& results_;
  ItemTarget& target_;
  Observer& observer_;
  std::vector<std::size_t> removes_;  ///< indexes of what was planned as one
  Leaving since_;
};

}  // namespace streamsync
