#include "sync/circuit_breaker.h"

#include <fmt/format.h>

namespace streamsync {
namespace {

// One may be the item's own fault, two may have been on their way when a link broke. Each of them
// has been tried as often as `retries.attempts` says.
constexpr unsigned kInARow = 3;

}  // namespace

// Who asks us to wait (RateLimited) answers, and `retries.budget` limits how long we do.
void CircuitBreaker::failed(const Error& error) {
  if (error.kind() != ErrorKind::Transient) return;
  const std::lock_guard lock(mutex_);
  ++in_a_row_;
  last_ = error;
}

void CircuitBreaker::close() {
  const std::lock_guard lock(mutex_);
  in_a_row_ = 0;
}

std::optional<Error> CircuitBreaker::refusal() const {
  const std::lock_guard lock(mutex_);
  if (in_a_row_ < kInARow) return std::nullopt;
  const auto who = last_->origin() == Origin::Source ? "source" : "target";
  return Error(ErrorKind::Transient, last_->origin(),
               fmt::format("not tried, because its {} failed with the {} items before: {}", who,
                           in_a_row_, last_->what()));
}

}  // namespace streamsync
