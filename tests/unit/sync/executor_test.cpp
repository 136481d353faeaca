#include "sync/executor.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "base/crypto/digest.h"
#include "sync/exit_status.h"
#include "sync/removal.h"

namespace streamsync {
namespace {

using Files = std::map<std::string, std::string>;

// A mirror in memory.
class MemorySource final : public Source {
 public:
  explicit MemorySource(Files files, const std::string& host = "mirror")
      : Source({host, ""}), files_(std::move(files)) {}

  std::optional<FetchedDocument> fetch(const RelativePath&, const Validator&) override {
    throw Error(ErrorKind::NotFound, Origin::Source, "no documents here");
  }
  void stream(const RelativePath& path, ItemProgress& progress, ByteSink& sink) override {
    if (before) before();
    const std::lock_guard lock(mutex_);
    ++asked;
    const auto file = files_.find(path.str());
    if (file == files_.end()) {
      files_.merge(comes_later);
      throw Error(ErrorKind::NotFound, Origin::Source, path.str() + ": 404");
    }
    const auto rest = std::string_view(file->second).substr(progress.offset);
    sink.write(as_bytes(rest));
    progress.offset += rest.size();
  }
  std::string describe(const RelativePath& path) const override { return path.str(); }

  std::function<void()> before;  // each answer
  std::size_t asked = 0;
  Files comes_later;  // after the first request that finds nothing

 private:
  std::mutex mutex_;
  Files files_;
};

class MemoryTarget final : public ItemTarget {
 public:
  std::vector<Held> inventory() override { return {}; }
  std::string name_of(const Item& item) const override { return item.path->str(); }
  void announce(const std::vector<BlobSpec>&) override {}
  Held stage(const BlobSpec& blob, ByteSource& bytes) override {
    const auto path = blob.item.path->str();
    require_answer(path);
    if (refused.contains(path)) {
      throw Error(ErrorKind::NoRoom, Origin::Target, path + ": no room");
    }
    if (!busy.empty()) throw Error(ErrorKind::Transient, Origin::Target, busy);
    auto content = read_all(bytes, 1 << 20);
    if (falls_silent && falls_silent(path)) throw nobody_there(path);
    if (failures_to_come > 0) {
      --failures_to_come;
      throw Error(ErrorKind::Transient, Origin::Target, "the link broke");
    }
    const std::lock_guard lock(mutex_);
    staged[path] = std::move(content);
    ++taken;
    return {blob.item, path, path, HeldState::Unrevealed, blob.content.size};
  }
  std::optional<Held> take_over(const BlobSpec& blob) override {
    const auto path = blob.item.path->str();
    if (unreadable.contains(path)) {
      throw Error(ErrorKind::Denied, Origin::Local, path + ": permission denied");
    }
    if (!lying_there.contains(path)) return std::nullopt;
    return Held{blob.item, path, path, HeldState::Unrevealed, blob.content.size};
  }
  std::optional<Held> link(const Held& held, const BlobSpec& blob) override {
    const auto path = blob.item.path->str();
    if (!can_link || staged[held.placement].empty()) return std::nullopt;
    linked.insert(path);
    return Held{blob.item, path, path, HeldState::Unrevealed, held.size};
  }
  void copy_out(const Held& held, ByteSink& to) override {
    require_answer(held.placement);
    const std::lock_guard lock(mutex_);
    to.write(as_bytes(staged.at(held.placement)));
  }
  std::optional<Held> verify_unrevealed(const Held& held, const BlobSpec& blob) override {
    if (!adoptable) return std::nullopt;
    Held now = held;
    now.item = blob.item;
    return now;
  }
  void settle(std::span<const Held> held) override {
    if (settling_fails) throw Error(ErrorKind::Denied, Origin::Local, "the disk is broken");
    batches.push_back(held.size());
  }
  void reveal(const Held& held) override {
    if (refused.contains(held.placement)) {
      throw Error(ErrorKind::Denied, Origin::Target, held.placement.str() + ": forbidden");
    }
    revealed.insert(held.placement);
  }
  Held update(const Held& held, const Item* told) override {
    require_answer(held.placement);
    std::unique_lock lock(mutex_);
    ++begun_updates;
    update_has_begun.notify_all();
    waited_in_vain |= !update_has_begun.wait_for(lock, std::chrono::seconds(20),
                                                 [&] { return begun_updates >= updates_at_once; });
    if (refused.contains(held.placement)) {
      throw Error(ErrorKind::Denied, Origin::Target, held.placement.str() + ": forbidden");
    }
    updated.insert(held.placement);
    Held now = held;
    if (told) now.item = *told;
    return now;
  }
  Removal remove(const Held& held) override {
    if (refused.contains(held.placement)) {
      throw Error(ErrorKind::Denied, Origin::Target, held.placement.str() + ": forbidden");
    }
    if (in_use.contains(held.placement)) return {Removal::Outcome::Hidden, "in use"};
    removed.insert(held.placement);
    return {};
  }
  RemovalJudgement judge_removals(std::span<const Held> held) override {
    RemovalJudgement judgement;
    for (const auto& each : held) {
      const auto known = judged.find(each.placement);
      judgement.of_each.push_back(known == judged.end() ? Removal{} : known->second);
    }
    judgement.warning = warning;
    return judgement;
  }
  void hide(const Held& held) override { hidden.insert(held.placement); }

