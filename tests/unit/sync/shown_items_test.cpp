#include "sync/shown_items.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>

namespace streamsync {
namespace {

Held held(const std::string& placement, HeldState state = HeldState::Present) {
  Held held;
  held.item.key = {"source", "p", "1", placement};
  held.placement = placement;
  held.state = state;
  return held;
}

struct Scene {
  Plan plan;
  std::vector<ActionResult> results;

  Action& add(ActionKind kind, const Held& of, ActionStatus status) {
    Action action;
    action.kind = kind;
    action.key = of.item.key;
    action.held = std::make_shared<const Held>(of);
    plan.actions.push_back(std::move(action));
    ActionResult result;
    result.status = status;
    if (kind != ActionKind::Keep && status == ActionStatus::Done) {
      Held shown = of;
      shown.state = HeldState::Present;
      result.held = std::make_shared<const Held>(std::move(shown));
    }
    results.push_back(std::move(result));
    return plan.actions.back();
  }

  std::set<std::string> shown() const {
    std::set<std::string> placements;
    for (const auto& one : shown_items(plan, results)) placements.insert(one.placement);
    return placements;
  }

  std::set<std::string> shown_of_lacking() const {
    return shown_of_lacking_versions(plan, results);
  }
};

using Names = std::set<std::string>;

}  // namespace

TEST_CASE("of a version that lacks an item nothing is shown that was not shown before") {
  Scene scene;
  scene.add(ActionKind::Update, held("hidden", HeldState::Hidden), ActionStatus::Done);
  scene.add(ActionKind::Update, held("corrected"), ActionStatus::Done);
  scene.add(ActionKind::Keep, held("kept"), ActionStatus::Done);
  scene.add(ActionKind::Create, held("new"), ActionStatus::Done);
  CHECK(scene.shown() == Names{"corrected", "hidden", "kept", "new"});
  CHECK(scene.shown_of_lacking().empty());
  scene.add(ActionKind::Create, held("failed"), ActionStatus::Failed).held.reset();
  CHECK(scene.shown() == Names{"corrected", "kept"});
  CHECK(scene.shown_of_lacking() == scene.shown());
  auto other = held("other");
  other.item.key.version = "2";
  scene.add(ActionKind::Keep, other, ActionStatus::Done);
  CHECK(scene.shown() == Names{"corrected", "kept", "other"});
  CHECK(scene.shown_of_lacking() == Names{"corrected", "kept"});
}

TEST_CASE("a removal that is withheld is shown if it was named") {
  Scene scene;
  scene.add(ActionKind::Remove, held("named"), ActionStatus::Withheld);
  scene.add(ActionKind::Remove, held("out"), ActionStatus::Withheld).is_named = false;
  scene.add(ActionKind::Remove, held("hidden", HeldState::Hidden), ActionStatus::Withheld);
  CHECK(scene.shown() == Names{"named"});
}

}  // namespace streamsync
