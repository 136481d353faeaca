#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <utility>

#include "base/io/bytes.h"

namespace streamsync {

/// So many bytes a second, shared by all who take from it, in the order of their coming
/// (`cli.md` §3, limit_rate): what comes from sources, and what one target gives for another.
/// Thread-safe.
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

/// Passes bytes on as fast as they may come.
class LimitedSink final : public ByteSink {
 public:
  /// `rate` null: at once.
  LimitedSink(ByteSink& next, RateLimit* rate) : next_(next), rate_(rate) {}

  void write(Bytes bytes) override;
  void finish() override { next_.finish(); }

 private:
  ByteSink& next_;
  RateLimit* rate_;
};

}  // namespace streamsync
