#include "sync/cli/interrupts.h"

#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <ctime>
#include <optional>
#include <utility>

namespace streamsync {
namespace {

using Clock = std::chrono::steady_clock;

// A run ends within two seconds (cli.md §2). What is left of them is for the kernel, which has to
// take the process down, and for a machine that is busy.
constexpr std::chrono::milliseconds kPatience{1500};

sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

timespec timespec_of(Clock::duration duration) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(duration);
  const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(duration - seconds);
  return {static_cast<time_t>(seconds.count()), static_cast<long>(rest.count())};
}

int next_signal() {
  const auto signals = ending_signals();
  int signal = 0;
  while (sigwait(&signals, &signal) != 0) continue;
  return signal;
}

// None when there is none before `deadline`. What else may wake us up, such as a debugger that
// lets go, is no signal.
std::optional<int> next_signal(Clock::time_point deadline) {
  const auto signals = ending_signals();
  for (;;) {
    const auto left = deadline - Clock::now();
    if (left < Clock::duration::zero()) return std::nullopt;
    const auto patience = timespec_of(left);
    if (const int signal = sigtimedwait(&signals, nullptr, &patience); signal > 0) return signal;
  }
}

}  // namespace

Interrupts::Interrupts(std::function<void()> last_word) : last_word_(std::move(last_word)) {
  const auto signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  waiter_ = std::jthread([this](const std::stop_token& ended) { wait(ended); });
}

Interrupts::~Interrupts() {
  waiter_.request_stop();
  pthread_kill(waiter_.native_handle(), SIGTERM);  // so that it looks
}

// Whoever destroys us waits for this to return: either that, or the process ends here.
void Interrupts::wait(const std::stop_token& ended) {
  const int signal = next_signal();
  if (ended.stop_requested()) return;
  signal_ = signal;
  stop_.request_stop();
  const auto second = next_signal(Clock::now() + kPatience);
  if (ended.stop_requested()) return;
  if (!second) say_last_word();
  _exit(128 + second.value_or(signal));
}

int Interrupts::exit_status() const noexcept {
  const int signal = signal_;
  return signal == 0 ? 0 : 128 + signal;
}

void Interrupts::say_last_word() noexcept {
  try {
    if (take_last_word()) last_word_();
  } catch (const std::exception&) {
    // Nothing may keep the process from ending.
  }
}

}  // namespace streamsync
