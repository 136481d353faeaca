#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "base/http/retry.h"
#include "streams/source.h"
#include "streams/target.h"
#include "sync/observer.h"
#include "sync/plan.h"

namespace streamsync {

/// The bases of one entry, in the order in which items are asked for: the one that gave the
/// documents first.
using ItemSources = std::vector<Source*>;

/// Carries out a plan on one destination. The calling thread alone owns plan, results and observer;
/// at most `jobs` transfers run beside it and report to it (docs/adr/0002).
class Executor {
 public:
  /// `sources` has one element per entry of the mirror_list.
  Executor(ItemTarget& target, std::vector<ItemSources> sources, std::size_t jobs,
           RetryPolicy retries, std::stop_token stop, Observer& observer);

  /// Does every Create and Adopt, largest first. An item is revealed when all items of its version
  /// that the plan brings are staged (`cli.md` §4.2). One failed item stops no other; Removes of
  /// its product are marked as withheld.
  /// Throws `Cancelled` when asked to end; what is staged by then is found by the next run.
  std::vector<ActionResult> copy(const Plan& plan);

  /// Does the Removes that are not withheld. Call after publication.
  void remove(const Plan& plan, std::vector<ActionResult>& results);

  /// Marks all Removes as withheld.
  static void withhold_removals(const Plan& plan, std::vector<ActionResult>& results,
                                const std::string& reason);

 private:
  ItemTarget& target_;
  std::vector<ItemSources> sources_;
  std::size_t jobs_;
  RetryPolicy retries_;
  std::stop_token stop_;
  Observer& observer_;
};

}  // namespace streamsync
