#include "sync/second_look.h"

#include <fmt/format.h>

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "sync/results.h"

namespace streamsync {
namespace {

bool has_wanted_bytes(const Held& held, const BlobSpec& blob) {
  try {
    return content_of(held.item).strongest == blob.content.strongest;
  } catch (const Error&) {
    return false;
  }
}

// A damaged image has the address, and by its metadata the bytes, of the one that was to come.
std::set<std::string> known_as_others(const Plan& plan) {
  std::set<std::string> known;
  for (const auto& action : plan.actions) {
    if (action.held && !brings_bytes(action)) known.insert(action.held->placement);
  }
  return known;
}

class Present {
 public:
  Present(const std::vector<Held>& now, const std::set<std::string>& known) {
    for (const auto& held : now) {
      if (held.state != HeldState::Present) continue;
      placements_.insert(held.placement);
      if (!known.contains(held.placement)) came_.emplace(held.item.key, &held);
    }
  }

  bool has(const Held& held) const { return placements_.contains(held.placement); }

  const Held* find(const BlobSpec& blob) const {
    const auto [first, last] = came_.equal_range(blob.item.key);
    for (auto at = first; at != last; ++at) {
      if (has_wanted_bytes(*at->second, blob)) return at->second;
    }
    return nullptr;
  }

 private:
  std::set<std::string> placements_;
  std::multimap<ItemKey, const Held*> came_;
};

bool may_be_named(const Action& action) {
  return action.held && (action.held->state == HeldState::Present || shows_anew(action));
}

void look_again(const Action& action, ActionResult& result, const Present& present) {
  if (result.status == ActionStatus::Failed) {
    const auto* held = present.find(*action.blob);
    if (held == nullptr) return;
    result.status = ActionStatus::Done;
    result.error.reset();
    result.held = std::make_shared<const Held>(*held);
  } else if (!present.has(*result.held)) {
    result.status = ActionStatus::Failed;
    result.error = Error(ErrorKind::Conflict, Origin::Target,
                         fmt::format("{}: somebody else took {} away while this run went on",
                                     action.name, result.held->placement));
    result.held.reset();
  }
}

std::set<std::string> keep_what_came(Plan& plan, std::vector<ActionResult>& results,
                                     const std::vector<Held>& now) {
  std::set<VersionKey> planned;
  for (const auto& action : plan.actions) planned.insert(version_of(action.key));
  std::set<std::string> came;
  for (const auto& held : now) {
    if (held.state != HeldState::Present || planned.contains(version_of(held.item.key))) continue;
    Action action;
    action.key = held.item.key;
    action.name = held.name;
    action.size = held.size;
    action.held = std::make_shared<const Held>(held);
    action.reason = "brought by another unit while this run went on";
    plan.actions.push_back(std::move(action));
    results.emplace_back().status = ActionStatus::Done;
    came.insert(held.placement);
  }
  return came;
}

}  // namespace

std::set<std::string> look_again(Plan& plan, std::vector<ActionResult>& results,
                                 const std::vector<Held>& now) {
  const Present present(now, known_as_others(plan));
  for (std::size_t index = 0; index < plan.actions.size(); ++index) {
    auto& action = plan.actions[index];
    if (brings_bytes(action)) {
      look_again(action, results[index], present);
    } else if (may_be_named(action) && !present.has(*action.held)) {
      action.is_named = false;
      results[index].held.reset();
    }
  }
  withhold_predecessors(plan, results);
  return keep_what_came(plan, results, now);
}

}  // namespace streamsync