  bool adoptable = true;
  bool can_link = false;
  bool settling_fails = false;
  std::function<bool(const std::string&path)> is_silent, falls_silent;  // first, last
  std::atomic<std::size_t> asked = 0, taken = 0;
  std::string busy;                                    // why it takes nothing now
  unsigned failures_to_come = 0;                       // at the end of an item
  std::size_t updates_at_once = 0, begun_updates = 0;  // none ends before so many have begun
  bool waited_in_vain = false;
  std::condition_variable update_has_begun;
  std::set<std::string> refused, revealed, removed, linked, updated, in_use, hidden, lying_there,
      unreadable;
  std::map<std::string, Removal> judged;
  std::string warning;
  std::vector<std::size_t> batches;
  Files staged;

 private:
  void require_answer(const std::string& path) {
    ++asked;
    if (is_silent && is_silent(path)) throw nobody_there(path);
  }
  static Error nobody_there(const std::string& path) {
    return Error(ErrorKind::Transient, Origin::Target, path + ": nobody there").that_is_unreached();
  }

  std::mutex mutex_;
};

class Recorder final : public Observer {
 public:
  void warn(std::string_view message) override { warnings.emplace_back(message); }
  void starting(std::uint64_t) override {}
  void progress(std::span<const Action* const> actions, const Arrival&) override {
    for (const auto* action : actions) running_.insert(action->name.str());
    most_at_once = std::max(most_at_once, running_.size());
  }
  void put_off(const Action& action) override { running_.erase(action.name.str()); }
  void ended(const Action& action) override { running_.erase(action.name.str()); }
  void retrying(std::string_view, const Error&, std::chrono::milliseconds wait) override {
    waits.push_back(wait);
  }
  void finished(const Action& action, const ActionResult&) override {
    lines.push_back(std::string(to_string(action.kind)) + " " + action.name.str());
  }
  std::vector<std::string> lines, warnings;
  std::vector<std::chrono::milliseconds> waits;
  std::size_t most_at_once = 0;

 private:
  std::set<std::string> running_;
};

Action action(ActionKind kind, const std::string& product, const std::string& version,
              const std::string& name, const std::string& content) {
  const auto path = product + "/" + version + "/" + name;
  const auto digest = digest_of(DigestAlgorithm::Sha256, content);
  const Item item{{"source", product, version, name},
                  {{"size", std::to_string(content.size())}, {"sha256", digest.hex()}},
                  RelativePath::parse(path)};
  Action result;
  result.kind = kind;
  result.key = item.key;
  result.name = path;
  result.size = content.size();
  result.blob =
      std::make_shared<const BlobSpec>(BlobSpec{item, {content.size(), digest, std::nullopt}});
  const auto state = kind == ActionKind::Keep ? HeldState::Present : HeldState::Unrevealed;
  result.held = std::make_shared<const Held>(Held{item, path, path, state, content.size()});
  return result;
}

void tell_anew(Action& action, const std::string& key) {
  BlobSpec blob = *action.blob;
  blob.item.tags.set(key, "new");
  action.blob = std::make_shared<const BlobSpec>(std::move(blob));
}

void hold(Action& action, HeldState state, const std::vector<Digest>& stored = {}) {
  Held held = *action.held;
  held.state = state;
  held.stored = stored;
  action.held = std::make_shared<const Held>(std::move(held));
}

struct Scene {
  MemoryTarget target;
  Recorder observer;
  std::vector<std::unique_ptr<MemorySource>> sources;
  std::stop_source stop;
  std::size_t jobs = 4;
  unsigned attempts = 1;
  std::chrono::seconds max_wait{0}, budget{600};
  std::shared_ptr<RateLimit> rate;
  std::vector<Assignment> assignments;

