#include "objects/object_tree.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "tests/support/loopback_server.h"
#include "tests/support/ubuntu_blob.h"
#include "tests/unit/base/failure.h"
#include "tests/unit/http/kept_bytes.h"
#include "tests/unit/objects/memory_store.h"

using namespace streamsync;
using streamsync::testing::MemoryStore;
using streamsync::testing::some_bytes;
using streamsync::testing::ubuntu_blob;

namespace {

using Catch::Matchers::Contains;
using Lines = std::vector<std::string>;

constexpr ObjectTreeLimits kLimits{.part_size = 100, .max_document = 10'000};
constexpr const char* kRecord = "tree/.data/com.ubuntu.cloud:released:download";

struct Scene {
  std::shared_ptr<MemoryStore> store = std::make_shared<MemoryStore>();
  ObjectTree tree{store, "tree/", kLimits};

  Held put(const BlobSpec& blob, std::string_view bytes) {
    tree.announce({blob});
    TextSource source(bytes);
    Held held = tree.stage(blob, source);
    tree.reveal(held);
    tree.all_revealed();
    return held;
  }

  /// What a source gives that breaks after `given` bytes.
  Error break_off(const BlobSpec& blob, std::string_view bytes, std::size_t given,
                  ErrorKind kind = ErrorKind::Transient) {
    tree.announce({blob});
    PieceSource source(bytes.substr(0, given), 30,
                       [kind] { throw Error(kind, Origin::Source, "broken"); });
    return failure_of([&] { tree.stage(blob, source); });
  }

  std::size_t parts() const {
    std::size_t count = 0;
    for (const auto& [place, parts] : store->parts) count += parts.size();
    return count;
  }
};

std::string name_of(const BlobSpec& blob) { return "tree/" + blob.item.path->str(); }

}  // namespace

TEST_CASE("an item above the part size comes in parts") {
  const auto [size, log] =
      GENERATE(table<std::size_t, Lines>({{0, {"put "}},
                                          {100, {"put "}},
                                          {101, {"part 1", "part 2", "complete"}},
                                          {200, {"part 1", "part 2", "complete"}},
                                          {250, {"part 1", "part 2", "part 3", "complete"}}}));
  CAPTURE(size);
  Scene scene;
  const std::string bytes = some_bytes(size);
  const BlobSpec blob = ubuntu_blob(bytes);
  scene.put(blob, bytes);
  CHECK((scene.store->objects.at(name_of(blob)) == bytes));
  Lines asked = scene.store->log;
  if (asked.size() == 1) asked.front() = asked.front().substr(0, 4);
  CHECK(asked == log);
}

TEST_CASE("no item has more parts than a manifest of Swift") {
  Scene scene;
  ObjectTree tree{scene.store, "tree", {.part_size = 2, .max_document = 10'000}};
  const std::string bytes = some_bytes(2001);
  const BlobSpec blob = ubuntu_blob(bytes);
  tree.announce({blob});
  TextSource source(bytes);
  tree.stage(blob, source);
  CHECK((scene.store->objects.at(name_of(blob)) == bytes));
  CHECK(scene.parts() == 667);
}

TEST_CASE("parts that are there and equal are not put again") {
  Scene scene;
  const std::string bytes = some_bytes(450);
  const BlobSpec blob = ubuntu_blob(bytes);
  const auto error = scene.break_off(blob, bytes, 330);
  CHECK(error.origin() == Origin::Source);
  CHECK(scene.store->log == Lines{"part 1", "part 2", "part 3"});
  CHECK_FALSE(scene.store->objects.contains(name_of(blob)));
  scene.store->log.clear();

  SECTION("all of them") {
    scene.put(blob, bytes);
    CHECK(scene.store->log == Lines{"part 4", "part 5", "complete"});
  }
  SECTION("but one that is not equal") {
    scene.store->parts.begin()->second[2][7] ^= 1;
    scene.put(blob, bytes);
    CHECK(scene.store->log == Lines{"part 2", "part 4", "part 5", "complete"});
  }
  SECTION("but one of another size") {
    scene.store->parts.begin()->second[2].pop_back();
    scene.put(blob, bytes);
    CHECK(scene.store->log == Lines{"part 2", "part 4", "part 5", "complete"});
  }
  SECTION("none behind a gap") {
    scene.store->parts.begin()->second.erase(2);
    scene.put(blob, bytes);
    CHECK(scene.store->log == Lines{"part 2", "part 3", "part 4", "part 5", "complete"});
  }
  SECTION("none of what is to be mended") {
    BlobSpec mending = blob;
    mending.is_mending = true;
    scene.put(mending, bytes);
    CHECK(scene.store->log == Lines{"part 1", "part 2", "part 3", "part 4", "part 5", "complete"});
  }
  SECTION("the next process") {
    ObjectTree next{scene.store, "tree", kLimits};
    REQUIRE(next.inventory().size() == 1);
    CHECK(next.inventory().front().state == HeldState::Incomplete);
    next.announce({blob});
    TextSource source(bytes);
    next.stage(blob, source);
    CHECK(scene.store->log == Lines{"part 4", "part 5", "complete"});
  }
  CHECK((scene.store->objects.at(name_of(blob)) == bytes));
}

TEST_CASE("what this process has put is gone on with behind a part") {
  Scene scene;
  const std::string bytes = some_bytes(450);
  BlobSpec blob = ubuntu_blob(bytes);
  CHECK(scene.tree.part_size(blob) == 100);
  CHECK(scene.tree.part_size(ubuntu_blob(some_bytes(100))) == 0);
  CHECK_FALSE(scene.tree.begun(blob));
  scene.break_off(blob, bytes, 330);
  const auto stage_from = [&](std::uint64_t begun) {
    scene.store->log.clear();
    blob.begun = begun;
    TextSource rest(std::string_view(bytes).substr(begun));
    scene.tree.stage(blob, rest);
  };

  SECTION("the last") {
    const auto begun = scene.tree.begun(blob);
    REQUIRE(begun);
    CHECK(begun->size == 300);
    CHECK_FALSE(begun->bytes);
    stage_from(300);
    CHECK(scene.store->log == Lines{"part 4", "part 5", "complete"});
    CHECK_FALSE(scene.tree.begun(blob));
  }
  SECTION("an earlier one") {
    stage_from(100);
    CHECK(scene.store->log == Lines{"part 4", "part 5", "complete"});
  }
  SECTION("again") {
    blob.begun = 300;
    PieceSource source(std::string_view(bytes).substr(300, 120), 30,
                       [] { throw Error(ErrorKind::Transient, Origin::Target, "broken"); });
    CHECK_THROWS_AS(scene.tree.stage(blob, source), Error);
    REQUIRE(scene.tree.begun(blob));
    CHECK(scene.tree.begun(blob)->size == 400);
    stage_from(400);
    CHECK(scene.store->log == Lines{"part 5", "complete"});
  }
  SECTION("although it was to be mended") {
    blob.is_mending = true;
    stage_from(300);
    CHECK(scene.store->log == Lines{"part 4", "part 5", "complete"});
  }
  SECTION("or from the first byte") {
    stage_from(0);
    CHECK(scene.store->log == Lines{"part 4", "part 5", "complete"});
  }
  CHECK((scene.store->objects.at(name_of(blob)) == bytes));
}

TEST_CASE("what this process has put and is no more there is not gone on with") {
  Scene scene;
  const std::string bytes = some_bytes(450);
  const BlobSpec whole = ubuntu_blob(bytes);
  BlobSpec blob = whole;
  blob.begun = 300;
  SECTION("because it was wrong") { scene.break_off(whole, bytes, 330, ErrorKind::Corrupt); }
  SECTION("because somebody has removed it") {
    scene.break_off(whole, bytes, 330);
    scene.store->parts.clear();
  }
  SECTION("because somebody has written over it") {
    scene.break_off(whole, bytes, 330);
    scene.store->parts.begin()->second[3][7] ^= 1;
  }
  SECTION("because it was put anew") {
    scene.break_off(whole, bytes, 330);
    scene.break_off(whole, bytes, 130);
  }
  SECTION("because no part ends there") {
    scene.break_off(whole, bytes, 330);
    blob.begun = 250;
  }
  TextSource rest(std::string_view(bytes).substr(blob.begun));
  CHECK(failure_of([&] { scene.tree.stage(blob, rest); }).kind() == ErrorKind::Transient);
  CHECK_FALSE(scene.tree.begun(blob));
  CHECK_FALSE(scene.store->objects.contains(name_of(blob)));
}

TEST_CASE("an item of another content has parts of its own") {
  Scene scene;
  const std::string old_bytes = some_bytes(250, 1), new_bytes = some_bytes(250, 2);
  scene.break_off(ubuntu_blob(old_bytes), old_bytes, 220);
  CHECK(scene.parts() == 2);
  scene.put(ubuntu_blob(new_bytes), new_bytes);
  CHECK((scene.store->objects.at(name_of(ubuntu_blob(new_bytes))) == new_bytes));
  CHECK(scene.parts() == 3);  // the old ones are swept
}

TEST_CASE("wrong bytes are swept at once") {
  Scene scene;
  const std::string bytes = some_bytes(250);
  scene.break_off(ubuntu_blob(bytes), bytes, 220, ErrorKind::Corrupt);
  CHECK(scene.parts() == 0);
  CHECK(scene.tree.inventory().empty());
}

TEST_CASE("a part that the store has otherwise than it was sent is not taken") {
  Scene scene;
  scene.store->damage = "!";
  const std::string bytes = some_bytes(GENERATE(as<std::size_t>{}, 50, 250));
  const BlobSpec blob = ubuntu_blob(bytes);
  scene.tree.announce({blob});
  scene.store->log.clear();
  TextSource source(bytes);
  const auto error = failure_of([&] { scene.tree.stage(blob, source); });
  CHECK(error.kind() == ErrorKind::Transient);
  CHECK(error.origin() == Origin::Target);
  CHECK_THAT(error.what(), Contains("damaged on its way"));
  CHECK_FALSE(scene.store->objects.contains(name_of(blob)));
  CHECK(scene.store->log.size() == 1);
}

TEST_CASE("a removed item leaves no parts and no trace in the record") {
  Scene scene;
  const std::string bytes = some_bytes(250);
  const BlobSpec blob = ubuntu_blob(bytes);
  const Held held = scene.put(blob, bytes);
  CHECK_THAT(scene.store->objects.at(kRecord), Contains(blob.item.path->str()));
  scene.tree.remove(held);
  scene.tree.all_removed();
  CHECK(scene.parts() == 0);
  CHECK_FALSE(scene.store->objects.contains(name_of(blob)));
  CHECK_THAT(scene.store->objects.at(kRecord), !Contains(blob.item.path->str()));
}

TEST_CASE("what was begun of an item that nobody wants any more can be removed") {
  Scene scene;
  const std::string bytes = some_bytes(250);
  scene.break_off(ubuntu_blob(bytes), bytes, 220);
  ObjectTree next{scene.store, "tree", kLimits};
  for (const auto& held : next.inventory()) next.remove(held);
  next.all_removed();
  CHECK(scene.parts() == 0);
}

TEST_CASE("records are found by their names") {
  Scene scene;
  BlobSpec odd = ubuntu_blob("odd");
  odd.item.key.content_id = "../a b";
  odd.item.path = odd.item.path->with_file_name("odd.img");
  scene.tree.announce({ubuntu_blob("usual"), odd});
  CHECK(scene.store->objects.at("tree/.data/.records") ==
        "%2E.%2Fa%20b\ncom.ubuntu.cloud:released:download\n");
  CHECK(scene.store->objects.contains("tree/.data/%2E.%2Fa%20b"));
  CHECK(scene.store->objects.contains(kRecord));

  ObjectTree other{scene.store, "other", {}};
  CHECK(other.inventory().empty());
}

TEST_CASE("what a listing shows as it was promised is not asked for") {
  Scene scene;
  const std::string bytes = some_bytes(250);
  const BlobSpec blob = ubuntu_blob(bytes);
  const std::string name = name_of(blob);
  scene.put(blob, bytes);
  scene.store->asked.clear();
  scene.store->listing.emplace();
  auto& listing = *scene.store->listing;
  const Lines listed{"list " + name.substr(0, name.size() - 1)};
  const Lines listed_and_asked{listed.front(), "size of " + name};

  SECTION("it is shown") {
    listing[name] = 250;
    CHECK(scene.tree.inventory().front().state == HeldState::Present);
    CHECK(scene.store->asked == listed);
  }
  SECTION("it is shown and is gone: the next run may find that") {
    listing[name] = 250;
    scene.store->objects.erase(name);
    CHECK(scene.tree.inventory().front().state == HeldState::Present);
    CHECK(scene.store->asked == listed);
    listing.clear();
    CHECK(scene.tree.inventory().front().state == HeldState::Incomplete);
  }
  SECTION("it is not shown") {
    CHECK(scene.tree.inventory().front().state == HeldState::Present);
    CHECK(scene.store->asked == listed_and_asked);
  }
  SECTION("it is shown with another size, as a manifest") {
    listing[name] = 60;
    CHECK(scene.tree.inventory().front().state == HeldState::Present);
    CHECK(scene.store->asked == listed_and_asked);
  }
  SECTION("it is shown with another size, and has another one") {
    listing[name] = 60;
    scene.store->objects[name].resize(200);
    const auto held = scene.tree.inventory();
    CHECK(held.front().state == HeldState::Incomplete);
    CHECK(held.front().size == 200);
  }
  SECTION("nobody may list") {
    scene.store->most_pages = 0;
    CHECK(scene.tree.inventory().front().state == HeldState::Present);
    CHECK(scene.store->asked == listed_and_asked);
  }
}

TEST_CASE("a tree without a prefix is listed from its first item on") {
  auto store = std::make_shared<MemoryStore>();
  ObjectTree tree{store, "", kLimits};
  const BlobSpec blob = ubuntu_blob("bytes");
  tree.announce({blob});
  TextSource source("bytes");
  tree.stage(blob, source);
  store->asked.clear();
  CHECK(tree.inventory().front().state == HeldState::Present);
  const std::string path = blob.item.path->str();
  CHECK(store->asked == Lines{"list " + path.substr(0, path.size() - 1)});
}

TEST_CASE("what was announced and never came is not held") {
  Scene scene;
  scene.tree.announce({ubuntu_blob(some_bytes(250)), ubuntu_blob("tiny")});
  CHECK(scene.tree.inventory().empty());
}

namespace {

BlobSpec moved(BlobSpec blob, const std::string& file) {
  blob.item.path = blob.item.path->with_file_name(file);
  blob.item.tags.set("path", blob.item.path->str());
  return blob;
}

std::vector<Held> held_in(const Scene& scene) {
  return ObjectTree{scene.store, "tree", kLimits}.inventory();
}

}  // namespace

TEST_CASE("several that no listing shows are asked for at once") {
  Scene scene;
  std::vector<BlobSpec> blobs;
  for (int number = 0; number < 32; ++number) {
    blobs.push_back(ubuntu_blob("bytes"));
    auto& item = blobs.back().item;
    item.key.item = "item" + std::to_string(number);
    item.path = RelativePath::parse(item.key.item.str());
    item.tags = {{"path", item.path->str()},
                 {"sha256", blobs.back().content.strongest.hex()},
                 {"size", "5"}};
  }
  scene.tree.announce(blobs);
  for (const auto& blob : blobs) scene.store->objects[name_of(blob)] = "bytes";
  scene.store->listing.emplace();
  scene.store->asked.clear();
  scene.store->sizes_at_once = 4;
  const auto inventory = scene.tree.inventory();
  CHECK_FALSE(scene.store->meets_in_vain);
  REQUIRE(inventory.size() == 32);
  for (const auto& held : inventory) CHECK(held.state == HeldState::Present);
}

TEST_CASE("what comes to another name replaces nothing before it is asked to") {
  Scene scene;
  const std::string old_bytes = some_bytes(250, 1), new_bytes = some_bytes(250, 2);
  const BlobSpec before = ubuntu_blob(old_bytes), after = moved(ubuntu_blob(new_bytes), "new.img");
  const Held old = scene.put(before, old_bytes);
  SECTION("it does not come") {
    scene.break_off(after, new_bytes, 220);
    const auto held = held_in(scene);
    REQUIRE(held.size() == 2);
    CHECK(held[0].item.key == held[1].item.key);
  }
  SECTION("it comes") { scene.put(after, new_bytes); }
  CHECK((scene.store->objects.at(name_of(before)) == old_bytes));
  scene.tree.remove(old);
  scene.tree.all_removed();
  const auto held = held_in(scene);
  REQUIRE(held.size() == 1);
  CHECK(held[0].placement == after.item.path->str());
  CHECK_FALSE(scene.store->objects.contains(name_of(before)));
}

TEST_CASE("what comes to a name that is taken replaces the old object when it is whole") {
  Scene scene;
  const std::string old_bytes = some_bytes(250, 1), new_bytes = some_bytes(250, 2);
  const BlobSpec before = ubuntu_blob(old_bytes), after = ubuntu_blob(new_bytes);
  scene.put(before, old_bytes);
  const auto is_recorded = [&scene](const BlobSpec& blob) {
    const auto held = held_in(scene);
    return held.size() == 1 && held[0].state == HeldState::Present &&
           content_of(held[0].item).strongest == blob.content.strongest;
  };
  scene.break_off(after, new_bytes, 220);
  CHECK((scene.store->objects.at(name_of(before)) == old_bytes));
  CHECK(is_recorded(before));
  scene.put(after, new_bytes);
  CHECK((scene.store->objects.at(name_of(before)) == new_bytes));
  CHECK(is_recorded(after));
  CHECK(scene.parts() == 3);  // the old ones are swept
}

TEST_CASE("an object that no record explains is not held as what was to replace it") {
  Scene scene;
  const std::string bytes = some_bytes(250, 1);
  const BlobSpec blob = ubuntu_blob(bytes);
  scene.store->objects[name_of(blob)] = some_bytes(250, 2);
  scene.break_off(blob, bytes, 0);
  CHECK(held_in(scene).empty());
  scene.put(blob, bytes);
  REQUIRE(held_in(scene).size() == 1);
  CHECK(held_in(scene)[0].state == HeldState::Present);
  CHECK((scene.store->objects.at(name_of(blob)) == bytes));
}

TEST_CASE("an object that is shown for another item is not removed") {
  Scene scene;
  const std::string bytes = some_bytes(250);
  const BlobSpec shown = ubuntu_blob(bytes);
  BlobSpec other = shown;
  other.item.key.content_id = "com.ubuntu.cloud:daily:download";
  SECTION("of the same bytes") {}
  SECTION("of other bytes") {
    const std::string begun = some_bytes(350);
    other = ubuntu_blob(begun);
    other.item.key.content_id = "com.ubuntu.cloud:daily:download";
    scene.put(other, begun);
  }
  scene.put(shown, bytes);
  scene.tree.remove({other.item, other.item.path->str(), other.item.path->str()});
  scene.tree.all_removed();
  CHECK((scene.store->objects.at(name_of(shown)) == bytes));
  CHECK(scene.parts() == 3);  // an object may consist of them
  REQUIRE(held_in(scene).size() == 1);
  CHECK(held_in(scene)[0].item.key == shown.item.key);
}

TEST_CASE("what is removed is forgotten together, and again when that failed") {
  Scene scene;
  std::vector<Held> held;
  for (const char* file : {"a.img", "b.img", "c.img"}) {
    auto blob = moved(ubuntu_blob("text"), file);
    blob.item.key.item = file;
    held.push_back(scene.put(blob, "text"));
  }
  scene.store->documents_put.clear();
  scene.tree.remove(held[0]);
  scene.tree.remove(held[1]);
  CHECK(scene.store->documents_put.empty());
  scene.store->fails_once = {kRecord};
  CHECK_THROWS_AS(scene.tree.all_removed(), Error);
  scene.tree.all_removed();
  CHECK(scene.store->documents_put[kRecord] == 1);
  scene.tree.all_removed();
  CHECK(scene.store->documents_put[kRecord] == 1);
  REQUIRE(held_in(scene).size() == 1);
  CHECK(held_in(scene)[0].item.key == held[2].item.key);
}

TEST_CASE("what replaces other objects is recorded together, and again when that failed") {
  Scene scene;
  std::vector<BlobSpec> before, after;
  for (const char* file : {"a.img", "b.img", "c.img"}) {
    before.push_back(moved(ubuntu_blob("old"), file));
    after.push_back(moved(ubuntu_blob("renewed"), file));
    before.back().item.key.item = after.back().item.key.item = file;
  }
  const auto stage_all = [&scene](const std::vector<BlobSpec>& blobs, std::string_view bytes) {
    scene.tree.announce(blobs);
    for (const auto& blob : blobs) {
      TextSource source(bytes);
      scene.tree.stage(blob, source);
    }
  };
  stage_all(before, "old");
  stage_all(after, "renewed");
  scene.store->documents_put.clear();
  scene.store->fails_once = {kRecord};
  CHECK_THROWS_AS(scene.tree.all_revealed(), Error);
  scene.tree.all_revealed();
  CHECK(scene.store->documents_put[kRecord] == 1);
  const auto held = held_in(scene);
  CHECK(held.size() == 3);
  for (const auto& each : held) CHECK(each.state == HeldState::Present);
}
