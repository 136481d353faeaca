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
    for (;;) {
      int signal = 0;
      if (sigwait(&waited_for, &signal) != 0) continue;
      if (ended.stop_requested()) return;
      if (signal_.exchange(signal) != 0) {
        _exit(128 + signal);
      }
      stop_.request_stop();
    }
  });
}

Interrupts::~Interrupts() {
  waiter_.request_stop();
  pthread_kill(waiter_.native_handle(), SIGTERM);  // so that it looks
}

int Interrupts::exit_status() const noexcept {
  const int signal = signal_;
  return signal == 0 ? 0 : 128 + signal;
}

}  // namespace streamsync
