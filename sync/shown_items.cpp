#include "sync/shown_items.h"

#include <cstddef>
#include <set>
#include <string>

namespace streamsync {
namespace {

std::set<VersionKey> versions_that_lack_items(const Plan& plan,
                                              const std::vector<ActionResult>& results) {
  std::set<VersionKey> versions;
  for (std::size_t index = 0; index < plan.actions.size(); ++index) {
    const auto& action = plan.actions[index];
    const bool lacks = shows_anew(action) || action.kind == ActionKind::Skip;
    if (results[index].status == ActionStatus::Failed && lacks) {
      versions.insert(version_of(action.key));
    }
  }
  return versions;
}

}  // namespace

std::vector<Held> shown_items(const Plan& plan, const std::vector<ActionResult>& results) {
  const auto lacking = versions_that_lack_items(plan, results);
  std::vector<Held> shown;
  shown.reserve(plan.actions.size());
  for (std::size_t index = 0; index < plan.actions.size(); ++index) {
    const auto& action = plan.actions[index];
    const auto& result = results[index];
    const bool updates = action.kind == ActionKind::Update;
    const bool was_shown = updates && !shows_anew(action);
    const bool stays =
        updates || action.kind == ActionKind::Keep || result.status == ActionStatus::Withheld;
    if (result.status == ActionStatus::Done && result.held &&
        (was_shown || !lacking.contains(version_of(action.key)))) {
      shown.push_back(*result.held);
    } else if (stays && action.is_named && action.held->state == HeldState::Present) {
      shown.push_back(*action.held);
    }
  }
  return shown;
}

std::set<std::string> shown_of_lacking_versions(const Plan& plan,
                                                const std::vector<ActionResult>& results) {
  const auto lacking = versions_that_lack_items(plan, results);
  if (lacking.empty()) return {};
  std::set<std::string> placements;
  for (const auto& held : shown_items(plan, results)) {
    if (lacking.contains(version_of(held.item.key))) placements.insert(held.placement);
  }
  return placements;
}

}  // namespace streamsync
