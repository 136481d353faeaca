#include "sync/removal.h"

#include <catch2/catch.hpp>
#include <set>

namespace streamsync {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

const Time kNow = *parse_date("2026-11-21T12:00:00Z");

class FadingTarget final : public ItemTarget {
 public:
  std::vector<Held> inventory() override { return {}; }
  std::string name_of(const Item& item) const override { return item.key.str(); }
  void announce(const std::vector<BlobSpec>&) override {}
  Held stage(const BlobSpec&, ByteSource&) override { return {}; }
  void copy_out(const Held&, ByteSink&) override {}
  std::optional<Held> verify_unrevealed(const Held&, const BlobSpec&) override { return {}; }
  void reveal(const Held&) override {}
  Removal remove(const Held& held) override {
    if (forbidden) throw Error(ErrorKind::Denied, Origin::Target, "forbidden");
    if (is_in_use) return {Removal::Outcome::Hidden, "in use"};
    removed.insert(held.placement);
    return {};
  }

  bool forbidden = false;
  bool is_in_use = false;
  std::set<std::string> removed;
};

class NoObserver final : public Observer {
 public:
  void warn(std::string_view) override {}
  void starting(std::uint64_t) override {}
  void progress(std::span<const Action* const>, const Arrival&) override {}
  void put_off(const Action&) override {}
  void ended(const Action&) override {}
  void retrying(std::string_view, const Error&, std::chrono::milliseconds) override {}
  void finished(const Action&, const ActionResult&) override {}
};

Action action(ActionKind kind, const std::string& placement, HeldState state) {
  Action action;
  action.kind = kind;
  action.key = {"source", "p", placement, "disk1.img"};
  action.held =
      std::make_shared<const Held>(Held{Item{action.key, {}, {}}, placement, placement, state, 1});
  action.reason = "superseded";
  return action;
}

struct Scene {
  FadingTarget target;
  NoObserver observer;
  Plan plan;
  std::vector<ActionResult> results;

  void add(const std::string& placement, HeldState state = HeldState::Present,
           ActionKind kind = ActionKind::Remove) {
    plan.actions.push_back(action(kind, placement, state));
    results.emplace_back();
  }

  Leaving run(const Grace& grace) {
    Removals removals(plan, results, target, observer);
    removals.grant(grace);
    removals.judge();
    removals.carry_out({});
    return removals.leaving();
  }
};

using Names = std::set<std::string>;

}  // namespace

TEST_CASE("without grace what is superseded goes, and nothing is remembered") {
  Scene scene;
  scene.add("a");
  CHECK(scene.run({0s, {{"b", kNow}}, kNow}).empty());
  CHECK(scene.target.removed == Names{"a"});
}

TEST_CASE("without grace what could not be removed is remembered, once") {
  Scene scene;
  scene.add("a");
  scene.target.forbidden = GENERATE(true, false);
  scene.target.is_in_use = !scene.target.forbidden;
  const Leaving first = scene.run({0s, {}, kNow - 1h});
  CHECK(first == Leaving{{"a", kNow - 1h}});
  Scene next;
  next.add("a", scene.target.is_in_use ? HeldState::Hidden : HeldState::Present);
  next.target.forbidden = scene.target.forbidden;
  next.target.is_in_use = scene.target.is_in_use;
  CHECK(next.run({0s, first, kNow}) == first);
}

TEST_CASE("what is superseded stays until its grace is over") {
  Scene scene;
  scene.add("new");
  scene.add("waits");
  scene.add("over");
  const Leaving known{{"waits", kNow - 1h}, {"over", kNow - 2h}, {"gone long ago", kNow - 3h}};
  CHECK(scene.run({2h, known, kNow}) == Leaving{{"new", kNow}, {"waits", kNow - 1h}});
  CHECK(scene.target.removed == Names{"over"});
  CHECK(scene.plan.actions[1].kind == ActionKind::Keep);
  CHECK(scene.results[1].status == ActionStatus::Done);
  CHECK(scene.plan.actions[1].reason == "superseded; stays until 2026-11-21T13:00:00Z (grace)");
}

TEST_CASE("what was never shown, or is hidden already, has no grace") {
  Scene scene;
  scene.add("begun", HeldState::Incomplete);
  scene.add("unseen", HeldState::Unrevealed);
  scene.add("hidden", HeldState::Hidden);
  CHECK(scene.run({2h, {}, kNow}).empty());
  CHECK(scene.target.removed == Names{"begun", "unseen", "hidden"});
}

TEST_CASE("grace does not begin anew for what could not be removed") {
  Scene scene;
  scene.add("a");
  const Leaving known{{"a", kNow - 3h}};
  SECTION("the target refused") { scene.target.forbidden = true; }
  SECTION("it was hidden") { scene.target.is_in_use = true; }
  SECTION("it is hidden since") {
    scene.target.is_in_use = true;
    scene.plan.actions[0] = action(ActionKind::Remove, "a", HeldState::Hidden);
  }
  SECTION("metadata could not be published") { scene.results[0].status = ActionStatus::Withheld; }
  SECTION("its source could not be read") {
    scene.plan.actions[0].kind = ActionKind::Keep;
    scene.plan.actions[0].is_named = false;
  }
  CHECK(scene.run({2h, known, kNow}) == known);
  CHECK(scene.target.removed.empty());
}

TEST_CASE("grace does not begin as long as metadata may name it") {
  Scene scene;
  scene.add("a");
  scene.results[0].status = ActionStatus::Withheld;
  scene.add("b", HeldState::Present, ActionKind::Keep);
  CHECK(scene.run({2h, {}, kNow}).empty());
}

TEST_CASE("a clock that went back does not make grace longer than it is") {
  Scene scene;
  scene.add("a");
  CHECK(scene.run({2h, {{"a", kNow + 900h}}, kNow}) == Leaving{{"a", kNow}});
}

TEST_CASE("what comes elsewhere under its address is no reason against grace") {
  Scene scene;
  scene.add("a");
  scene.add("b", HeldState::Present, ActionKind::Create);
  scene.plan.actions[1].key = scene.plan.actions[0].key;
  CHECK(scene.run({2h, {}, kNow}) == Leaving{{"a", kNow}});
  CHECK(scene.target.removed.empty());
}

}  // namespace streamsync
