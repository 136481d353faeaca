#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

#include "sync/job_events.h"
#include "sync/plan.h"
#include "sync/silent_targets.h"
#include "sync/transfer.h"

namespace streamsync {

/// The bases of one entry, in the order in which items are asked for: the one that gave the
/// documents first.
using ItemSources = std::vector<Source*>;

/// An item that is to come to a target, with the action that says so.
struct WantedItem {
  ActionId id;
  const Action* action;
  ItemTarget* target;
  const ItemSources* sources;
};

/// An item that a target holds.
struct PresentItem {
  ItemTarget* target;
  Held held;
};

/// Brings one content to all items that want it, wherever they are: what a target has is linked or
/// copied, the rest fetched once for all of them. What becomes of each is posted. Targets that are
/// silent are left out. One thread.
class ContentCopy {
 public:
  /// All of `wanted` have the same size and strongest digest; what is `present` has that size and a
  /// SHA-2 digest in common with one of them.
  ContentCopy(std::vector<WantedItem> wanted, std::vector<PresentItem> present,
              const TransferRules& rules, SilentTargets& silent, JobEvents& events);

  /// Throws `Cancelled` when asked to end.
  void run();

 private:
  using Clock = std::chrono::steady_clock;

  bool is_left_out(const WantedItem& wanted);
  bool is_there(const WantedItem& wanted);
  bool is_adopted(const WantedItem& wanted);
  bool is_taken_over(const WantedItem& wanted);
  bool is_linked(const WantedItem& wanted);
  void begin_round();
  void bring();
  void fail_round(const Error& error);
  void copy_from(const std::vector<ItemPlace>& places, SourceCourse& course);
  void copy_once(const std::vector<ItemPlace>& places, SourceCourse& course);
  std::vector<Delivery> deliveries() const;
  std::vector<ItemPlace> places() const;
  HeadStart head_start();
  void tell(std::vector<Delivered> delivered);
  void tell_progress(const Arrival& arrival);
  void tell_retry(const Error& error, std::chrono::milliseconds wait);
  void staged(const WantedItem& wanted, Held held);
  void failed(const WantedItem& wanted, const Error& error);

  std::vector<WantedItem> wanted_;
  std::vector<PresentItem> present_;
  const TransferRules& rules_;
  SilentTargets& silent_;
  JobEvents& events_;
  std::vector<WantedItem> round_;       ///< what is being brought now: one item a target
  std::map<ActionId, Error> failures_;  ///< of the round's items, the last of each
  Clock::time_point began_{};
  FetchedBytes fetched_;     ///< and not told yet
  std::uint64_t known_ = 0;  ///< of what was brought last, as in `Arrival`
};

}  // namespace streamsync
