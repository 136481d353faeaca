#pragma once

#include <chrono>
#include <cstdint>

#include "base/http/http_client.h"

namespace streamsync {

/// What a transfer is waiting for.
enum class TransferPhase {
  Connecting,      ///< nothing was sent yet; libcurl's own connect timeout watches
  AwaitingAnswer,  ///< all was sent, nothing of its answer has come
  Moving,          ///< a body is on its way, in either direction
};

struct TransferProgress {
  TransferPhase phase = TransferPhase::Connecting;
  std::uint64_t moved = 0;  ///< bytes in both directions since the transfer began
};

/// Decides when a transfer has waited too long. Pure: time is what the caller says it is, so that
/// time spent in a sink or a source can be left out.
class TransferWatchdog {
 public:
  using Duration = std::chrono::steady_clock::duration;
  enum class Verdict { Alive, NoAnswer, Stalled };

  explicit TransferWatchdog(const HttpTimeouts& timeouts) : timeouts_(timeouts) {}

  /// `elapsed` since the transfer began; never falls from call to call.
  Verdict check(Duration elapsed, const TransferProgress& progress);

 private:
  bool is_fast_enough(Duration waited, std::uint64_t moved) const;

  HttpTimeouts timeouts_;
  TransferProgress seen_;
  Duration since_{};
};

}  // namespace streamsync
