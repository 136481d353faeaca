#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/crypto/digest.h"
#include "streams/source.h"

namespace streamsync {

/// What was hashed of a content at the end of each of its parts, so that what comes behind one of
/// them can be fetched and hashed again (docs/adr/0031). One thread.
class HashTrail {
 public:
  void note(HashedBeginning beginning) { marks_.push_back(std::move(beginning)); }
  std::optional<HashedBeginning> at(std::uint64_t size) const {
    const auto found = std::find_if(marks_.begin(), marks_.end(),
                                    [size](const auto& mark) { return mark.size == size; });
    return found == marks_.end() ? std::nullopt : std::optional(*found);
  }
  /// What came behind `size` comes anew.
  void cut(std::uint64_t size) {
    while (!marks_.empty() && marks_.back().size > size) marks_.pop_back();
  }

 private:
  std::vector<HashedBeginning> marks_;  // in order
};

/// How a content comes from its sources. Who calls for its transfers keeps it, so that each begins
/// where the one before it has brought the targets. One thread.
struct SourceCourse {
  std::size_t place = 0;        ///< in `TransferOrder::places`
  ItemProgress progress{};      ///< of the source there
  std::uint64_t unfetched = 0;  ///< so many first bytes came from no source
  HashTrail trail{};            ///< of what all targets were given by now
};

}  // namespace streamsync
