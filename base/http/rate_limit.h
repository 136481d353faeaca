#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <utility>

namespace streamsync {

/// So many bytes a second, shared by all who take from it, in the order of their coming
/// (`cli.md` §3, limit_rate). Thread-safe.
class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;

  /// `bytes_per_second` is not 0. Waits end with `Cancelled` when `stop` is requested.
  RateLimit(std::uint64_t bytes_per_second, std::stop_token stop)
      : bytes_per_second_(bytes_per_second), stop_(std::move(stop)) {}

  /// When these bytes may pass, which come at `now`.
  Clock::time_point reserve(std::size_t bytes, Clock::time_point now);
  void wait_for_room(std::size_t bytes);

 private:
  const std::uint64_t bytes_per_second_;
  const std::stop_token stop_;
  std::mutex mutex_;
  Clock::time_point free_at_{};
};

}  // namespace streamsync
