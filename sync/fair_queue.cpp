#include "sync/fair_queue.h"

#include <tuple>

namespace streamsync {

class FairQueue::Turn {
 public:
  explicit Turn(FairQueue& queue) : queue_(queue) {
    const std::lock_guard lock(queue_.mutex_);
    line_ = &queue_.whose_turn();
    item_ = line_->items.at(line_->next).item;
    ++line_->next;
    ++line_->under_way;
    line_->last_turn = ++queue_.turns_;
  }
  ~Turn() {
    const std::lock_guard lock(queue_.mutex_);
    --line_->under_way;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  std::size_t item() const noexcept { return item_; }

 private:
  FairQueue& queue_;
  Line* line_ = nullptr;
  std::size_t item_ = 0;
};

void FairQueue::add(const Server& server, std::size_t item, std::uint64_t size) {
  const auto [number, is_new] = numbers_.try_emplace(server, lines_.size());
  if (is_new) lines_.emplace_back();
  lines_[number->second].items.push_back({item, size});
}

void FairQueue::work_on_next(const std::function<void(std::size_t item)>& work) {
  const Turn turn(*this);
  work(turn.item());
}

// There are as many lines as servers, so a look at each costs nothing.
FairQueue::Line& FairQueue::whose_turn() {
  auto* best = &lines_.front();
  for (auto& line : lines_) {
    if (goes_before(line, *best)) best = &line;
  }
  return *best;
}

bool FairQueue::goes_before(const Line& one, const Line& other) noexcept {
  if (one.is_over() || other.is_over()) return !one.is_over() && other.is_over();
  const auto size = one.items[one.next].size, other_size = other.items[other.next].size;
  return std::tuple(one.under_way, one.last_turn, other_size) <
         std::tuple(other.under_way, other.last_turn, size);
}

}  // namespace streamsync
