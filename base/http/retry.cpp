#include "base/http/retry.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <random>
#include <utility>

namespace streamsync {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr double kFirstCeilingMs = 500;
// 2^40 × 0.5 s is past any `max_wait`, and far from what a double can't hold.
constexpr unsigned kMostDoublings = 40;

/// In [0, 1). Waits are rare, so the device may be asked each time and no state is kept.
double random_share() {
  std::random_device device;
  return std::generate_canonical<double, 32>(device);
}

std::string exhausted(const Error& error, const RetryPolicy& policy) {
  return fmt::format("this run has waited for {} as long as retries.budget lets it ({} s)",
                     error.host(), policy.budget.count());
}

void tell(const RetryPolicy& policy, const RetryListener& on_retry, const Error& error,
          Milliseconds wait) {
  const auto& listener = on_retry ? on_retry : policy.on_retry;
  if (listener) listener(error, wait);
}

// Counts attempts, in rounds of as many as the policy says.
class Attempts {
 public:
  Attempts(const RetryPolicy& policy, std::function<std::uint64_t()> come)
      : policy_(policy), come_(std::move(come)) {
    begin_round();
  }

  void begin() {
    ++all_;
    ++of_round_;
    served_since_ = std::max(round_began_, std::exchange(began_, Clock::now()) - kTogether);
  }

  // None after the last one: then `error` says so.
  std::optional<Milliseconds> wait_after(Error& error) {
    if (is_last() && has_turn_yet(error)) --of_round_;
    const auto attempt = of_round_;
    if (is_last() && come_() >= enough_) begin_round();
    if (!is_last()) {
      if (const auto wait = next_wait(attempt, policy_, error)) return wait;
      error.add_context(exhausted(error, policy_));
    }
    if (all_ > 1) error.add_context(fmt::format("given up after {} attempts", all_));
    error.give_up();
    return std::nullopt;
  }

 private:
  using Clock = ServedHosts::Clock;
  // Those who were told the same come back together. Any of them may be the first, and a refusal
  // may be here before the answer of who is served.
  static constexpr Milliseconds kTogether{1000};
  // One that is refused for ever must leave something of the budget to the others.
  static constexpr int kShareOfQueueing = 4;
  static constexpr std::uint64_t kWorthAnotherRound = 1024 * 1024;

  void begin_round() {
    of_round_ = 0;
    round_began_ = began_ = Clock::now();
    enough_ = come_() + kWorthAnotherRound;
  }
  bool is_last() const { return of_round_ >= policy_.attempts; }
  // As long as others are served there is a queue, and this one's turn comes.
  bool has_turn_yet(const Error& error) const {
    return of_round_ > 1 && error.retry_after() > std::chrono::seconds(0) &&
           Clock::now() - round_began_ < policy_.budget / kShareOfQueueing &&
           policy_.served->has_served(error.host(), served_since_);
  }

  const RetryPolicy& policy_;
  const std::function<std::uint64_t()> come_;
  unsigned all_ = 0;
  unsigned of_round_ = 0;
  Clock::time_point round_began_{};
  Clock::time_point began_{};  // the attempt
  Clock::time_point served_since_{};
  std::uint64_t enough_ = 0;
};

}  // namespace

bool is_retryable(const Error& error) noexcept {
  const bool may_pass =
      error.kind() == ErrorKind::Transient || error.kind() == ErrorKind::RateLimited;
  return may_pass && !error.is_given_up();
}

Milliseconds retry_delay(unsigned attempt, const RetryPolicy& policy,
                         std::optional<std::chrono::seconds> retry_after, double random) noexcept {
  // In floating point until it is capped: a Retry-After can be any number of seconds.
  const unsigned doublings = std::min(attempt > 0 ? attempt - 1 : 0, kMostDoublings);
  const double jittered = random * std::ldexp(kFirstCeilingMs, static_cast<int>(doublings));
  const double asked = retry_after ? static_cast<double>(retry_after->count()) * 1000.0 : 0.0;
  const double most = static_cast<double>(policy.max_wait.count()) * 1000.0;
  return Milliseconds(static_cast<Milliseconds::rep>(std::min(std::max(jittered, asked), most)));
}

bool WaitsPerHost::add(const std::string& host, Clock::time_point now, Milliseconds wait,
                       std::chrono::seconds budget) {
  const std::lock_guard lock(mutex_);
  Waits& waits = hosts_[host];
  const auto begin = std::max(now, waits.until);
  const auto added =
      std::max(std::chrono::ceil<Milliseconds>(now + wait - begin), Milliseconds::zero());
  if (waits.total + added > budget) return false;
  waits.total += added;
  waits.until = std::max(waits.until, now + wait);
  return true;
}

std::optional<Milliseconds> next_wait(unsigned attempt, const RetryPolicy& policy,
                                      const Error& error) {
  const auto wait = retry_delay(attempt, policy, error.retry_after(), random_share());
  const auto now = WaitsPerHost::Clock::now();
  if (!error.host().empty() && !policy.waits->add(error.host(), now, wait, policy.budget)) {
    return std::nullopt;
  }
  return wait;
}

void wait_for(Milliseconds wait, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any never_notified;
  std::unique_lock lock(mutex);
  never_notified.wait_for(lock, stop, wait, [] { return false; });
  if (stop.stop_requested()) throw Cancelled();
}

void retrying(const RetryPolicy& policy, std::stop_token stop, const RetryListener& on_retry,
              const std::function<void()>& action) {
  const auto nothing_comes = [] { return std::uint64_t{0}; };
  retrying_while_it_comes(policy, std::move(stop), on_retry, nothing_comes, action);
}

void retrying_while_it_comes(const RetryPolicy& policy, std::stop_token stop,
                             const RetryListener& on_retry,
                             const std::function<std::uint64_t()>& come,
                             const std::function<void()>& action) {
  for (Attempts attempts(policy, come);;) {
    std::optional<Milliseconds> wait;
    try {
      attempts.begin();
      return action();
    } catch (Error& error) {
      if (!is_retryable(error)) throw;
      wait = attempts.wait_after(error);
      if (!wait) throw;
      tell(policy, on_retry, error, *wait);
    }
    wait_for(*wait, stop);
  }
}

}  // namespace streamsync
