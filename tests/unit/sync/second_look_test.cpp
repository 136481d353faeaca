#include "sync/second_look.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/crypto/digest.h"
#include "sync/shown_items.h"

namespace streamsync {
namespace {

Item item(const char* version, const char* name = "a", const char* bytes = "bytes") {
  return {{"s", "p", version, name},
          {{"size", "5"}, {"sha256", digest_of(DigestAlgorithm::Sha256, bytes).hex()}},
          std::nullopt};
}

Held held(const Item& item, const std::string& id, HeldState state = HeldState::Present) {
  return {item, id, id, state, 5};
}

struct Run {
  Plan plan;
  std::vector<ActionResult> results;
  std::set<std::string> came;  ///< as the last look told

  void did(ActionKind kind, const Item& item, std::optional<Held> before, std::optional<Held> after,
           ActionStatus status = ActionStatus::Done) {
    Action action;
    action.kind = kind;
    action.key = item.key;
    if (before) action.held = std::make_shared<const Held>(std::move(*before));
    if (brings_bytes(action) || kind == ActionKind::Update) {
      action.blob = std::make_shared<const BlobSpec>(BlobSpec{item, content_of(item)});
    }
    plan.actions.push_back(std::move(action));
    auto& result = results.emplace_back();
    result.status = status;
    if (after) result.held = std::make_shared<const Held>(std::move(*after));
    if (status == ActionStatus::Failed) {
      result.error = Error(ErrorKind::Conflict, Origin::Target, "another upload");
    }
  }

  std::vector<std::string> shown(const std::vector<Held>& now) {
    came = look_again(plan, results, now);
    std::vector<std::string> ids;
    for (const auto& each : shown_items(plan, results)) ids.push_back(each.placement);
    return ids;
  }
};

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("what another unit has brought meanwhile has not failed") {
  Run run;
  run.did(ActionKind::Create, item("1", "a"), std::nullopt, std::nullopt, ActionStatus::Failed);
  run.did(ActionKind::Create, item("1", "b"), std::nullopt, std::nullopt, ActionStatus::Failed);
  SECTION("as a whole") {
    CHECK(run.shown({held(item("1", "a"), "i1"), held(item("1", "b"), "i2")}) == Ids{"i1", "i2"});
    CHECK(run.results[0].status == ActionStatus::Done);
    CHECK_FALSE(run.results[0].error);
  }
  SECTION("a part of a version is not shown") {
    CHECK(run.shown({held(item("1", "a"), "i1")}).empty());
    CHECK(run.results[1].status == ActionStatus::Failed);
  }
  SECTION("not as it is wanted, or not yet") {
    const auto other = GENERATE(held(item("1", "b", "other"), "i2"),
                                held(item("1", "b"), "i2", HeldState::Incomplete),
                                held(item("1", "b"), "i2", HeldState::Unrevealed));
    CHECK(run.shown({held(item("1", "a"), "i1"), other}).empty());
  }
}

TEST_CASE("what was to be replaced is not taken for what another unit has brought") {
  Run run;
  const auto damaged = held(item("1"), "i1");
  run.did(ActionKind::Create, item("1"), std::nullopt, std::nullopt, ActionStatus::Failed);
  run.did(ActionKind::Remove, item("1"), damaged, std::nullopt, ActionStatus::Withheld);
  run.plan.actions[1].is_named = false;
  SECTION("nothing came") {
    CHECK(run.shown({damaged}).empty());
    CHECK(run.results[0].status == ActionStatus::Failed);
    CHECK(run.results[1].status == ActionStatus::Withheld);
  }
  SECTION("what another unit made is there, too") {
    CHECK(run.shown({damaged, held(item("1"), "i2")}) == Ids{"i2"});
    CHECK(run.results[1].status == ActionStatus::Planned);
  }
}

TEST_CASE("what was to be shown was shown by another unit") {
  Run run;
  run.did(ActionKind::Adopt, item("1"), held(item("1"), "i1", HeldState::Unrevealed), std::nullopt,
          ActionStatus::Failed);
  CHECK(run.shown({held(item("1"), "i1")}) == Ids{"i1"});
}

TEST_CASE("what is superseded by what another unit has brought goes, and by nothing else") {
  Run run;
  const auto old = held(item("1"), "i1");
  run.did(ActionKind::Create, item("2"), std::nullopt, std::nullopt, ActionStatus::Failed);
  run.did(ActionKind::Remove, item("1"), old, std::nullopt, ActionStatus::Withheld);
  SECTION("it is there") {
    CHECK(run.shown({old, held(item("2"), "i2")}) == Ids{"i2"});
    CHECK(run.results[1].status == ActionStatus::Planned);
  }
  SECTION("it is not") {
    CHECK(run.shown({old}) == Ids{"i1"});
    CHECK(run.results[1].status == ActionStatus::Withheld);
  }
  SECTION("it was taken away again") {
    run.results[0].status = ActionStatus::Done;
    run.results[0].held = std::make_shared<const Held>(held(item("2"), "i2"));
    run.results[1].status = ActionStatus::Planned;
    CHECK(run.shown({old}) == Ids{"i1"});
    CHECK(run.results[1].status == ActionStatus::Withheld);
  }
}

TEST_CASE("what another unit has brought of versions that the plan does not know is named") {
  Run run;
  run.did(ActionKind::Remove, item("1"), held(item("1"), "i1"), std::nullopt);
  CHECK(run.shown({held(item("1"), "i1"), held(item("1"), "i3"), held(item("2"), "i2"),
                   held(item("3"), "i4", HeldState::Unrevealed)}) == Ids{"i2"});
  REQUIRE(run.plan.actions.size() == 2);
  CHECK(run.plan.actions[1].kind == ActionKind::Keep);
  CHECK(run.results.size() == 2);
  CHECK(run.came == std::set<std::string>{"i2"});
}

TEST_CASE("what another unit has taken away meanwhile is not named") {
  Run run;
  const auto there = held(item("1"), "i1");
  SECTION("kept") { run.did(ActionKind::Keep, item("1"), there, std::nullopt); }
  SECTION("updated") { run.did(ActionKind::Update, item("1"), there, there); }
  SECTION("not removed in this run") {
    run.did(ActionKind::Remove, item("1"), there, std::nullopt, ActionStatus::Withheld);
    run.did(ActionKind::Create, item("2"), std::nullopt, std::nullopt, ActionStatus::Failed);
  }
  SECTION("brought") { run.did(ActionKind::Create, item("1"), std::nullopt, there); }
  CHECK(Run(run).shown({there}) == Ids{"i1"});
  CHECK(Run(run).shown({held(item("1"), "i1", HeldState::Hidden)}).empty());
  CHECK(run.shown({}).empty());
  const bool was_brought = brings_bytes(run.plan.actions[0]);
  CHECK((run.results[0].status == ActionStatus::Failed) == was_brought);
}

}  // namespace streamsync
