#include "base/http/rate_limit.h"

#include <algorithm>

#include "base/http/retry.h"

namespace streamsync {

RateLimit::Clock::time_point RateLimit::reserve(std::size_t bytes, Clock::time_point now) {
  const std::chrono::duration<double> taken(static_cast<double>(bytes) /
                                            static_cast<double>(bytes_per_second_));
  const std::lock_guard lock(mutex_);
  const auto begin = std::max(free_at_, now);
  free_at_ = begin + std::chrono::duration_cast<Clock::duration>(taken);
  return begin;
}

void RateLimit::wait_for_room(std::size_t bytes) {
  // A wait costs more than such a moment.
  constexpr std::chrono::milliseconds kMoment{10};
  const auto now = Clock::now();
  const auto wait = reserve(bytes, now) - now;
  if (wait > kMoment) wait_for(std::chrono::duration_cast<std::chrono::milliseconds>(wait), stop_);
}

void LimitedSink::write(Bytes bytes) {
  if (rate_ != nullptr) rate_->wait_for_room(bytes.size());
  next_.write(bytes);
}

}  // namespace streamsync
