#include "sync/tree_check.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/unit/sync/held_tree.h"

namespace streamsync {
namespace {

TrustedText document_of(const std::string& version, const std::string& promised) {
  const auto text = fmt::format(
      R"({{"format": "products:1.0", "content_id": "source", "products": {{"p": {{"versions":
          {{"{0}": {{"items": {{"disk.img": {{"ftype": "disk.img", "path": "{0}/disk.img",
            "size": {1}, "sha256": "{2}"}}}}}}}}}}}}}})",
      version, promised.size(), digest_of(DigestAlgorithm::Sha256, promised).hex());
  return accept_unverified(spool_of(text), "document");
}

struct Scene {
  HeldTree tree;
  CountingObserver observer;
  std::stop_source stop;
  unsigned attempts = 1;

  void hold(const std::string& version, const std::string& promised, const std::string& content) {
    tree.held.push_back(recorded(version, promised));
    tree.contents[tree.held.back().placement] = content;
  }
  TreeCheck check() {
    return {
        tree, {2, RetryPolicy{.attempts = attempts, .max_wait = {}}, stop.get_token()}, observer};
  }
};

}  // namespace

TEST_CASE("what has the promised bytes is right, and nothing else is") {
  Scene scene;
  scene.hold("1", "as promised", "as promised");
  scene.hold("2", "as promised", "AS promised");
  scene.hold("3", "as promised", "as promise");
  scene.hold("4", "as promised", "as promised, and more");
  const auto check = scene.check();
  const auto damaged = check.failures(check.items());
  CHECK(damaged.size() == 3);
  CHECK_FALSE(damaged.contains(0));
  for (const auto& [number, error] : damaged) {
    CHECK(error.kind() == ErrorKind::Corrupt);
    CHECK(error.origin() == Origin::Target);
    CHECK(std::string(error.what()).starts_with(std::to_string(number + 1) + "/disk.img: "));
  }
  CHECK(scene.observer.expected == 4 * 11);
  CHECK(scene.observer.come["1/disk.img"] == 11);
  CHECK(scene.observer.ends == 4);
}

TEST_CASE("what can't be read is tried again, and then not called damaged but unread") {
  Scene scene;
  scene.attempts = 2;
  scene.hold("1", "content", "content");
  scene.hold("2", "content", "content");
  scene.tree.failures = {{"1/disk.img", 1}, {"2/disk.img", 2}};
  const auto check = scene.check();
  const auto damaged = check.failures(check.items());
  REQUIRE(damaged.size() == 1);
  CHECK(damaged.at(1).kind() == ErrorKind::Transient);
  CHECK(scene.observer.retried.size() == 2);
}

TEST_CASE("a document of the tree counts more than its record") {
  Scene scene;
  scene.hold("1", "of the record", "of document 1");
  auto check = scene.check();
  CHECK(check.failures(check.items()).size() == 1);
  check.believe(document_of("1", "of document 1"), "document");
  CHECK(check.failures(check.items()).empty());
}

TEST_CASE("what is recorded and not there is missed where a document names it") {
  Scene scene;
  scene.hold("1", "content", "content");
  for (const auto* version : {"2", "3"}) {
    scene.tree.gone.push_back(recorded(version, "content"));
    scene.tree.gone.back().state = HeldState::Incomplete;
    scene.tree.gone.back().size = 0;
  }
  auto check = scene.check();
  CHECK(check.failures(check.items()).empty());
  check.believe(document_of("3", "content"), "document");
  const auto items = check.items();
  const auto damaged = check.failures(items);
  REQUIRE(damaged.size() == 1);
  CHECK(items[damaged.begin()->first].name == "3/disk.img");
}

TEST_CASE("what was begun and is not named is not looked at") {
  Scene scene;
  for (const auto state : {HeldState::Incomplete, HeldState::Unrevealed}) {
    scene.hold(state == HeldState::Incomplete ? "1" : "2", "content", "content");
    scene.tree.held.back().state = state;
    if (state == HeldState::Incomplete) scene.tree.held.back().size = 0;
  }
  auto check = scene.check();
  CHECK(check.items().empty());
  check.believe(document_of("2", "content"), "document");
  const auto damaged = check.failures(check.items());
  REQUIRE(damaged.size() == 1);
  CHECK_THAT(damaged.at(0).what(), Catch::Contains("not at its place"));
}

TEST_CASE("what is not whole at its place, or beside others of its version, is damaged") {
  Scene scene;
  scene.hold("1", "content", "con");
  scene.tree.held.back().state = HeldState::Incomplete;
  scene.tree.held.back().size = 3;
  scene.hold("2", "content", "content");
  scene.tree.held.push_back(recorded("2", "content"));
  scene.tree.held.back().item.key.item = "sibling.img";
  scene.tree.held.back().state = HeldState::Unrevealed;
  scene.tree.held.back().size = 0;
  const auto check = scene.check();
  const auto damaged = check.failures(check.items());
  CHECK(damaged.size() == 2);
  CHECK_FALSE(damaged.contains(1));
}

TEST_CASE("what is named and there and in no record is read, too") {
  Scene scene;
  scene.tree.contents["1/disk.img"] = "CONTENT";
  auto check = scene.check();
  CHECK(check.is_empty());
  check.believe(document_of("1", "content"), "document");
  CHECK(check.unrecorded() == 1);
  CHECK(check.failures(check.items()).size() == 1);
}

TEST_CASE("a stream of which no document was read is told") {
  Scene scene;
  scene.hold("1", "content", "content");
  auto check = scene.check();
  CHECK(check.without_document({"source", "other"}) == std::set<std::string>{"source"});
  CHECK(check.without_document({"other"}).empty());
  check.believe(document_of("2", "content"), "document");
  CHECK(check.without_document({"source"}).empty());
}

TEST_CASE("what is held and then not found is damaged") {
  Scene scene;
  scene.hold("1", "content", "content");
  scene.tree.contents.clear();
  const auto check = scene.check();
  const auto damaged = check.failures(check.items());
  REQUIRE(damaged.size() == 1);
  CHECK(damaged.at(0).kind() == ErrorKind::Corrupt);
}

TEST_CASE("a tree that does not answer is not asked for each item") {
  Scene scene;
  scene.tree.is_silent = true;
  for (int number = 0; number < 20; ++number) {
    scene.hold(std::to_string(number), "content", "content");
    scene.tree.failures[scene.tree.held.back().placement] = 1;
  }
  const auto check = scene.check();
  const auto unread = check.failures(check.items());
  CHECK(unread.size() == 20);
  CHECK(scene.tree.asked == 0);
  int tried = 0;
  for (const auto& [placement, left] : scene.tree.failures) tried += left == 0 ? 1 : 0;
  CHECK(tried <= 2);
}

TEST_CASE("an item of which nothing usable is promised is not said to be right") {
  Scene scene;
  scene.hold("1", "content", "content");
  scene.tree.held.front().item.tags = {{"size", "7"}, {"path", "1/disk.img"}};
  auto check = scene.check();
  const auto damaged = check.failures(check.items());
  REQUIRE(damaged.size() == 1);
  CHECK(damaged.at(0).kind() == ErrorKind::Malformed);
  CHECK_FALSE(check.items().front().blob);
  check.believe(document_of("1", "content"), "document");
  CHECK(check.failures(check.items()).empty());
}

TEST_CASE("a check ends when it is asked to") {
  Scene scene;
  scene.hold("1", "content", "content");
  scene.stop.request_stop();
  const auto check = scene.check();
  CHECK_THROWS_AS(check.failures(check.items()), Cancelled);
}

}  // namespace streamsync
