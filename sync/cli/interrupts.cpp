#include "sync/cli/interrupts.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

namespace streamsync {
namespace {

sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

Interrupts::Interrupts() {
  const auto signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  waiter_ = std::jthread([this](const std::stop_token& ended) {
    const auto waited_for = ending_signals();
    constexpr timespec kLook{.tv_sec = 0, .tv_nsec = 50'000'000};
    while (!ended.stop_requested()) {
      const int signal = sigtimedwait(&waited_for, nullptr, &kLook);
      if (signal <= 0) {
        continue;
      }
      if (signal_.exchange(signal) != 0) {
        _exit(128 + signal);
      }
      stop_.request_stop();
    }
  });
}

Interrupts::~Interrupts() = default;

int Interrupts::exit_status() const noexcept {
  const int signal = signal_;
  return signal == 0 ? 0 : 128 + signal;
}

}  // namespace streamsync
