#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "streams/target.h"
#include "sync/arrival.h"
#include "sync/fetched_bytes.h"

namespace streamsync {

/// An action of one of the plans that are carried out together.
struct ActionId {
  std::size_t assignment;
  std::size_t action;
  auto operator<=>(const ActionId&) const = default;
};

/// What the job threads have to tell the thread that owns the run.
struct Progress {
  std::vector<ActionId> ids;  ///< that are brought together
  Arrival arrival;
};
struct Retry {
  ActionId id;
  Error error;
  std::chrono::milliseconds wait;
};
struct Staged {
  ActionId id;
  Held held;
  FetchedBytes fetched;
  std::chrono::duration<double> seconds;
  std::uint64_t known = 0;  ///< as in `Arrival`
};
struct Failed {
  ActionId id;
  Error error;
  FetchedBytes fetched;
  std::chrono::duration<double> seconds;
};
/// Its target is silent, so nobody was asked for it.
struct LeftOut {
  ActionId id;
};
struct Updated {
  ActionId id;
  std::optional<Held> held;  ///< as it is then; else:
  std::optional<Error> error;
};
struct JobEnded {
  std::exception_ptr failure;  ///< none, but for what no item is to blame for
};
using JobEvent = std::variant<Progress, Retry, Staged, Failed, LeftOut, Updated, JobEnded>;

/// From many threads to one.
class JobEvents {
 public:
  void post(JobEvent event) {
    {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::move(event));
    }
    arrived_.notify_one();
  }

  /// All there are; waits for the first.
  std::deque<JobEvent> take() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return !events_.empty(); });
    return std::exchange(events_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<JobEvent> events_;
};

}  // namespace streamsync
