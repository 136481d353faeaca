#pragma once

#include <atomic>
#include <functional>
#include <stop_token>
#include <thread>

namespace streamsync {

/// Turns SIGINT and SIGTERM into a stop request. A second one ends the process at once, and so does
/// the first when nobody heeds it in time (docs/adr/0024). Make it before any other thread: it
/// blocks the signals for all that come after.
class Interrupts {
 public:
  /// `last_word` tells people that the run was interrupted. It is called in a thread of its own, at
  /// most once, while the others do what they do.
  explicit Interrupts(std::function<void()> last_word);
  /// From here on the process ends as it would without a signal.
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  std::stop_token token() const noexcept { return stop_.get_token(); }
  /// 128 + signal, 0 when there was none.
  int exit_status() const noexcept;
  /// Whether the caller is to say that the run was interrupted: true for the first one alone.
  bool take_last_word() noexcept { return !is_taken_.exchange(true); }

 private:
  void wait(const std::stop_token& ended);
  void say_last_word() noexcept;

  std::function<void()> last_word_;
  std::stop_source stop_;
  std::atomic<int> signal_{0};
  std::atomic<bool> is_taken_{false};
  std::jthread waiter_;
};

}  // namespace streamsync
