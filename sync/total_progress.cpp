#include "sync/total_progress.h"

#include <algorithm>

namespace streamsync {
namespace {

constexpr std::chrono::milliseconds kBetweenMarks{500};

std::uint64_t excess(std::uint64_t one, std::uint64_t other) {
  return one > other ? one - other : 0;
}

}  // namespace

void TotalProgress::start(std::uint64_t bytes, Clock::time_point now) {
  *this = {};
  size_ = bytes;
  marks_ = {{now, 0}};
}

void TotalProgress::come(const Action& action, const Arrival& arrival, Clock::time_point now) {
  auto& last = coming_[&action];
  // A new try may begin anew.
  const auto before = arrival.bytes < last.bytes ? arrival.from : last.bytes;
  note(excess(arrival.bytes, std::max(before, arrival.known)), now);
  last = arrival;
}

void TotalProgress::ended(const Action& action) {
  coming_.erase(&action);
  ended_bytes_ += action.size;
}

// While nothing but known bytes is read again, nothing has begun to move.
void TotalProgress::note(std::uint64_t fresh, Clock::time_point now) {
  if (moved_ == 0 && fresh == 0) marks_ = {{now, 0}};
  moved_ += fresh;
  if (now - marks_.back().time >= kBetweenMarks) marks_.push_back({now, moved_});
  while (marks_.size() > 1 && now - marks_[1].time >= kWindow) marks_.pop_front();
}

std::uint64_t TotalProgress::bytes() const {
  auto bytes = ended_bytes_;
  for (const auto& [action, arrival] : coming_) bytes += arrival.bytes;
  return bytes;
}

// What is still to be read again takes next to no time.
std::uint64_t TotalProgress::bytes_left() const {
  auto there = ended_bytes_;
  for (const auto& [action, arrival] : coming_) there += std::max(arrival.bytes, arrival.known);
  return excess(size_, there);
}

std::optional<TotalProgress::Pace> TotalProgress::pace(Clock::time_point now) const {
  const auto& [since, moved_then] = marks_.front();
  const auto seconds = std::chrono::duration<double>(now - since).count();
  if (moved_ == moved_then || seconds <= 0) return std::nullopt;
  const auto rate = static_cast<double>(moved_ - moved_then) / seconds;
  return Pace{rate, static_cast<double>(bytes_left()) / rate};
}

}  // namespace streamsync
