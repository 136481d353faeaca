#include "sync/removal.h"

#include <fmt/format.h>

#include <algorithm>

#include "sync/results.h"

namespace streamsync {
namespace {

// What was hidden has had its grace, and nothing ever named what was never shown.
bool may_be_named(const Held& held) {
  return held.state == HeldState::Present || held.state == HeldState::Deactivated;
}

}  // namespace

Removals::Removals(Plan& plan, std::vector<ActionResult>& results, ItemTarget& target,
                   Observer& observer)
    : plan_(plan), results_(results), target_(target), observer_(observer) {
  for (std::size_t index = 0; index < plan.actions.size(); ++index) {
    if (plan.actions[index].kind == ActionKind::Remove) removes_.push_back(index);
  }
}

bool Removals::is_open(std::size_t index) const {
  return results_[index].status == ActionStatus::Planned;
}

void Removals::withhold(const std::string& reason) {
  for (const auto index : removes_) {
    if (is_open(index)) streamsync::withhold(results_[index], reason);
  }
}

void Removals::grant(const Grace& grace) {
  for (const auto& action : plan_.actions) {
    if (!action.held) continue;
    const auto known = grace.known.find(action.held->placement);
    const bool waits = action.kind == ActionKind::Remove || !action.is_named;
    if (waits && known != grace.known.end()) since_.insert(*known);
  }
  for (const auto index : removes_) {
    if (is_open(index) && may_be_named(*plan_.actions[index].held)) grant(index, grace);
  }
}

void Removals::grant(std::size_t index, const Grace& grace) {
  auto& since = since_.try_emplace(plan_.actions[index].held->placement, grace.now).first->second;
  since = std::min(since, grace.now);  // the clock may have been wrong
  const Time until = since + grace.length;
  if (grace.now < until) {
    settle(index,
           {Removal::Outcome::Kept, fmt::format("stays until {} (grace)", to_rfc3339(until))});
  }
}

Leaving Removals::leaving() const {
  Leaving leaving = since_;
  for (const auto index : removes_) {
    const auto& action = plan_.actions[index];
    const bool is_gone =
        action.kind == ActionKind::Remove && results_[index].status == ActionStatus::Done;
    if (is_gone) leaving.erase(action.held->placement);
  }
  return leaving;
}

void Removals::judge() {
  std::vector<std::size_t> open;
  std::vector<Held> held;
  for (const auto index : removes_) {
    if (!is_open(index)) continue;
    open.push_back(index);
    held.push_back(*plan_.actions[index].held);
  }
  if (open.empty()) return;
  const auto judgement = target_.judge_removals(held);
  for (std::size_t at = 0; at < open.size(); ++at) settle(open[at], judgement.of_each.at(at));
  if (!judgement.warning.empty()) observer_.warn(judgement.warning);
}

void Removals::settle(std::size_t index, const Removal& removal) {
  if (removal.outcome == Removal::Outcome::Gone) return;
  auto& action = plan_.actions[index];
  action.reason = fmt::format("{}; {}", action.reason, removal.reason);
  if (removal.outcome == Removal::Outcome::Hidden) {
    action.kind = ActionKind::Hide;
  } else {
    action.kind = ActionKind::Keep;
    results_[index].status = ActionStatus::Done;
  }
}

void Removals::carry_out(const std::stop_token& stop) {
  for (const auto index : removes_) {
    if (stop.stop_requested()) throw Cancelled();
    if (is_open(index)) remove(index);
    observer_.finished(plan_.actions[index], results_[index]);
  }
}

void Removals::remove(std::size_t index) {
  const auto& action = plan_.actions[index];
  auto& result = results_[index];
  try {
    if (action.kind == ActionKind::Hide) {
      target_.hide(*action.held);
    } else {
      settle(index, target_.remove(*action.held));
    }
    result.status = ActionStatus::Done;
  } catch (const Error& error) {
    result.status = ActionStatus::Failed;
    result.error = error;
  }
}

}  // namespace streamsync