  explicit Scene(Files files) { add_base(std::move(files)); }
  void add_base(Files files) {
    const auto host = "mirror" + std::to_string(sources.size());
    sources.push_back(std::make_unique<MemorySource>(std::move(files), host));
  }
  Assignment assignment(MemoryTarget& to, Plan plan) {
    ItemSources bases;
    for (const auto& source : sources) {
      bases.push_back(source.get());
    }
    return {&to, std::move(plan), {bases}};
  }
  Executor executor() {
    return {assignments,
            jobs,
            RetryPolicy{.attempts = attempts, .max_wait = max_wait, .budget = budget},
            rate,
            stop.get_token(),
            observer};
  }
  std::vector<ActionResult> copy(const Plan& plan) {
    assignments.clear();
    assignments.push_back(assignment(target, plan));
    return executor().copy().front();
  }
  void remove(std::vector<ActionResult>& results) {
    Removals removals(assignments.front().plan, results, target, observer);
    removals.judge();
    removals.carry_out(stop.get_token());
  }
};

}  // namespace

TEST_CASE("items are copied, revealed and told in plan order") {
  Scene scene(Files{{"p/1/a", "aaa"}, {"q/1/b", "bbbbbb"}, {"r/1/c", "c"}});
  Plan plan;
  plan.actions = {action(ActionKind::Create, "p", "1", "a", "aaa"),
                  action(ActionKind::Create, "q", "1", "b", "bbbbbb"),
                  action(ActionKind::Create, "r", "1", "c", "c")};
  const auto results = scene.copy(plan);
  CHECK(scene.target.staged == Files{{"p/1/a", "aaa"}, {"q/1/b", "bbbbbb"}, {"r/1/c", "c"}});
  CHECK(scene.target.revealed == std::set<std::string>{"p/1/a", "q/1/b", "r/1/c"});
  CHECK(scene.observer.lines ==
        std::vector<std::string>{"create p/1/a", "create q/1/b", "create r/1/c"});
  CHECK(std::all_of(results.begin(), results.end(), [](const ActionResult& result) {
    return result.status == ActionStatus::Done && result.held->state == HeldState::Present;
  }));
}

TEST_CASE("a version is shown as a whole or not at all, and its predecessor stays") {
  Scene scene(Files{{"p/2/a", "aaa"}, {"q/2/a", "qqq"}});
  Plan plan;
  plan.actions = {action(ActionKind::Create, "p", "2", "a", "aaa"),
                  action(ActionKind::Create, "p", "2", "missing", "bbb"),
                  action(ActionKind::Create, "q", "2", "a", "qqq"),
                  action(ActionKind::Remove, "p", "1", "a", "old"),
                  action(ActionKind::Remove, "q", "1", "a", "old")};
  auto results = scene.copy(plan);
  CHECK(scene.target.revealed == std::set<std::string>{"q/2/a"});
  CHECK(results[0].status == ActionStatus::Failed);
  CHECK(results[1].error->kind() == ErrorKind::NotFound);
  CHECK(results[3].status == ActionStatus::Withheld);
  scene.remove(results);
  CHECK(scene.target.removed == std::set<std::string>{"q/1/a"});
}

TEST_CASE("bytes that do not match never reach the end at the target") {
  Scene scene(Files{{"p/1/a", "bad"}});
  Plan plan;
  plan.actions = {action(ActionKind::Create, "p", "1", "a", "aaa")};
  const auto results = scene.copy(plan);
  CHECK(results[0].error->kind() == ErrorKind::Corrupt);
  CHECK(scene.target.staged.empty());
  CHECK(scene.target.revealed.empty());

  SECTION("and are asked of the next base") {
    scene.add_base({{"p/1/a", "aaa"}});
    CHECK(scene.copy(plan)[0].status == ActionStatus::Done);
  }
}

TEST_CASE("a target's failure stops neither the others nor is it asked of another base") {
  Scene scene(Files{{"p/1/a", "aaa"}, {"q/1/a", "aaa"}});
  scene.add_base({{"p/1/a", "aaa"}});
  scene.target.refused = {"p/1/a"};
  Plan plan;
  plan.actions = {action(ActionKind::Create, "p", "1", "a", "aaa"),
                  action(ActionKind::Create, "q", "1", "a", "aaa")};
  const auto results = scene.copy(plan);
  CHECK(results[0].error->kind() == ErrorKind::NoRoom);
  CHECK(results[1].status == ActionStatus::Done);
}

TEST_CASE("an item that is complete already is shown without a byte, or copied if it is wrong") {
  Scene scene(Files{{"p/1/a", "aaa"}});
  Plan plan;
  plan.actions = {action(ActionKind::Adopt, "p", "1", "a", "aaa")};
  SECTION("right, and told as it is wanted now") {
    tell_anew(plan.actions[0], "label");
    const auto results = scene.copy(plan);
    CHECK(results[0].status == ActionStatus::Done);
    CHECK(tag(results[0].held->item.tags, "label") == "new");
    CHECK(scene.target.staged.empty());
  }
  SECTION("wrong") {
    scene.target.adoptable = false;
    CHECK(scene.copy(plan)[0].status == ActionStatus::Done);
    CHECK(scene.target.staged.size() == 1);
  }
  CHECK(scene.target.revealed == std::set<std::string>{"p/1/a"});
}

TEST_CASE("one refused removal does not stop the others") {
  Scene scene(Files{});
  scene.target.refused = {"p/1/a"};
  Plan plan;
  plan.actions = {action(ActionKind::Remove, "p", "1", "a", "old"),
                  action(ActionKind::Remove, "q", "1", "a", "old")};
  auto results = scene.copy(plan);
  scene.remove(results);
  CHECK(results[0].status == ActionStatus::Failed);
  CHECK(scene.target.removed == std::set<std::string>{"q/1/a"});
}

TEST_CASE("what is in use is hidden, what is to stay is kept, and neither has failed") {
  Scene scene(Files{});
  scene.target.judged = {{"p/1/a", {Removal::Outcome::Hidden, "in use by server 1"}},
                         {"q/1/a", {Removal::Outcome::Kept, "protected"}}};
  scene.target.in_use = {"r/1/a"};
  Plan plan;
  plan.actions = {action(ActionKind::Remove, "p", "1", "a", "old"),
                  action(ActionKind::Remove, "q", "1", "a", "old"),
                  action(ActionKind::Remove, "r", "1", "a", "old"),
                  action(ActionKind::Remove, "s", "1", "a", "old")};
  for (auto& action : plan.actions) action.reason = "superseded";
  auto results = scene.copy(plan);
  scene.remove(results);
  CHECK(scene.observer.lines ==
        std::vector<std::string>{"hide p/1/a", "keep q/1/a", "hide r/1/a", "remove s/1/a"});
  const auto& actions = scene.assignments.front().plan.actions;
  CHECK(actions[0].reason == "superseded; in use by server 1");
  CHECK(actions[1].reason == "superseded; protected");
  CHECK(scene.target.hidden == std::set<std::string>{"p/1/a"});
  CHECK(scene.target.removed == std::set<std::string>{"s/1/a"});
  CHECK(std::all_of(results.begin(), results.end(), [](const ActionResult& result) {
    return result.status == ActionStatus::Done;
  }));
}

TEST_CASE("nobody is asked about a removal that is withheld, and a doubt is told once") {
  Scene scene(Files{});
  scene.target.warning = "nobody answers";
  Plan plan;
  plan.actions = {action(ActionKind::Remove, "p", "1", "a", "old"),
                  action(ActionKind::Remove, "q", "1", "a", "old")};
  auto results = scene.copy(plan);
  SECTION("withheld") {
    Removals removals(scene.assignments.front().plan, results, scene.target, scene.observer);
    removals.withhold("the metadata could not be published");
    removals.judge();
    removals.carry_out({});
    CHECK(scene.observer.warnings.empty());
    CHECK(scene.target.removed.empty());
    CHECK(results[1].status == ActionStatus::Withheld);
  }
  SECTION("not withheld") {
    scene.remove(results);
    CHECK(scene.observer.warnings == std::vector<std::string>{"nobody answers"});
  }
}

TEST_CASE("what is hidden is shown again with its version as a whole or not at all") {
  Scene scene(Files{{"p/1/b", "bbb"}, {"q/1/b", "bbb"}});
  Plan plan;
  plan.actions = {action(ActionKind::Update, "p", "1", "a", "aaa"),
                  action(ActionKind::Create, "p", "1", "b", "bbb"),
                  action(ActionKind::Create, "p", "1", "missing", "ccc"),
                  action(ActionKind::Update, "q", "1", "a", "aaa"),
                  action(ActionKind::Create, "q", "1", "b", "bbb")};
  hold(plan.actions[0], HeldState::Hidden);
  hold(plan.actions[3], HeldState::Hidden);
  const auto results = scene.copy(plan);
  CHECK(scene.target.updated == std::set<std::string>{"q/1/a"});
  CHECK(scene.target.revealed == std::set<std::string>{"q/1/b"});
  CHECK(results[0].status == ActionStatus::Failed);
  CHECK(results[0].error->kind() == ErrorKind::Conflict);
  CHECK(results[3].status == ActionStatus::Done);
  CHECK(scene.observer.lines.size() == 5);
}

TEST_CASE("what is hidden stays so where another item of its version can't be shown") {
  Scene scene(Files{});
  scene.target.refused = {"p/1/b"};
  Plan plan;
  plan.actions = {action(ActionKind::Update, "p", "1", "a", "aaa"),
                  action(ActionKind::Adopt, "p", "1", "b", "bbb")};
  hold(plan.actions[0], HeldState::Hidden);
  const auto results = scene.copy(plan);
  CHECK(results[1].status == ActionStatus::Failed);
  CHECK(results[0].status == ActionStatus::Failed);
  CHECK(scene.target.updated.empty());
}

TEST_CASE("what could not be shown again keeps its successor from going") {
  Scene scene(Files{});
  scene.target.refused = {"p/1/a"};
  Plan plan;
  plan.actions = {action(ActionKind::Update, "p", "1", "a", "old"),
                  action(ActionKind::Remove, "p", "2", "a", "new")};
  hold(plan.actions[0], HeldState::Hidden);
  auto results = scene.copy(plan);
  scene.remove(results);
  CHECK(results[0].status == ActionStatus::Failed);
  CHECK(results[1].status == ActionStatus::Withheld);
}

TEST_CASE("what lies in its place is taken over, and fetched where it can't be read") {
  Scene scene(Files{{"p/1/a", "aaa"}, {"p/1/b", "bbb"}, {"p/1/c", "ccc"}});
  scene.target.lying_there = {"p/1/a", "p/1/c"};
  scene.target.unreadable = {"p/1/b"};
  Plan plan;
  plan.actions = {action(ActionKind::Create, "p", "1", "a", "aaa"),
                  action(ActionKind::Create, "p", "1", "b", "bbb"),
                  action(ActionKind::Create, "p", "1", "c", "ccc")};
  // Of this one a record says that it is another.
  Held another = *action(ActionKind::Keep, "p", "1", "c", "xyz").held;
  plan.actions[2].replaced = std::make_shared<const Held>(std::move(another));
  const auto results = scene.copy(plan);
  for (const auto& result : results) CHECK(result.status == ActionStatus::Done);
  CHECK(scene.target.staged.size() == 2);
  CHECK(scene.target.staged.count("p/1/a") == 0);
  CHECK(results[0].known == 3);
  CHECK(results[1].known == 0);
}

TEST_CASE("a stopped run says what is not done and reveals nothing more") {
  Scene scene(Files{{"p/1/a", "aaa"}});
  scene.stop.request_stop();
  Plan plan;
  plan.actions = {action(ActionKind::Create, "p", "1", "a", "aaa")};
  CHECK(scene.copy(plan).front().status == ActionStatus::Planned);
  CHECK(scene.target.revealed.empty());
}

TEST_CASE("what several targets want is fetched once") {
  Scene scene(Files{{"p/1/a", "aaa"}, {"q/1/b", "bbb"}});
  MemoryTarget other;
  Plan both, one;
  both.actions = {action(ActionKind::Create, "p", "1", "a", "aaa"),
                  action(ActionKind::Create, "q", "1", "b", "bbb")};
  one.actions = {action(ActionKind::Create, "p", "1", "a", "aaa")};
  scene.assignments = {scene.assignment(scene.target, both), scene.assignment(other, one)};
  const auto results = scene.executor().copy();
  CHECK(scene.sources.front()->asked == 2);
  CHECK(scene.target.revealed == std::set<std::string>{"p/1/a", "q/1/b"});
  CHECK(other.revealed == std::set<std::string>{"p/1/a"});
  CHECK(results[0][0].fetched.all + results[1][0].fetched.all == 3);
  CHECK(scene.observer.lines ==
        std::vector<std::string>{"create p/1/a", "create q/1/b", "create p/1/a"});
}

TEST_CASE("a target that fails in a common transfer fails alone") {
  Scene scene(Files{{"p/1/a", "aaa"}});
  MemoryTarget other;
  other.refused = {"p/1/a"};
  Plan plan;
  plan.actions = {action(ActionKind::Create, "p", "1", "a", "aaa")};
  scene.assignments = {scene.assignment(scene.target, plan), scene.assignment(other, plan)};
  const auto results = scene.executor().copy();
  CHECK(results[0][0].status == ActionStatus::Done);
  CHECK(results[1][0].status == ActionStatus::Failed);
}

TEST_CASE("a target that needs several tries is given what another one has") {
  Scene scene(Files{{"p/1/a", "aaa"}});
  scene.attempts = 5;
  MemoryTarget other;
  other.failures_to_come = 3;
  Plan plan;
  plan.actions = {action(ActionKind::Create, "p", "1", "a", "aaa")};
  scene.assignments = {scene.assignment(scene.target, plan), scene.assignment(other, plan)};
  const auto results = scene.executor().copy();
  CHECK(results[0][0].status == ActionStatus::Done);
  CHECK(results[1][0].status == ActionStatus::Done);
  CHECK(scene.sources.front()->asked == 1);
}

TEST_CASE("the same bytes under another name are not fetched again") {
  Scene scene(Files{{"p/2/a", "aaa"}});
  Plan plan;
  plan.actions = {action(ActionKind::Create, "q", "2", "b", "aaa")};
  SECTION("two items of one target") {
    plan.actions.push_back(action(ActionKind::Create, "p", "2", "a", "aaa"));
    scene.sources.clear();
    scene.add_base({{"p/2/a", "aaa"}, {"q/2/b", "aaa"}});
    scene.copy(plan);
    CHECK(scene.sources.front()->asked == 1);
    CHECK(scene.target.staged.size() == 2);
  }
  SECTION("copied from what is there") {
    plan.actions.push_back(action(ActionKind::Keep, "p", "1", "a", "aaa"));
    scene.target.staged["p/1/a"] = "aaa";
    const auto results = scene.copy(plan);
    CHECK(results[0].status == ActionStatus::Done);
    CHECK(results[0].fetched.all == 0);
    CHECK(scene.target.staged["q/2/b"] == "aaa");
    CHECK(scene.sources.front()->asked == 0);
  }
  SECTION("copied from another target") {
    MemoryTarget other;
    other.staged["p/1/a"] = "aaa";
    Plan there;
    there.actions = {action(ActionKind::Keep, "p", "1", "a", "aaa")};
    scene.assignments = {scene.assignment(other, there), scene.assignment(scene.target, plan)};
    CHECK(scene.executor().copy()[1][0].status == ActionStatus::Done);
    CHECK(scene.sources.front()->asked == 0);
  }
  SECTION("linked") {
    plan.actions.push_back(action(ActionKind::Keep, "p", "1", "a", "aaa"));
    scene.target.staged["p/1/a"] = "aaa";
    scene.target.can_link = true;
    CHECK(scene.copy(plan)[0].status == ActionStatus::Done);
    CHECK(scene.target.linked == std::set<std::string>{"q/2/b"});
    CHECK(scene.target.revealed == std::set<std::string>{"q/2/b"});
  }
  SECTION("fetched when its target tells that what is there has been damaged") {
    plan.actions[0] = action(ActionKind::Create, "p", "2", "a", "aaa");
    plan.actions.push_back(action(ActionKind::Keep, "p", "1", "a", "aaa"));
    hold(plan.actions[1], HeldState::Present, {digest_of(DigestAlgorithm::Sha256, "aab")});
    scene.target.staged["p/1/a"] = "aab";
    scene.target.can_link = true;
    CHECK(scene.copy(plan)[0].status == ActionStatus::Done);
    CHECK(scene.target.linked.empty());
  }
  SECTION("fetched when what is there has been damaged") {
    plan.actions[0] = action(ActionKind::Create, "p", "2", "a", "aaa");
    plan.actions.push_back(action(ActionKind::Keep, "p", "1", "a", "aaa"));
    scene.target.staged["p/1/a"] = "aab";
    CHECK(scene.copy(plan)[0].status == ActionStatus::Done);
    CHECK(scene.target.staged["p/2/a"] == "aaa");
    CHECK(scene.sources.front()->asked == 1);
  }
}

TEST_CASE("who promises another size of the same bytes fails alone") {
  const auto delta = GENERATE(-1, 1);
  const bool is_wrong_first = GENERATE(true, false);
  Scene scene(Files{{"p/1/a", "aaa"}, {"q/1/a", "aaa"}});
  MemoryTarget other;
  Plan right, wrong;
  right.actions = {action(ActionKind::Create, "p", "1", "a", "aaa")};
  wrong.actions = {action(ActionKind::Create, "q", "1", "a", "aaa")};
  auto& promised = wrong.actions.front();
  promised.size += static_cast<std::uint64_t>(delta);
  auto blob = *promised.blob;
  blob.content.size = promised.size;
  promised.blob = std::make_shared<const BlobSpec>(std::move(blob));
  scene.assignments = {scene.assignment(scene.target, right), scene.assignment(other, wrong)};
  if (is_wrong_first) std::swap(scene.assignments[0], scene.assignments[1]);
  scene.executor().copy();
  CHECK(scene.target.revealed == std::set<std::string>{"p/1/a"});
  CHECK(other.revealed.empty());
}

TEST_CASE("what one target gives another takes its share of the rate") {
  Scene scene(Files{});
  scene.rate = std::make_shared<RateLimit>(1, scene.stop.get_token());
  MemoryTarget other;
  const std::string content(100, 'a');
  other.staged["p/1/a"] = content;
  Plan there, here;
  there.actions = {action(ActionKind::Keep, "p", "1", "a", content)};
  here.actions = {action(ActionKind::Create, "q", "1", "b", content)};
  scene.assignments = {scene.assignment(other, there), scene.assignment(scene.target, here)};
  CHECK(scene.executor().copy()[1][0].status == ActionStatus::Done);
  const auto now = RateLimit::Clock::now();
  CHECK(scene.rate->reserve(1, now) > now);
}

TEST_CASE("what can't be settled is not shown") {
  Scene scene(Files{{"p/1/a", "aaa"}});
  scene.target.settling_fails = true;
  Plan plan;
  plan.actions = {action(ActionKind::Create, "p", "1", "a", "aaa")};
  CHECK(scene.copy(plan)[0].status == ActionStatus::Failed);
  CHECK(scene.target.revealed.empty());
}

TEST_CASE("what a source does not have yet is asked for once more at the end") {
  Scene scene(Files{{"p/1/a", "aaa"}});
  scene.attempts = 2;
  Plan plan;
  plan.actions = {action(ActionKind::Create, "q", "1", "late", "late"),
                  action(ActionKind::Create, "p", "1", "a", "aaa")};
  SECTION("and may have come") {
    scene.sources.front()->comes_later = {{"q/1/late", "late"}};
    CHECK(scene.copy(plan)[0].status == ActionStatus::Done);
  }
  SECTION("or not") { CHECK(scene.copy(plan)[0].error->kind() == ErrorKind::NotFound); }
  CHECK(scene.target.revealed.contains("p/1/a"));
  CHECK(scene.observer.lines.front() == "create q/1/late");
}

TEST_CASE("what is missing says whether its source has changed, which is asked for once") {
  Scene scene({});
  scene.attempts = 2;
  Plan plan;
  plan.actions = {action(ActionKind::Create, "p", "1", "one", "one"),
                  action(ActionKind::Create, "p", "1", "two", "two"),
                  action(ActionKind::Create, "q", "1", "other", "other")};
  plan.actions[2].entry = 1;
  std::vector<std::size_t> asked;
  auto assignment = scene.assignment(scene.target, plan);
  assignment.sources.push_back(assignment.sources.front());
  assignment.has_changed = [&](std::size_t entry) {
    asked.push_back(entry);
    return entry == 0;
  };
  scene.assignments = {assignment};
  const auto results = scene.executor().copy().front();
  std::sort(asked.begin(), asked.end());
  CHECK(asked == std::vector<std::size_t>{0, 1});
  const auto says_so = Catch::Contains("the source has changed");
  CHECK_THAT(results[0].error->what(), says_so);
  CHECK_THAT(results[1].error->what(), says_so);
  CHECK_THAT(results[2].error->what(), !says_so);
}

TEST_CASE("what differs is updated, and one that can't be holds nothing up") {
  Scene scene({});
  Plan plan;
  plan.actions = {action(ActionKind::Update, "p", "1", "a", "aaa"),
                  action(ActionKind::Update, "p", "1", "b", "bbb"),
                  action(ActionKind::Remove, "p", "0", "a", "old"),
                  action(ActionKind::Update, "q", "1", "c", "ccc")};
  tell_anew(plan.actions[0], "aliases");
  plan.actions[3].blob.reset();
  scene.target.refused = {"p/1/b"};
  const auto results = scene.copy(plan);
  CHECK(scene.target.updated == std::set<std::string>{"p/1/a", "q/1/c"});
  CHECK(results[0].status == ActionStatus::Done);
  CHECK(tag(results[0].held->item.tags, "aliases") == "new");
  CHECK(results[1].status == ActionStatus::Failed);
  CHECK(results[1].error->kind() == ErrorKind::Denied);
  CHECK(results[2].status == ActionStatus::Planned);
  CHECK(results[3].held->item.key == plan.actions[3].key);
}

TEST_CASE("updates do not wait for each other") {
  Scene scene({});
  scene.jobs = 2;
  scene.target.updates_at_once = 2;
  Plan plan;
  plan.actions = {action(ActionKind::Update, "p", "1", "a", "aaa"),
                  action(ActionKind::Update, "q", "1", "b", "bbb"),
                  action(ActionKind::Update, "r", "1", "c", "ccc")};
  scene.copy(plan);
  CHECK_FALSE(scene.target.waited_in_vain);
  CHECK(scene.target.updated.size() == 3);
  CHECK(scene.observer.lines ==
        std::vector<std::string>{"update p/1/a", "update q/1/b", "update r/1/c"});
}

TEST_CASE("what an earlier run began and can't be removed is no item that did not come") {
  Scene scene(Files{{"p/2/a", "aaa"}});
  Plan plan;
  plan.actions = {action(ActionKind::Create, "p", "2", "a", "aaa"),
                  action(ActionKind::Remove, "p", "1", "begun", "old"),
                  action(ActionKind::Remove, "p", "1", "a", "old")};
  hold(plan.actions[1], HeldState::Incomplete);
  scene.target.refused = {"p/1/begun"};
  auto results = scene.copy(plan);
  CHECK(results[0].status == ActionStatus::Done);
  scene.remove(results);
  CHECK(results[1].status == ActionStatus::Failed);
  CHECK(results[2].status == ActionStatus::Done);
}

TEST_CASE("each target of a common transfer fails for its own reason") {
  Scene scene(Files{{"p/1/a", "aaa"}});
  MemoryTarget other;
  scene.target.busy = "one is busy";
  other.busy = "the other is busy";
  Plan plan;
  plan.actions = {action(ActionKind::Create, "p", "1", "a", "aaa")};
  scene.assignments = {scene.assignment(scene.target, plan), scene.assignment(other, plan)};
  const auto results = scene.executor().copy();
  CHECK_THAT(results[0][0].error->what(), Catch::Contains("one is busy"));
  CHECK_THAT(results[1][0].error->what(), Catch::Contains("the other is busy"));
}

namespace {

// So many items of different sizes; the first is the largest.
struct Series {
  Files files;
  Plan plan;
  std::uint64_t bytes = 0;

