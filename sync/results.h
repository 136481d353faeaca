#pragma once

#include <map>
#include <string>
#include <vector>

#include "sync/job_events.h"
#include "sync/observer.h"
#include "sync/plan.h"

namespace streamsync {

/// What becomes of one plan at its target: reveals whole versions, tells the observer in plan
/// order. One thread.
class Results {
 public:
  Results(const Plan& plan, ItemTarget& target, Observer& observer);

  void staged(const Staged& event);
  void failed(const Failed& event);
  /// It is tried again later.
  void put_off(const Failed& event);
  /// As the target holds what has come, or was updated; none: neither.
  const Held* held(std::size_t index) const { return results_[index].held.get(); }
  void updated(const Updated& event);
  /// Whether an item of its version failed.
  bool version_failed(std::size_t index) const;
  /// It is complete, but may not be shown without the others of its version.
  void hold_back(std::size_t index);

  /// Shows the versions that are staged as a whole by now (`cli.md` §4.2).
  void reveal_versions();

  /// Removes what earlier runs began and nobody wants: nothing names it, and what comes may need
  /// its room.
  void remove_begun();

  /// Tells of what is done, in plan order. False while something before the Removes is not.
  bool tell();

  std::vector<ActionResult> take() &&;

 private:
  struct VersionProgress {
    std::vector<std::size_t> members;
    std::size_t missing = 0;
    bool failed = false;
  };

  void settle_without_bytes(std::size_t index);
  void item_ended(std::size_t index);
  void hold_back(const VersionProgress& version);
  void reveal(std::size_t index);
  void fail(std::size_t index, const Error& error);

  const Plan& plan_;
  ItemTarget& target_;
  Observer& observer_;
  std::vector<ActionResult> results_;
  std::map<VersionKey, VersionProgress> versions_;  ///< those of which something was to come
  std::vector<std::size_t> staged_;                 ///< of whole versions, to be revealed
  std::size_t told_ = 0;
};

/// Withholds the Removes of products of which an item failed, and no others: a version without its
/// successor stays (`cli.md` §4.2).
void withhold_predecessors(const Plan& plan, std::vector<ActionResult>& results);

/// Marks a Remove as one that is not done on purpose.
void withhold(ActionResult& result, std::string reason);

}  // namespace streamsync
