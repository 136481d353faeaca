#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "base/http/served_hosts.h"
#include "base/http/silent_servers.h"

namespace streamsync {

/// How long a run has waited for each host so far; threads that wait at the same time wait once.
/// Thread-safe.
class WaitsPerHost {
 public:
  using Clock = std::chrono::steady_clock;

  /// Adds a wait that begins now, unless it is more than `budget` together with those before: then
  /// false.
  bool add(const std::string& host, Clock::time_point now, std::chrono::milliseconds wait,
           std::chrono::seconds budget);

 private:
  struct Waits {
    std::chrono::milliseconds total{};
    Clock::time_point until{};
  };
  std::mutex mutex_;
  std::map<std::string, Waits> hosts_;
};

/// Hears the error and the wait before each repetition.
using RetryListener = std::function<void(const Error&, std::chrono::milliseconds)>;

/// `cli.md` §3, `retries`. Copies count together: a run has one policy.
struct RetryPolicy {
  unsigned attempts = 5;
  std::chrono::seconds max_wait{60};  ///< for one wait, Retry-After included
  std::chrono::seconds budget{600};   ///< for all waits for one host, and for its silence
  std::shared_ptr<WaitsPerHost> waits = std::make_shared<WaitsPerHost>();
  std::shared_ptr<ServedHosts> served = std::make_shared<ServedHosts>();
  std::shared_ptr<SilentServers> silent = std::make_shared<SilentServers>();
  /// Of calls that have no listener of their own; several threads call it. May be empty.
  RetryListener on_retry{};
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

/// The wait for the host of `error` that `retry_delay` says, counted; none when the budget of that
/// host does not have it. Of what is no host's fault nothing is counted: attempts end it.
std::optional<std::chrono::milliseconds> next_wait(unsigned attempt, const RetryPolicy& policy,
                                                   const Error& error);

/// With the one below the only place that retries. `action` must be safe to repeat as a whole.
/// Where `on_retry` is empty the policy's listens. The last attempt of who is told to come back
/// later is not the last while that host serves others, for a quarter of the budget. What another
/// layer has given up is not tried again.
void retrying(const RetryPolicy& policy, std::stop_token stop, const RetryListener& on_retry,
              const std::function<void()>& action);

/// As `retrying`; where all attempts are used up and `come`, a number of bytes, has grown by a MiB
/// since the first of them, there are as many again.
void retrying_while_it_comes(const RetryPolicy& policy, std::stop_token stop,
                             const RetryListener& on_retry,
                             const std::function<std::uint64_t()>& come,
                             const std::function<void()>& action);

}  // namespace streamsync
