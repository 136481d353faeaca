#include "sync/executor.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "base/crypto/digest.h"

namespace streamsync {
namespace {

using Files = std::map<std::string, std::string>;

// A mirror in memory. Thread-safe as the port asks: it is only read.
class MemorySource final : public Source {
 public:
  explicit MemorySource(Files files) : files_(std::move(files)) {}

  std::optional<FetchedDocument> fetch(const RelativePath&, const Validator&) override {
    throw Error(ErrorKind::NotFound, Origin::Source, "no documents here");
  }
  void stream(const RelativePath& path, ItemProgress& progress, ByteSink& sink) override {
    const auto file = files_.find(path.str());
    if (file == files_.end()) {
      throw Error(ErrorKind::NotFound, Origin::Source, path.str() + ": 404");
    }
    const auto rest = std::string_view(file->second).substr(progress.offset);
    sink.write(as_bytes(rest));
    progress.offset += rest.size();
  }
  std::string describe(const RelativePath& path) const override { return path.str(); }

 private:
  Files files_;
};

class MemoryTarget final : public ItemTarget {
 public:
  std::vector<Held> inventory() override { return {}; }
  std::string name_of(const Item& item) const override { return item.path->str(); }
  void announce(const std::vector<BlobSpec>& coming) override { announced = coming.size(); }
  Held stage(const BlobSpec& blob, ByteSource& bytes) override {
    const auto path = blob.item.path->str();
    if (refused.contains(path)) {
      throw Error(ErrorKind::NoRoom, Origin::Target, path + ": no room");
    }
    auto content = read_all(bytes, 1 << 20);
    const std::lock_guard lock(mutex_);
    staged[path] = std::move(content);
    return {blob.item, path, path, HeldState::Unrevealed, blob.content.size};
  }
  bool verify_unrevealed(const Held&, const BlobSpec&) override { return adoptable; }
  void reveal(const Held& held) override { revealed.insert(held.placement); }
  void remove(const Held& held) override {
    if (refused.contains(held.placement)) {
      throw Error(ErrorKind::Conflict, Origin::Target, held.placement + ": in use");
    }
    removed.insert(held.placement);
  }

  std::size_t announced = 0;
  bool adoptable = true;
  std::set<std::string> refused, revealed, removed;
  Files staged;

 private:
  std::mutex mutex_;
};

class Recorder final : public Observer {
 public:
  void warn(std::string_view) override {}
  void starting(const Plan&) override {}
  void progress(const Action&, std::uint64_t) override {}
  void retrying(const Action&, const Error&, std::chrono::milliseconds) override {}
  void finished(const Action& action, const ActionResult&) override {
    lines.push_back(std::string(to_string(action.kind)) + " " + action.name);
  }
  std::vector<std::string> lines;
};

Action action(ActionKind kind, const std::string& product, const std::string& version,
              const std::string& name, const std::string& content) {
  const auto path = product + "/" + version + "/" + name;
  const Item item{{"source", product, version, name}, {}, RelativePath::parse(path)};
  Action result;
  result.kind = kind;
  result.key = item.key;
  result.name = path;
  result.size = content.size();
  result.blob =
      BlobSpec{item, {content.size(), digest_of(DigestAlgorithm::Sha256, content), std::nullopt}};
  result.held = Held{item, path, path, HeldState::Unrevealed, content.size()};
  return result;
}

struct Scene {
  MemoryTarget target;
  Recorder observer;
  std::vector<std::unique_ptr<Source>> sources;
  std::stop_source stop;
  std::size_t jobs = 4;

