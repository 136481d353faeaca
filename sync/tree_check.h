#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string_view>
#include <vector>

#include "base/crypto/openpgp.h"
#include "base/error.h"
#include "base/http/retry.h"
#include "streams/target.h"
#include "sync/observer.h"
#include "sync/plan.h"

namespace streamsync {

/// Reads again what a tree holds and compares it with what was promised (`cli.md` §1, `verify`;
/// threats-and-faults.md F12). Changes nothing. The tree and the observer must outlive this.
class TreeCheck {
 public:
  /// Asks the tree what it holds.
  TreeCheck(ItemTarget& tree, std::size_t jobs, RetryPolicy retries, std::stop_token stop,
            Observer& observer);

  /// Whether there is a record of anything.
  bool is_empty() const noexcept { return recorded_.empty(); }

  /// What a document of the tree says of an item counts more than what a record does: it is what
  /// readers compare with. Throws as `read_products` does.
  void believe(const TrustedText& document, std::string_view where);

  /// A Keep for each item that is held or was begun, or that is gone and a document names, in the
  /// order of the records. `blob` is what is promised of it; none: nothing that can be used, and
  /// `error` says why.
  std::vector<Action> items() const;

  /// Which of `items` are not as promised, or can't be read, and why: by their numbers. As many as
  /// there are jobs are read at once. Throws `Cancelled` when asked to end.
  std::map<std::size_t, Error> damaged(const std::vector<Action>& items) const;

 private:
  void read_again(const Action& item, const std::function<void(std::uint64_t)>& on_bytes) const;

  ItemTarget& tree_;
  std::size_t jobs_;
  RetryPolicy retries_;
  std::stop_token stop_;
  Observer& observer_;
  std::vector<Action> recorded_;  // not `is_named`: maybe it never came
};

}  // namespace streamsync
