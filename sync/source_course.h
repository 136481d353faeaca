#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "base/crypto/digest.h"
#include "streams/source.h"

namespace streamsync {

/// What was hashed of a content at the ends of its last parts, so that what comes behind one of
/// them can be fetched and hashed again (docs/adr/0031). One thread.
class HashTrail {
 public:
  void note(HashedBeginning beginning) {
    marks_.push_back(std::move(beginning));
    if (marks_.size() > kMost) marks_.pop_front();
  }
  std::optional<HashedBeginning> at(std::uint64_t size) const {
    const auto found = std::find_if(marks_.begin(), marks_.end(),
                                    [size](const auto& mark) { return mark.size == size; });
    return found == marks_.end() ? std::nullopt : std::optional(*found);
  }
  /// What comes behind `size` comes anew.
  void cut(std::uint64_t size) {
    while (!marks_.empty() && marks_.back().size > size) marks_.pop_back();
  }

 private:
  // The pipe holds less than two parts, and a target one that it does not vouch for yet.
  static constexpr std::size_t kMost = 4;
  std::deque<HashedBeginning> marks_;
};

/// How a content comes from its sources. Who calls for its transfers keeps it, so that each begins
/// where the one before it has brought the targets. One thread.
struct SourceCourse {
  std::size_t place = 0;    ///< in `TransferOrder::places`
  ItemProgress progress{};  ///< of the source there
  std::uint64_t from = 0;   ///< where the last attempt began
  HashTrail trail{};

  void move_on() {
    ++place;
    progress.validator.clear();
    progress.takes_parts = true;
  }
};

}  // namespace streamsync