  explicit Scene(Files files) { add_base(std::move(files)); }
  void add_base(Files files) {
    sources.push_back(std::make_unique<MemorySource>(std::move(files)));
  }
  Executor executor() {
    ItemSources bases;
    for (const auto& source : sources) {
      bases.push_back(source.get());
    }
    return {target, {bases}, jobs, RetryPolicy{.attempts = 1}, stop.get_token(), observer};
  }
};

}  // namespace

TEST_CASE("items are copied, revealed and told in plan order") {
  Scene scene(Files{{"p/1/a", "aaa"}, {"q/1/b", "bbbbbb"}, {"r/1/c", "c"}});
  Plan plan;
  plan.actions = {action(ActionKind::Create, "p", "1", "a", "aaa"),
                  action(ActionKind::Create, "q", "1", "b", "bbbbbb"),
                  action(ActionKind::Create, "r", "1", "c", "c")};
  const auto results = scene.executor().copy(plan);
  CHECK(scene.target.staged == Files{{"p/1/a", "aaa"}, {"q/1/b", "bbbbbb"}, {"r/1/c", "c"}});
  CHECK(scene.target.revealed == std::set<std::string>{"p/1/a", "q/1/b", "r/1/c"});
  CHECK(scene.target.announced == 3);
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
  auto executor = scene.executor();
  auto results = executor.copy(plan);
  CHECK(scene.target.revealed == std::set<std::string>{"q/2/a"});
  CHECK(results[0].status == ActionStatus::Failed);
  CHECK(results[1].error->kind() == ErrorKind::NotFound);
  CHECK(results[3].status == ActionStatus::Withheld);
  executor.remove(plan, results);
  CHECK(scene.target.removed == std::set<std::string>{"q/1/a"});
}

TEST_CASE("bytes that do not match never reach the end at the target") {
  Scene scene(Files{{"p/1/a", "bad"}});
  Plan plan;
  plan.actions = {action(ActionKind::Create, "p", "1", "a", "aaa")};
  const auto results = scene.executor().copy(plan);
  CHECK(results[0].error->kind() == ErrorKind::Corrupt);
  CHECK(scene.target.staged.empty());
  CHECK(scene.target.revealed.empty());

  SECTION("and are asked of the next base") {
    scene.add_base({{"p/1/a", "aaa"}});
    CHECK(scene.executor().copy(plan)[0].status == ActionStatus::Done);
  }
}

TEST_CASE("a target's failure stops neither the others nor is it asked of another base") {
  Scene scene(Files{{"p/1/a", "aaa"}, {"q/1/a", "aaa"}});
  scene.add_base({{"p/1/a", "aaa"}});
  scene.target.refused = {"p/1/a"};
  Plan plan;
  plan.actions = {action(ActionKind::Create, "p", "1", "a", "aaa"),
                  action(ActionKind::Create, "q", "1", "a", "aaa")};
  const auto results = scene.executor().copy(plan);
  CHECK(results[0].error->kind() == ErrorKind::NoRoom);
  CHECK(results[1].status == ActionStatus::Done);
}

TEST_CASE("an item that is complete already is shown without a byte, or copied if it is wrong") {
  Scene scene(Files{{"p/1/a", "aaa"}});
  Plan plan;
  plan.actions = {action(ActionKind::Adopt, "p", "1", "a", "aaa")};
  SECTION("right") {
    CHECK(scene.executor().copy(plan)[0].status == ActionStatus::Done);
    CHECK(scene.target.staged.empty());
  }
  SECTION("wrong") {
    scene.target.adoptable = false;
    CHECK(scene.executor().copy(plan)[0].status == ActionStatus::Done);
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
  auto executor = scene.executor();
  auto results = executor.copy(plan);
  executor.remove(plan, results);
  CHECK(results[0].status == ActionStatus::Failed);
  CHECK(scene.target.removed == std::set<std::string>{"q/1/a"});
}

TEST_CASE("a stopped run ends with Cancelled and reveals nothing more") {
  Scene scene(Files{{"p/1/a", "aaa"}});
  scene.stop.request_stop();
  Plan plan;
  plan.actions = {action(ActionKind::Create, "p", "1", "a", "aaa")};
  CHECK_THROWS_AS(scene.executor().copy(plan), Cancelled);
  CHECK(scene.target.revealed.empty());
}

}  // namespace streamsync
