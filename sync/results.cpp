#include "sync/results.h"

#include <fmt/format.h>

#include <set>
#include <utility>

namespace streamsync {
Results::Results(const Plan& plan, ItemTarget& target, Observer& observer)
    : plan_(plan), target_(target), observer_(observer), results_(plan.actions.size()) {
  for (std::size_t index = 0; index < plan.actions.size(); ++index) settle_without_bytes(index);
}

void Results::settle_without_bytes(std::size_t index) {
  const auto& action = plan_.actions[index];
  if (brings_bytes(action)) {
    auto& version = versions_[version_of(action.key)];
    version.members.push_back(index);
    ++version.missing;
  } else if (action.kind == ActionKind::Skip) {
    fail(index, *action.error);
    versions_[version_of(action.key)].failed = true;
  } else if (action.kind == ActionKind::Keep) {
    results_[index].status = ActionStatus::Done;
  }
}

void Results::staged(const Staged& event) {
  auto& result = results_[event.id.action];
  result.held = std::make_shared<const Held>(event.held);
  result.fetched += event.fetched;
  result.seconds = event.seconds;
  result.known = event.known;
  item_ended(event.id.action);
}

void Results::failed(const Failed& event) {
  auto& result = results_[event.id.action];
  result.fetched += event.fetched;
  result.seconds = event.seconds;
  Error error = event.error;
  error.add_context(plan_.actions[event.id.action].name);
  fail(event.id.action, error);
  versions_.at(version_of(plan_.actions[event.id.action].key)).failed = true;
  item_ended(event.id.action);
}

void Results::put_off(const Failed& event) { results_[event.id.action].fetched += event.fetched; }

void Results::updated(const Updated& event) {
  const auto index = event.id.action;
  if (event.held) results_[index].held = std::make_shared<const Held>(*event.held);
  results_[index].status = ActionStatus::Done;
  if (!event.error) return;
  Error error = *event.error;
  error.add_context(plan_.actions[index].name);
  fail(index, error);
}

bool Results::version_failed(std::size_t index) const {
  const auto found = versions_.find(version_of(plan_.actions[index].key));
  if (found == versions_.end()) return false;
  const auto& version = found->second;
  return version.failed ||
         std::any_of(version.members.begin(), version.members.end(), [this](std::size_t member) {
           return results_[member].status == ActionStatus::Failed;
         });
}

void Results::fail(std::size_t index, const Error& error) {
  results_[index].status = ActionStatus::Failed;
  results_[index].error = error;
}

void Results::item_ended(std::size_t index) {
  auto& version = versions_.at(version_of(plan_.actions[index].key));
  if (--version.missing != 0) return;
  if (version.failed) {
    hold_back(version);
  } else {
    staged_.insert(staged_.end(), version.members.begin(), version.members.end());
  }
}

void Results::hold_back(const VersionProgress& version) {
  for (const auto member : version.members) {
    if (results_[member].status != ActionStatus::Failed) hold_back(member);
  }
}

void Results::hold_back(std::size_t index) {
  fail(index, Error(ErrorKind::Conflict, Origin::Target,
                    fmt::format("{}: held back, because another item of its version failed",
                                plan_.actions[index].name)));
}

void Results::reveal_versions() {
  const auto staged = std::exchange(staged_, {});
  if (staged.empty()) return;
  std::vector<Held> held;
  for (const auto index : staged) held.push_back(*results_[index].held);
  try {
    target_.settle(held);
  } catch (const Error& error) {
    for (const auto index : staged) fail(index, error);
    return;
  }
  for (const auto index : staged) reveal(index);
}

void Results::reveal(std::size_t index) {
  auto& result = results_[index];
  try {
    target_.reveal(*result.held);
    Held shown = *result.held;
    shown.state = HeldState::Present;
    result.held = std::make_shared<const Held>(std::move(shown));
    result.status = ActionStatus::Done;
  } catch (const Error& error) {
    fail(index, error);
  }
}

void Results::remove_begun() {
  for (std::size_t index = 0; index < plan_.actions.size(); ++index) {
    const auto& action = plan_.actions[index];
    if (action.kind != ActionKind::Remove || action.held->state != HeldState::Incomplete) continue;
    try {
      const auto removal = target_.remove(*action.held);
      if (removal.outcome == Removal::Outcome::Gone) results_[index].status = ActionStatus::Done;
    } catch (const Error&) {
      // It is tried again with the other Removes, and is no item that did not come.
    }
  }
  try {
    target_.all_removed();
  } catch (const Error&) {
    // As said.
  }
}

bool Results::tell() {
  while (told_ < results_.size() && plan_.actions[told_].kind != ActionKind::Remove &&
         results_[told_].status != ActionStatus::Planned) {
    observer_.finished(plan_.actions[told_], results_[told_]);
    ++told_;
  }
  return told_ == results_.size() || plan_.actions[told_].kind == ActionKind::Remove;
}

std::vector<ActionResult> Results::take() && {
  withhold_predecessors(plan_, results_);
  return std::move(results_);
}

// What could not be updated is there.
void withhold_predecessors(const Plan& plan, std::vector<ActionResult>& results) {
  std::set<std::pair<std::string, std::string>> failed_products;
  for (std::size_t index = 0; index < results.size(); ++index) {
    const auto& action = plan.actions[index];
    const bool lacks = shows_anew(action) || action.kind == ActionKind::Skip;
    if (results[index].status == ActionStatus::Failed && lacks) {
      failed_products.emplace(action.key.content_id, action.key.product);
    }
  }
  for (std::size_t index = 0; index < results.size(); ++index) {
    const auto& action = plan.actions[index];
    auto& result = results[index];
    const bool is_done = result.status == ActionStatus::Done;
    if (action.kind != ActionKind::Remove || is_done) continue;
    result.status = ActionStatus::Planned;
    if (failed_products.contains({action.key.content_id, action.key.product})) {
      withhold(result, "its successor failed");
    }
  }
}

void withhold(ActionResult& result, std::string reason) {
  result.status = ActionStatus::Withheld;
  result.withheld_because = std::move(reason);
}

}  // namespace streamsync
