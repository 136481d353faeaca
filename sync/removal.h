#pragma once

#include <cstddef>
#include <stop_token>
#include <string>
#include <vector>

#include "streams/target.h"
#include "sync/observer.h"
#include "sync/plan.h"

namespace streamsync {

/// The Removes of one plan, when nothing names their items any more: after publication. All
/// arguments must outlive it.
class Removals {
 public:
  Removals(Plan& plan, std::vector<ActionResult>& results, ItemTarget& target, Observer& observer);

  /// None of them is done, on purpose.
  void withhold(const std::string& reason);

  /// Makes Hides and Keeps of those that are not withheld and that something stands against.
  void judge();

  /// Does what is left, and tells of all. One that fails stops no other. Throws `Cancelled` when
  /// asked to end.
  void carry_out(const std::stop_token& stop);

 private:
  bool is_open(std::size_t index) const;
  void settle(std::size_t index, const Removal& removal);
  void remove(std::size_t index);

  Plan& plan_;
  std::vector<ActionResult>& results_;
  ItemTarget& target_;
  Observer& observer_;
  std::vector<std::size_t> removes_;  ///< indexes of what was planned as one
};

}  // namespace streamsync
