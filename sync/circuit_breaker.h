#pragma once

#include <mutex>
#include <optional>

#include "base/error.h"

namespace streamsync {

/// Knows when a target, or the source of an entry, has stopped to answer. Each further item would
/// cost all attempts with their timeouts, and hold up whoever it is to be shared with. Thread-safe.
class CircuitBreaker {
 public:
  /// An item failed there. What says something of that item alone does not count.
  void failed(const Error& error);
  /// It answers, or is to have another chance.
  void close();
  /// Why it is not asked for anything; none: it is.
  std::optional<Error> refusal() const;

 private:
  mutable std::mutex mutex_;
  unsigned in_a_row_ = 0;
  std::optional<Error> last_;
};

}  // namespace streamsync
