#include "base/http/transfer_watchdog.h"

namespace streamsync {
namespace {

// `cli.md` §3, `timeouts`: a stall is less than 1 KB/s.
constexpr std::uint64_t kSlowestBytesPerSecond = 1024;

}  // namespace

bool TransferWatchdog::is_fast_enough(Duration waited, std::uint64_t moved) const {
  if (moved == 0) return false;
  if (seen_.phase == TransferPhase::AwaitingAnswer) return true;
  const double seconds = std::chrono::duration<double>(waited).count();
  return static_cast<double>(moved) >= seconds * static_cast<double>(kSlowestBytesPerSecond);
}

TransferWatchdog::Verdict TransferWatchdog::check(Duration elapsed,
                                                  const TransferProgress& progress) {
  const Duration waited = elapsed - since_;
  const std::uint64_t moved = progress.moved - seen_.moved;
  if (progress.phase != seen_.phase || progress.phase == TransferPhase::Connecting ||
      is_fast_enough(waited, moved)) {
    seen_ = progress;
    since_ = elapsed;
    return Verdict::Alive;
  }
  if (progress.phase == TransferPhase::AwaitingAnswer) {
    return waited >= timeouts_.first_byte ? Verdict::NoAnswer : Verdict::Alive;
  }
  return waited >= timeouts_.stall ? Verdict::Stalled : Verdict::Alive;
}

}  // namespace streamsync
