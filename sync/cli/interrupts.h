#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>

namespace streamsync {

/// Turns SIGINT, SIGTERM and the end of the time that a run may take into a stop request. A signal
/// after that ends the process at once, and so does the first reason when nobody heeds it in time
/// (docs/adr/0024). Make it before any other thread: it blocks the signals for all that come after.
class Interrupts {
 public:
  /// `last_word` tells people why the run was interrupted. It is called in a thread of its own, at
  /// most once, while the others do what they do.
  explicit Interrupts(std::function<void(const std::string& why)> last_word);
  /// From here on the process ends as it would without an interrupt.
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  /// The process may last so long (`timeouts.run`), counted from when this was made.
  void end_after(std::chrono::seconds limit);

  std::stop_token token() const noexcept { return stop_.get_token(); }
  /// 128 + signal, or that of a guard when the time is over; 0 when nothing has interrupted us.
  int exit_status() const noexcept { return exit_status_; }
  /// One line for people.
  std::string why() const;
  /// Whether the caller is to say that the run was interrupted: true for the first one alone.
  bool take_last_word() noexcept { return !is_taken_.exchange(true); }

 private:
  using Clock = std::chrono::steady_clock;  // a clock that is set changes nothing

  void wait(const std::stop_token& ended);
  void say_last_word() noexcept;

  std::function<void(const std::string& why)> last_word_;
  const Clock::time_point began_ = Clock::now();
  std::stop_source stop_;
  std::atomic<std::chrono::seconds> limit_{};
  std::atomic<Clock::time_point> deadline_{Clock::time_point::max()};
  std::atomic<int> exit_status_{0};
  std::atomic<bool> is_taken_{false};
  std::jthread waiter_;
};

}  // namespace streamsync
