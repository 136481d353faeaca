#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/http/rate_limit.h"
#include "base/http/retry.h"
#include "sync/content_copy.h"
#include "sync/observer.h"
#include "sync/plan.h"
#include "sync/transfer.h"

namespace streamsync {

/// A plan, and where it is carried out.
struct Assignment {
  ItemTarget* target;
  Plan plan;
  std::vector<ItemSources> sources;  ///< of each entry of the mirror_list
  /// Whether the source of an entry is not any more as the plan knows it. Empty: nobody can tell.
  std::function<bool(std::size_t entry)> has_changed{};
};

/// Carries out several plans together: bytes that more than one of them wants are fetched once. The
/// calling thread alone owns plans, results and observer; at most `jobs` transfers run beside it
/// and report to it (docs/adr/0002).
class Executor {
 public:
  /// `rate` is what the sources obey, and copies from target to target with them; maybe none.
  Executor(const std::vector<Assignment>& assignments, std::size_t jobs, RetryPolicy retries,
           std::shared_ptr<RateLimit> rate, std::stop_token stop, Observer& observer);

  /// Does every Update, then every Create and Adopt, `jobs` at once, each server's largest first,
  /// and gives the results of each assignment. An item is revealed when all items of its version
  /// that the plan brings are staged (`cli.md` §4.2). One failed item stops no other; Removes of
  /// its product are marked as withheld. What its source does not have is asked for once more at
  /// the end, and what is missing then says whether the source has changed meanwhile
  /// (threats-and-faults.md F7). A target that does not answer is left out until all others are
  /// done (docs/adr/0025). When asked to end it returns at once: what is not done by then stays
  /// Planned, and what is staged is found by the next run.
  std::vector<std::vector<ActionResult>> copy();

 private:
  const std::vector<Assignment>& assignments_;
  std::size_t jobs_;
  TransferRules rules_;
  Observer& observer_;
};

}  // namespace streamsync
