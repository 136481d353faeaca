#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

namespace streamsync {

/// Turns SIGINT and SIGTERM into a stop request; a second one ends the process at once. Make it
/// before any other thread: it blocks the signals for all that come after.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  std::stop_token token() const noexcept { return stop_.get_token(); }
  /// 128 + signal, 0 when there was none.
  int exit_status() const noexcept;

 private:
  std::stop_source stop_;
  std::atomic<int> signal_{0};
  std::jthread waiter_;
};

}  // namespace streamsync
