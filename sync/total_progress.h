#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "sync/arrival.h"
#include "sync/plan.h"

namespace streamsync {

/// How far all items of a run have come together, and how fast: the numbers of a total's line. An
/// item that several targets want counts for each of them, in all numbers. One thread.
class TotalProgress {
 public:
  using Clock = std::chrono::steady_clock;

  struct Pace {
    double rate;          ///< bytes a second, over the last seconds
    double seconds_left;  ///< if it goes on like this
  };

  /// The rate is that of so long.
  static constexpr std::chrono::seconds kWindow{10};

  void start(std::uint64_t bytes, Clock::time_point now);
  void come(const Action& action, const Arrival& arrival, Clock::time_point now);
  void ended(const Action& action);

  std::uint64_t size() const noexcept { return size_; }
  std::uint64_t bytes() const;
  /// None while nothing moves.
  std::optional<Pace> pace(Clock::time_point now) const;

 private:
  struct Mark {
    Clock::time_point time;
    std::uint64_t moved;
  };

  void note(std::uint64_t fresh, Clock::time_point now);
  std::uint64_t bytes_left() const;

  std::uint64_t size_ = 0;
  std::uint64_t ended_bytes_ = 0;
  std::map<const Action*, Arrival> coming_;
  std::uint64_t moved_ = 0;         ///< in all tries; not what was known
  std::deque<Mark> marks_{Mark{}};  ///< the first is where the window begins
};

}  // namespace streamsync
