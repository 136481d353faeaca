#include "sync/silent_targets.h"

#include <fmt/format.h>

namespace streamsync {

bool is_silence(const Error& error) noexcept {
  return error.origin() == Origin::Target && (error.is_unreached() || error.is_unanswered());
}

Error not_tried(const Error& silence) {
  return Error(silence.kind(), silence.origin(),
               fmt::format("not tried, because its target did not answer: {}", silence.what()))
      .with_host(silence.host());
}

void SilentTargets::note(const ItemTarget& target, const Error& error) {
  if (!is_silence(error)) return;
  const std::lock_guard lock(mutex_);
  targets_.insert_or_assign(&target, error);
}

std::optional<Error> SilentTargets::why(const ItemTarget& target) const {
  const std::lock_guard lock(mutex_);
  const auto found = targets_.find(&target);
  return found == targets_.end() ? std::nullopt : std::optional(found->second);
}

void SilentTargets::note_as_giver(const ItemTarget& target, const Error& error) {
  if (!is_silence(error)) return;
  const std::lock_guard lock(mutex_);
  givers_.insert(&target);
}

bool SilentTargets::gives_nothing(const ItemTarget& target) const {
  const std::lock_guard lock(mutex_);
  return givers_.contains(&target) || targets_.contains(&target);
}

void SilentTargets::forget() {
  const std::lock_guard lock(mutex_);
  targets_.clear();
  givers_.clear();
}

}  // namespace streamsync
