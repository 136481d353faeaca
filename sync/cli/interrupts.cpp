#include "sync/cli/interrupts.h"

#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <optional>
#include <utility>

#include "sync/exit_status.h"

namespace streamsync {
namespace {

using Clock = std::chrono::steady_clock;

// A run ends within two seconds (cli.md §2). What is left of them is for the kernel, which has to
// take the process down, and for a machine that is busy.
constexpr std::chrono::milliseconds kPatience{1500};

// Tells the waiter that its deadline is another one.
constexpr int kLookAgain = SIGALRM;

sigset_t awaited_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, kLookAgain);
  return signals;
}

timespec timespec_of(Clock::duration duration) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(duration);
  const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(duration - seconds);
  return {static_cast<time_t>(seconds.count()), static_cast<long>(rest.count())};
}

// None when there is none before `deadline`, which may be moved meanwhile. What else may wake us
// up, such as a debugger that lets go, is no signal.
std::optional<int> next_signal(const std::atomic<Clock::time_point>& deadline) {
  const auto signals = awaited_signals();
  for (;;) {
    const auto left = deadline.load() - Clock::now();
    if (left < Clock::duration::zero()) return std::nullopt;
    const auto patience = timespec_of(left);
    const int signal = sigtimedwait(&signals, nullptr, &patience);
    if (signal > 0 && signal != kLookAgain) return signal;
  }
}

int exit_status_of_signal(int signal) { return 128 + signal; }

}  // namespace

Interrupts::Interrupts(std::function<void(const std::string& why)> last_word)
    : last_word_(std::move(last_word)) {
  const auto signals = awaited_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  waiter_ = std::jthread([this](const std::stop_token& ended) { wait(ended); });
}

Interrupts::~Interrupts() {
  waiter_.request_stop();
  pthread_kill(waiter_.native_handle(), SIGTERM);  // so that it looks
}

void Interrupts::end_after(std::chrono::seconds limit) {
  limit_ = limit;
  deadline_ = began_ + limit;
  pthread_kill(waiter_.native_handle(), kLookAgain);
}

// Whoever destroys us waits for this to return: either that, or the process ends here.
void Interrupts::wait(const std::stop_token& ended) {
  const auto signal = next_signal(deadline_);
  if (ended.stop_requested()) return;
  exit_status_ = signal ? exit_status_of_signal(*signal) : static_cast<int>(ExitStatus::Guard);
  stop_.request_stop();
  const std::atomic<Clock::time_point> end_of_patience{Clock::now() + kPatience};
  const auto second = next_signal(end_of_patience);
  if (ended.stop_requested()) return;
  if (!second) say_last_word();
  _exit(second ? exit_status_of_signal(*second) : exit_status());
}

std::string Interrupts::why() const {
  constexpr std::string_view kNext = "the next run goes on from here";
  if (exit_status() != static_cast<int>(ExitStatus::Guard)) {
    return fmt::format("interrupted; {}", kNext);
  }
  return fmt::format("timeouts.run is over ({} s); {}", limit_.load().count(), kNext);
}

void Interrupts::say_last_word() noexcept {
  try {
    if (take_last_word()) last_word_(why());
  } catch (const std::exception&) {
    // Nothing may keep the process from ending.
  }
}

}  // namespace streamsync
