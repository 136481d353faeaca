#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto/openpgp.h"
#include "base/error.h"
#include "base/http/rate_limit.h"
#include "base/http/retry.h"
#include "streams/target.h"
#include "sync/observer.h"
#include "sync/plan.h"

namespace streamsync {

/// How what a tree holds is read again.
struct ReadingRules {
  std::size_t jobs = 1;
  RetryPolicy retries;
  std::stop_token stop;
  std::shared_ptr<RateLimit> rate{};  ///< none: as fast as it can
};

/// A Keep of it. `blob` is what is promised of it by its record; none: nothing that can be used,
/// and `error` says why.
Action keep_of(Held held);

/// Which of `items`, all of them Keeps, are not as promised (`Error{Corrupt, Target}`), or can't be
/// read, and why: by their numbers. As many as there are jobs are read at once; where the tree does
/// not answer for one, the rest is not read. Throws `Cancelled` when asked to end.
std::map<std::size_t, Error> read_again(const std::vector<Action>& items, ItemTarget& tree,
                                        const ReadingRules& rules, Observer& observer);

/// Reads again what a tree holds and compares it with what was promised (`cli.md` §1, `verify`;
/// threats-and-faults.md F12, docs/adr/0027). Changes nothing. The tree and the observer must
/// outlive this.
class TreeCheck {
 public:
  /// Asks the tree what it holds.
  TreeCheck(ItemTarget& tree, ReadingRules rules, Observer& observer);

  /// What a document of the tree says of an item counts more than what a record does: it is what
  /// readers compare with. Throws as `read_products` does.
  void believe(const TrustedText& document, std::string_view where);

  /// Whether nothing is recorded, and nothing that a document names is there.
  bool is_empty() const noexcept { return found_.empty(); }
  /// Streams of `named` that are recorded and have no document that was believed.
  std::set<std::string> without_document(const std::set<std::string>& named) const;
  /// So many items are there, are named, and are in no record.
  std::size_t unrecorded() const noexcept { return unrecorded_; }
  const std::vector<Error>& damaged_records() const noexcept { return damaged_records_; }

  /// A Keep for each item that should be there, in the order of the records: a document names it,
  /// or something is at its place, or another item of its version is. `blob` is what is promised of
  /// it; none: nothing that can be used, and `error` says why.
  std::vector<Action> items() const;

  /// As `streamsync::read_again`.
  std::map<std::size_t, Error> failures(const std::vector<Action>& items) const;

 private:
  void name_siblings();

  ItemTarget& tree_;
  ReadingRules rules_;
  Observer& observer_;
  std::vector<Action> found_;  // `is_named`: it should be there
  std::vector<Error> damaged_records_;
  std::set<std::string> documented_;  // content_ids
  std::size_t unrecorded_ = 0;
};

}  // namespace streamsync
