#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>

#include "base/error.h"

namespace streamsync {

/// `cli.md` §3, `retries`.
struct RetryPolicy {
  unsigned attempts = 5;
  std::chrono::seconds max_wait{60};  ///< for one wait, Retry-After included
  std::chrono::seconds budget{600};   ///< for all waits of one operation together
};

/// Whether trying the same again can help.
bool is_retryable(const Error& error) noexcept;

/// The wait before the `attempt`-th repetition (1 is the first): full jitter (a random share of
/// 0.5 s doubled each time), never less than the other side asked for, never more than `max_wait`.
/// `random` is in [0, 1).
std::chrono::milliseconds retry_delay(unsigned attempt, const RetryPolicy& policy,
                                      std::optional<std::chrono::seconds> retry_after,
                                      double random) noexcept;

/// Sleeps for `wait`, or throws `Cancelled` as soon as `stop` is requested.
void wait_for(std::chrono::milliseconds wait, std::stop_token stop);

/// The only place that retries. `action` must be safe to repeat as a whole. `on_retry`, when given,
/// hears the error and the wait before each repetition.
using RetryListener = std::function<void(const Error&, std::chrono::milliseconds)>;
void retrying(const RetryPolicy& policy, std::stop_token stop, const RetryListener& on_retry,
              const std::function<void()>& action);

}  // namespace streamsync