  explicit Series(std::size_t count, ActionKind kind = ActionKind::Create,
                  const std::string& name = "p", char byte = 'x') {
    for (auto size = count; size > 0; --size) {
      const auto product = name + std::to_string(100 + count - size);
      const std::string content(size, byte);
      plan.actions.push_back(action(kind, product, "1", "a", content));
      files.emplace(plan.actions.back().name, content);
      bytes += size;
    }
  }
};

bool always(const std::string&) { return true; }

bool is_untried(const ActionResult& result) {
  return result.error &&
         std::string(result.error->what()).find("not tried, because") != std::string::npos;
}

bool is_done(const ActionResult& result) { return result.status == ActionStatus::Done; }

std::size_t count(const std::vector<ActionResult>& results, bool (*what)(const ActionResult&)) {
  return static_cast<std::size_t>(std::count_if(results.begin(), results.end(), what));
}

std::uint64_t fetched(const std::vector<std::vector<ActionResult>>& results) {
  std::uint64_t bytes = 0;
  for (const auto& of_target : results) {
    for (const auto& result : of_target) bytes += result.fetched.all;
  }
  return bytes;
}

}  // namespace

TEST_CASE("a slow source brakes no other, and takes all jobs that no other has use for") {
  const Series slow(8), fast(4, ActionKind::Create, "q", 'y');
  Scene scene(slow.files);
  scene.add_base(fast.files);
  scene.jobs = 2;
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t waiting = 0;
  bool waited_in_vain = false;
  // Answers when all of the other has come and it is asked by both jobs.
  scene.sources.front()->before = [&] {
    std::unique_lock lock(mutex);
    ++waiting;
    changed.notify_all();
    waited_in_vain |= !changed.wait_for(lock, std::chrono::seconds(20),
                                        [&] { return waiting >= 2 && scene.target.taken >= 4; });
  };
  auto plan = slow.plan;
  for (auto action : fast.plan.actions) {
    action.entry = 1;
    plan.actions.push_back(std::move(action));
  }
  scene.assignments = {{&scene.target,
                        std::move(plan),
                        {{scene.sources.front().get()}, {scene.sources.back().get()}}}};
  CHECK(count(scene.executor().copy().front(), is_done) == 12);
  CHECK_FALSE(waited_in_vain);
}

TEST_CASE("a target that does not answer is asked by few items and brakes no other") {
  const Series series(30);
  Scene scene(series.files);
  scene.attempts = GENERATE(1U, 3U);
  scene.target.is_silent = always;
  MemoryTarget other;
  scene.assignments = {scene.assignment(scene.target, series.plan),
                       scene.assignment(other, series.plan)};
  const auto results = scene.executor().copy();
  CHECK(count(results[1], is_done) == 30);
  CHECK(scene.target.asked <= (scene.jobs + 1) * scene.attempts);
  CHECK(fetched(results) == series.bytes);
  CHECK(count(results[0], is_untried) + scene.target.asked / scene.attempts == 30);
  for (const auto& result : results[0]) {
    REQUIRE(result.error);
    CHECK(exit_status_of_item(*result.error) == ExitStatus::TargetUnavailable);
    CHECK_THAT(result.error->what(), Catch::Contains("nobody there"));
  }
  CHECK(scene.observer.warnings.size() <= scene.jobs);
  CHECK(scene.observer.warnings.empty() == (scene.attempts == 1));
  for (const auto& warning : scene.observer.warnings) {
    CHECK_THAT(warning, Catch::Contains("asked again when all others are done"));
  }
}

TEST_CASE("one target alone that does not answer is asked by few items") {
  const Series series(30);
  Scene scene(series.files);
  scene.target.is_silent = always;
  CHECK(count(scene.copy(series.plan), is_untried) >= 30 - scene.jobs - 1);
  CHECK(scene.target.asked <= scene.jobs + 1);
}

TEST_CASE("a target that answers again is given all in the same run, of what the others have") {
  const Series series(30);
  Scene scene(series.files);
  scene.attempts = 2;
  MemoryTarget other, third;
  for (auto* silent : {&scene.target, &third}) {
    silent->is_silent = [&](const std::string&) { return other.taken < 30; };
  }
  scene.assignments = {scene.assignment(scene.target, series.plan),
                       scene.assignment(other, series.plan), scene.assignment(third, series.plan)};
  const auto results = scene.executor().copy();
  for (const auto& of_target : results) CHECK(count(of_target, is_done) == 30);
  CHECK(scene.target.revealed.size() == 30);
  CHECK(scene.sources.front()->asked == 30);
  CHECK(fetched(results) == series.bytes);
  CHECK(scene.observer.lines.front() == "create " + series.plan.actions.front().name.str());
}

TEST_CASE("a target is waited for before it is asked again, as far as the budget goes") {
  const Series series(10);
  Scene scene(series.files);
  scene.jobs = 1;
  scene.attempts = 2;
  scene.max_wait = std::chrono::seconds(1);
  scene.target.is_silent = [&](const std::string&) { return scene.target.asked <= 2; };
  std::chrono::milliseconds wait = scene.max_wait;
  SECTION("which has it") {}
  SECTION("which does not have it: then it is asked at once") {
    scene.budget = std::chrono::seconds(0);
    wait = std::chrono::milliseconds(0);
  }
  const auto results = scene.copy(series.plan);
  CHECK(count(results, is_done) == 10);
  REQUIRE_FALSE(scene.observer.waits.empty());
  CHECK(scene.observer.waits.back() == wait);
}

TEST_CASE("what is missing at its source says nothing of a target") {
  Series series(10);
  // The two smallest, which are the next to be tried.
  for (const auto* gone : {"p108/1/a", "p109/1/a"}) series.files.erase(gone);
  Scene scene(series.files);
  scene.jobs = 1;
  scene.attempts = 2;
  scene.target.is_silent = always;
  const auto results = scene.copy(series.plan);
  CHECK(count(results, is_done) == 0);
  // All but one at first, and the three that are tried; fewer where the target is asked in time.
  CHECK(count(results, is_untried) >= 6);
}

TEST_CASE("an item that is never answered keeps no hidden one from being shown again") {
  Series series(3, ActionKind::Create);
  Series hidden(2, ActionKind::Update, "q");
  for (auto& action : hidden.plan.actions) {
    auto held = *action.held;
    held.state = HeldState::Hidden;
    action.held = std::make_shared<const Held>(std::move(held));
  }
  Scene scene(series.files);
  scene.attempts = 2;
  scene.jobs = 1;
  scene.target.is_silent = [](const std::string& path) { return path.starts_with("p100"); };
  auto plan = series.plan;
  plan.actions.insert(plan.actions.end(), hidden.plan.actions.begin(), hidden.plan.actions.end());
  const auto results = scene.copy(plan);
  CHECK(count(results, is_done) == 4);
  CHECK(results.front().status == ActionStatus::Failed);
}

TEST_CASE("a target that falls silent again is asked again") {
  const Series series(10);
  Scene scene(series.files);
  scene.jobs = 1;
  scene.attempts = 2;
  std::atomic<std::size_t> asked = 0;
  scene.target.is_silent = [&](const std::string&) {
    const auto at = ++asked;
    return at == 1 || at == 2 || at == 6 || at == 7;
  };
  CHECK(count(scene.copy(series.plan), is_done) == 10);
  CHECK(scene.target.asked == 14);
}

TEST_CASE("an item that nobody answers has no other fail") {
  const Series series(10);
  Scene scene(series.files);
  scene.jobs = 1;
  scene.attempts = 2;
  const std::size_t bad = GENERATE(1U, 3U);
  const auto& actions = series.plan.actions;
  scene.target.is_silent = [&](const std::string& path) {
    return std::any_of(actions.begin(), actions.begin() + static_cast<std::ptrdiff_t>(bad),
                       [&](const Action& action) { return action.name == path; });
  };
  const auto results = scene.copy(series.plan);
  CHECK(count(results, is_done) == 10 - bad);
  CHECK(count(results, is_untried) == 0);
  CHECK(scene.target.asked <= 10 - bad + 2 * scene.attempts * bad);
}

TEST_CASE("an item that is put off does not run while others do") {
  const Series series(3);
  Scene scene(series.files);
  scene.jobs = 1;
  scene.attempts = 2;
  unsigned tries = 0;
  scene.target.falls_silent = [&](const std::string& path) {
    return path == series.plan.actions.front().name && ++tries <= scene.attempts;
  };
  CHECK(count(scene.copy(series.plan), is_done) == 3);
  CHECK(scene.observer.warnings.size() == 1);
  CHECK(scene.observer.most_at_once == 1);
}

TEST_CASE("what a target says of one item is no silence") {
  const Series series(10);
  Scene scene(series.files);
  scene.jobs = 1;
  scene.target.busy = "no time";
  const auto results = scene.copy(series.plan);
  CHECK(scene.target.asked == 10);
  CHECK(count(results, is_untried) == 0);
}

TEST_CASE("what a silent target holds is fetched") {
  const Series wanted(10), there(10, ActionKind::Keep);
  Scene scene(wanted.files);
  scene.jobs = 1;
  MemoryTarget holder;
  holder.is_silent = always;
  scene.assignments = {scene.assignment(holder, there.plan),
                       scene.assignment(scene.target, wanted.plan)};
  CHECK(count(scene.executor().copy()[1], is_done) == 10);
  CHECK(holder.asked == 1);
}

TEST_CASE("a target that does not give what it has is given the rest all the same") {
  Series wanted(10);
  const Series there(10, ActionKind::Keep, "q");
  Scene scene(wanted.files);
  scene.jobs = 1;
  scene.target.is_silent = [](const std::string& path) { return path.starts_with("q"); };
  wanted.plan.actions.insert(wanted.plan.actions.end(), there.plan.actions.begin(),
                             there.plan.actions.end());
  const auto results = scene.copy(wanted.plan);
  CHECK(count(results, is_done) == 20);
  CHECK(scene.target.asked == 11);
  CHECK(scene.sources.front()->asked == 10);
}

TEST_CASE("updates are put off, too") {
  const Series series(10, ActionKind::Update);
  Scene scene({});
  scene.jobs = 1;
  scene.attempts = 2;
  SECTION("and fail where nobody answers") {
    scene.target.is_silent = always;
    const auto results = scene.copy(series.plan);
    CHECK(scene.target.asked == 2);
    CHECK(count(results, is_untried) == 8);
  }
  SECTION("or are done later") {
    scene.target.is_silent = [&](const std::string&) { return scene.target.asked == 1; };
    CHECK(count(scene.copy(series.plan), is_done) == 10);
    CHECK(scene.target.asked == 11);
  }
}

}  // namespace streamsync
