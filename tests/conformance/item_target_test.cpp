// What streams/target.h promises of every ItemTarget.

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <future>
#include <string>
#include <vector>

#include "base/error.h"
#include "tests/conformance/item_target_under_test.h"
#include "tests/conformance/killed_process.h"
#include "tests/support/ubuntu_blob.h"
#include "tests/unit/base/failure.h"
#include "tests/unit/http/kept_bytes.h"

namespace streamsync {
namespace {

using testing::Signed;
using testing::some_bytes;
using testing::ubuntu_blob;
using Placements = std::set<std::string>;

// Comparisons of bytes stand in two pairs of parentheses, so that a failure does not print them.

/// Several of any target's reads, and no multiple of them.
constexpr std::size_t kSize = 1'000'001;
constexpr std::size_t kPiece = 64 * 1024;

/// A run copies one item that is revealed, and is over.
Held put(ItemTarget& target, const BlobSpec& blob, std::string_view bytes) {
  target.announce({blob});
  TextSource source(bytes);
  Held held = target.stage(blob, source);
  target.reveal(held);
  target.all_revealed();
  return held;
}

Held stage(ItemTarget& target, const BlobSpec& blob, std::string_view bytes) {
  TextSource source(bytes);
  return target.stage(blob, source);
}

const Held* find(const std::vector<Held>& inventory, const ItemKey& key) {
  const auto found = std::find_if(inventory.begin(), inventory.end(),
                                  [&](const Held& held) { return held.item.key == key; });
  return found == inventory.end() ? nullptr : &*found;
}

/// What it has of the item, which is one thing.
Held only(const std::vector<Held>& inventory, const ItemKey& key) {
  const auto count = std::count_if(inventory.begin(), inventory.end(),
                                   [&](const Held& held) { return held.item.key == key; });
  REQUIRE(count == 1);
  return *find(inventory, key);
}

bool is_complete(const Held& held) { return held.state != HeldState::Incomplete; }

/// Nobody takes anything for the item: neither the next run nor anybody outside.
void check_nothing_complete(ItemTargetUnderTest& store) {
  for (const Held& held : store.open()->inventory()) CHECK_FALSE(is_complete(held));
  CHECK(store.visible().empty());
}

/// Goes on with whatever earlier runs left, up to the item that everybody can have.
void check_can_be_put(ItemTargetUnderTest& store, ItemTarget& target, const BlobSpec& blob,
                      std::string_view bytes) {
  const Held held = stage(target, blob, bytes);
  target.reveal(held);
  target.all_revealed();
  const auto inventory = store.open()->inventory();
  CHECK(inventory.size() == 1);
  CHECK(only(inventory, blob.item.key).state == HeldState::Present);
  CHECK(store.visible() == Placements{held.placement});
  CHECK((store.bytes_of(held) == bytes));
}

void check_same(const Held& one, const Held& other) {
  CHECK(one.item.key == other.item.key);
  CHECK(one.item.tags == other.item.tags);
  CHECK(one.item.path == other.item.path);
  CHECK(one.placement == other.placement);
  CHECK(one.name == other.name);
  CHECK(one.state == other.state);
  CHECK(one.size == other.size);
}

}  // namespace

TEST_CASE("a store without items has an empty inventory") {
  const auto store = item_target_under_test();
  CHECK(store->open()->inventory().empty());
  CHECK(store->visible().empty());
}

TEST_CASE("an item that is being staged can't be seen, and is held when it is staged") {
  const auto store = item_target_under_test();
  const auto target = store->open();
  const std::string bytes = some_bytes(kSize);
  const BlobSpec blob = ubuntu_blob(bytes);
  target->announce({blob});

  std::size_t looks = 0;
  std::size_t seen = 0;
  const auto look = [&] {
    ++looks;
    seen += store->visible().size();
  };
  PieceSource source(bytes, kSize / 3, look);
  source.before_each(look);
  const Held held = target->stage(blob, source);
  CHECK(looks > 3);
  CHECK(seen == 0);

  CHECK(held.item.key == blob.item.key);
  CHECK(held.name == target->name_of(blob.item));
  CHECK(held.size == bytes.size());
  CHECK(held.state == store->state_when_staged());
  CHECK((store->bytes_of(held) == bytes));
  check_same(only(target->inventory(), blob.item.key), held);
}

TEST_CASE("an item is shown by reveal, and nothing more by the next one") {
  const auto store = item_target_under_test();
  const auto target = store->open();
  const std::string bytes = some_bytes(kSize);
  const BlobSpec blob = ubuntu_blob(bytes);
  target->announce({blob});
  Held held = stage(*target, blob, bytes);
  if (held.state == HeldState::Unrevealed) CHECK(store->visible().empty());

  held.state = HeldState::Present;
  for (int time = 1; time <= 2; ++time) {
    CAPTURE(time);
    target->reveal(held);
    CHECK(store->visible() == Placements{held.placement});
    const auto inventory = target->inventory();
    CHECK(inventory.size() == 1);
    check_same(only(inventory, blob.item.key), held);
  }
  CHECK((store->bytes_of(held) == bytes));
}

TEST_CASE("bytes of any number are stored as they are") {
  const std::size_t size = GENERATE(0U, 1U, 65'536U, 65'537U, 5'000'000U);
  CAPTURE(size);
  const auto store = item_target_under_test();
  const auto target = store->open();
  const std::string bytes = some_bytes(size);
  const BlobSpec blob = ubuntu_blob(bytes);
  target->announce({blob});
  check_can_be_put(*store, *target, blob, bytes);
  CHECK(only(target->inventory(), blob.item.key).size == size);
}

TEST_CASE("the inventory tells of an item what was put there") {
  const auto store = item_target_under_test();
  const auto target = store->open();
  BlobSpec blob =
      ubuntu_blob("tiny", GENERATE(Signed::Md5AndSha256, Signed::Sha256, Signed::Sha512));
  blob.item.tags.set("label", "release \"1\" \\ {region} <b>\u00fc\u20ac</b>");
  put(*target, blob, "tiny");

  const Held held = only(target->inventory(), blob.item.key);
  for (const auto& [name, value] : blob.item.tags) {
    CAPTURE(name);
    if (name != "path") CHECK(tag(held.item.tags, name) == value);
  }
  CHECK((!held.item.path || held.item.path == blob.item.path));
  CHECK(content_of(held.item).strongest == blob.content.strongest);
  CHECK(content_of(held.item).size == blob.content.size);
}

TEST_CASE("the next process sees the same inventory") {
  const auto store = item_target_under_test();
  const auto target = store->open();
  const BlobSpec shown = ubuntu_blob("shown", Signed::Md5AndSha256, "20210701");
  const BlobSpec staged = ubuntu_blob("staged", Signed::Md5AndSha256, "20210702");
  const BlobSpec begun = ubuntu_blob("begun", Signed::Md5AndSha256, "20210703");
  target->announce({shown, staged, begun});
  target->reveal(stage(*target, shown, "shown"));
  stage(*target, staged, "staged");
  PieceSource bad("beg", 1, [] { throw Error(ErrorKind::Transient, Origin::Source, "lost"); });
  CHECK_THROWS_AS(target->stage(begun, bad), Error);

  const auto before = target->inventory();
  const auto after = store->open()->inventory();
  REQUIRE(before.size() == after.size());
  for (const Held& held : before) check_same(held, only(after, held.item.key));
  CHECK(only(after, shown.item.key).state == HeldState::Present);
  CHECK(only(after, staged.item.key).state == store->state_when_staged());
  const Held* left = find(after, begun.item.key);
  CHECK((left == nullptr || left->state == HeldState::Incomplete));
}

TEST_CASE("an item that was taken out of use is held as such") {
  const auto store = item_target_under_test();
  const auto target = store->open();
  const BlobSpec blob = ubuntu_blob("tiny");
  const Held held = put(*target, blob, "tiny");
  if (store->take_out_of_use(held) == ItemTargetUnderTest::Use::NotKnownHere) return;
  CHECK(only(target->inventory(), blob.item.key).state == HeldState::Deactivated);
  CHECK(only(store->open()->inventory(), blob.item.key).state == HeldState::Deactivated);
}

TEST_CASE("the inventory has nothing foreign, and nothing foreign is touched") {
  const auto store = item_target_under_test();
  store->add_foreign();
  const auto target = store->open();
  CHECK(target->inventory().empty());
  const BlobSpec blob = ubuntu_blob("tiny");
  const Held held = put(*target, blob, "tiny");
  CHECK(target->inventory().size() == 1);
  CHECK(store->visible() == Placements{held.placement});
  target->remove(held);
  target->all_removed();
  CHECK(target->inventory().empty());
  CHECK(store->has_all_foreign());
}

TEST_CASE("two scopes do not see each other") {
  const auto store = item_target_under_test();
  const auto target = store->open();
  const auto other = store->open_other_scope();
  const BlobSpec blob = ubuntu_blob("tiny");
  const Held held = put(*target, blob, "tiny");
  CHECK(other->inventory().empty());

  const Held others = put(*other, blob, "tiny");
  CHECK(target->inventory().size() == 1);
  target->remove(held);
  target->all_removed();
  CHECK(target->inventory().empty());
  CHECK(only(other->inventory(), blob.item.key).placement == others.placement);
}

TEST_CASE("items of two sources stand side by side") {
  const auto store = item_target_under_test();
  const auto target = store->open();
  const BlobSpec released = ubuntu_blob("released", Signed::Md5AndSha256, "20210701");
  BlobSpec daily = ubuntu_blob("daily", Signed::Md5AndSha256, "20210702");
  daily.item.key.content_id = "com.ubuntu.cloud:daily:download";
  target->announce({released, daily});
  const Held one = stage(*target, released, "released");
  const Held other = stage(*target, daily, "daily");
  CHECK(one.placement != other.placement);
  const auto inventory = store->open()->inventory();
  CHECK(inventory.size() == 2);
  check_same(only(inventory, released.item.key), one);
  check_same(only(inventory, daily.item.key), other);
}

TEST_CASE("an item that is staged twice is held once") {
  const auto store = item_target_under_test();
  auto target = store->open();
  const std::string bytes = some_bytes(kSize);
  const BlobSpec blob = ubuntu_blob(bytes, GENERATE(Signed::Md5AndSha256, Signed::Sha256));
  target->announce({blob});
  const Held first = stage(*target, blob, bytes);

  SECTION("by one run") {}
  SECTION("by the next run") {
    target = store->open();
    target->announce({blob});
  }
  check_same(stage(*target, blob, bytes), first);
  check_can_be_put(*store, *target, blob, bytes);
}

TEST_CASE("a source that fails leaves nothing that could be taken for the item") {
  const std::size_t given = GENERATE(as<std::size_t>(), 0, kSize / 2, kSize);
  CAPTURE(given);
  const auto store = item_target_under_test();
  auto target = store->open();
  const std::string bytes = some_bytes(kSize);
  const BlobSpec blob = ubuntu_blob(bytes);
  target->announce({blob});
  PieceSource bad(std::string_view(bytes).substr(0, given), kPiece,
                  [] { throw Error(ErrorKind::Corrupt, Origin::Source, "what the source says"); });

  const Error error = failure_of([&] { target->stage(blob, bad); });
  CHECK(error.kind() == ErrorKind::Corrupt);
  CHECK(error.origin() == Origin::Source);
  CHECK_THAT(error.what(), Catch::Contains("what the source says"));
  check_nothing_complete(*store);

  SECTION("the same run tries again") {}
  SECTION("the next run tries again") {
    target = store->open();
    target->announce({blob});
  }
  check_can_be_put(*store, *target, blob, bytes);
}

TEST_CASE("a source of another length leaves nothing that could be taken for the item") {
  const std::string bytes = some_bytes(kSize);
  const BlobSpec blob = ubuntu_blob(bytes, Signed::Sha256);
  const auto store = item_target_under_test();
  const auto target = store->open();
  target->announce({blob});

  std::string wrong = bytes;
  SECTION("one byte too few") { wrong.pop_back(); }
  SECTION("one byte too many") { wrong += 'x'; }
  SECTION("none") { wrong.clear(); }
  const Error error = failure_of([&] { stage(*target, blob, wrong); });
  CHECK(error.kind() == ErrorKind::Corrupt);
  check_nothing_complete(*store);
  check_can_be_put(*store, *target, blob, bytes);
}

TEST_CASE("an empty item gets no bytes") {
  const BlobSpec blob = ubuntu_blob("");
  const auto store = item_target_under_test();
  const auto target = store->open();
  target->announce({blob});
  CHECK_THROWS_AS(stage(*target, blob, "x"), Error);
  check_nothing_complete(*store);
  check_can_be_put(*store, *target, blob, "");
}

TEST_CASE("a run that is killed while it stages leaves nothing that could be taken for the item") {
  const std::size_t given = GENERATE(as<std::size_t>(), 0, kSize / 2, kSize);
  CAPTURE(given);
  const auto store = item_target_under_test();
  const std::string bytes = some_bytes(kSize);
  const BlobSpec blob = ubuntu_blob(bytes);
  KilledProcess run([&] {
    const auto target = store->open();
    target->announce({blob});
    PieceSource source(std::string_view(bytes).substr(0, given), kPiece, KilledProcess::kill_me);
    target->stage(blob, source);
  });
  REQUIRE(run.was_killed());
  check_nothing_complete(*store);

  const auto target = store->open();
  target->announce({blob});
  check_can_be_put(*store, *target, blob, bytes);
}

TEST_CASE("what a killed run left can be removed") {
  const auto store = item_target_under_test();
  const std::string bytes = some_bytes(kSize);
  const BlobSpec blob = ubuntu_blob(bytes);
  KilledProcess run([&] {
    const auto target = store->open();
    target->announce({blob});
    PieceSource source(std::string_view(bytes).substr(0, kSize / 2), kPiece,
                       KilledProcess::kill_me);
    target->stage(blob, source);
  });
  REQUIRE(run.was_killed());
  const auto target = store->open();
  const Held left = only(target->inventory(), blob.item.key);
  CHECK(left.state == HeldState::Incomplete);
  target->remove(left);
  target->all_removed();
  CHECK(target->inventory().empty());
  CHECK(store->open()->inventory().empty());
}

TEST_CASE("a run that is killed after its announcement has changed nothing") {
  const auto store = item_target_under_test();
  const BlobSpec old = ubuntu_blob("old", Signed::Md5AndSha256, "20210701");
  const BlobSpec coming = ubuntu_blob("coming", Signed::Md5AndSha256, "20210702");
  const Held before = put(*store->open(), old, "old");
  KilledProcess run([&] {
    store->open()->announce({old, coming});
    KilledProcess::kill_me();
  });
  REQUIRE(run.was_killed());

  const auto target = store->open();
  const auto inventory = target->inventory();
  CHECK(only(inventory, old.item.key).state == HeldState::Present);
  CHECK(store->bytes_of(before) == "old");
  CHECK(store->visible() == Placements{before.placement});
  const Held* announced = find(inventory, coming.item.key);
  CHECK((announced == nullptr || announced->state == HeldState::Incomplete));

  put(*target, coming, "coming");
  CHECK(target->inventory().size() == 2);
}

TEST_CASE("the next run compares and reveals what a killed one staged") {
  const auto store = item_target_under_test();
  const std::string bytes = some_bytes(kSize);
  const BlobSpec blob =
      ubuntu_blob(bytes, GENERATE(Signed::Md5AndSha256, Signed::Sha256, Signed::Sha512));
  KilledProcess run([&] {
    const auto target = store->open();
    target->announce({blob});
    stage(*target, blob, bytes);
    KilledProcess::kill_me();
  });
  REQUIRE(run.was_killed());

  const auto target = store->open();
  const Held held = only(target->inventory(), blob.item.key);
  CHECK(held.state == store->state_when_staged());
  CHECK(target->verify_unrevealed(held, blob));
  target->reveal(held);
  CHECK(store->visible() == Placements{held.placement});
  CHECK((store->bytes_of(held) == bytes));
}

TEST_CASE("what is compared again and found wrong is discarded") {
  // The promise is about other bytes: for the target it is as if the store had changed them.
  const auto store = item_target_under_test();
  const auto target = store->open();
  const std::string stored = some_bytes(kSize, 1);
  const std::string promised = some_bytes(GENERATE(as<std::size_t>(), kSize, kSize + 1), 2);
  const BlobSpec blob = ubuntu_blob(stored);
  target->announce({blob});
  const Held held = stage(*target, blob, stored);

  const auto digests = GENERATE(Signed::Md5AndSha256, Signed::Sha256, Signed::Sha512);
  CHECK_FALSE(target->verify_unrevealed(held, ubuntu_blob(promised, digests)));
  check_nothing_complete(*store);
  // What is gone can't be judged.
  CHECK_FALSE(target->verify_unrevealed(held, blob));
  check_can_be_put(*store, *target, blob, stored);
}

TEST_CASE("an item that its source replaced is replaced") {
  const auto store = item_target_under_test();
  const std::string old_bytes = some_bytes(kSize, 1), new_bytes = some_bytes(kSize, 2);
  put(*store->open(), ubuntu_blob(old_bytes), old_bytes);

  const auto target = store->open();
  const BlobSpec blob = ubuntu_blob(new_bytes);
  const Held held = put(*target, blob, new_bytes);
  CHECK((store->bytes_of(held) == new_bytes));
  // Until it is removed the old one may be there, as what it is.
  for (const Held& each : store->open()->inventory()) {
    CHECK(digest_of(DigestAlgorithm::Sha256, store->bytes_of(each)) ==
          content_of(each.item).strongest);
    if (each.placement != held.placement) target->remove(each);
  }
  CHECK(only(store->open()->inventory(), blob.item.key).state == HeldState::Present);
  CHECK(store->visible() == Placements{held.placement});
}

TEST_CASE("what nobody has compared is not held when the item of its place does not come") {
  const auto store = item_target_under_test();
  const std::string bytes = some_bytes(kSize, 1);
  const BlobSpec blob = ubuntu_blob(bytes);
  store->add_foreign_at(blob.item.path->str(), some_bytes(kSize, 2));
  {
    const auto target = store->open();
    target->announce({blob});
    PieceSource bad("", 1, [] { throw Error(ErrorKind::NotFound, Origin::Source, "404"); });
    CHECK_THROWS_AS(target->stage(blob, bad), Error);
  }
  const auto target = store->open();
  for (const Held& held : target->inventory()) CHECK_FALSE(is_complete(held));
  target->announce({blob});
  check_can_be_put(*store, *target, blob, bytes);
}

TEST_CASE("items are staged and compared by several threads at once") {
  const auto store = item_target_under_test();
  const auto target = store->open();
  std::vector<std::string> bytes;
  std::vector<BlobSpec> blobs;
  for (unsigned leg = 0; leg < 4; ++leg) {
    bytes.push_back(some_bytes(kSize + leg, leg));
    blobs.push_back(ubuntu_blob(bytes.back(), Signed::Sha256, std::to_string(20210700 + leg)));
  }
  target->announce(blobs);

  std::vector<std::future<Held>> legs;
  for (std::size_t leg = 0; leg < blobs.size(); ++leg) {
    legs.push_back(std::async(std::launch::async,
                              [&, leg] { return stage(*target, blobs[leg], bytes[leg]); }));
  }
  std::vector<Held> held;
  for (auto& leg : legs) held.push_back(leg.get());
  CHECK(target->inventory().size() == blobs.size());

  std::vector<std::future<bool>> checks;
  for (std::size_t leg = 0; leg < blobs.size(); ++leg) {
    checks.push_back(std::async(std::launch::async, [&, leg] {
      return target->verify_unrevealed(held[leg], blobs[leg]).has_value();
    }));
  }
  for (std::size_t leg = 0; leg < blobs.size(); ++leg) {
    CHECK(checks[leg].get());
    CHECK(held[leg].item.key == blobs[leg].item.key);
    CHECK((store->bytes_of(held[leg]) == bytes[leg]));
  }
}

TEST_CASE("two threads that stage one item end with one") {
  const auto store = item_target_under_test();
  const auto target = store->open();
  const std::string bytes = some_bytes(4 * kSize);
  const BlobSpec blob = ubuntu_blob(bytes);
  target->announce({blob});
  const auto attempt = [&] { return stage(*target, blob, bytes).placement; };
  auto one = std::async(std::launch::async, attempt);
  auto other = std::async(std::launch::async, attempt);
  const std::string placement = one.get();
  CHECK(other.get() == placement);
  CHECK(only(store->open()->inventory(), blob.item.key).placement == placement);
}

TEST_CASE("a removed item is gone, its neighbours stay") {
  const bool is_shown = GENERATE(false, true);
  const auto store = item_target_under_test();
  const auto target = store->open();
  const BlobSpec blob = ubuntu_blob("tiny");
  BlobSpec neighbour = ubuntu_blob("another");
  SECTION("of another version") {
    neighbour = ubuntu_blob("another", Signed::Md5AndSha256, "20210721");
  }
  SECTION("of its version") {
    neighbour.item.key.item = "manifest";
    neighbour.item.tags.set("item_name", "manifest");
    neighbour.item.path = neighbour.item.path->with_file_name("manifest");
    neighbour.item.tags.set("path", neighbour.item.path->str());
  }
  target->announce({blob, neighbour});
  const Held held = stage(*target, blob, "tiny");
  const Held stays = stage(*target, neighbour, "another");
  target->reveal(stays);
  if (is_shown) target->reveal(held);

  for (int time = 1; time <= 2; ++time) {
    CAPTURE(time);
    target->remove(held);
    target->all_removed();
    for (const auto& inventory : {target->inventory(), store->open()->inventory()}) {
      CHECK(find(inventory, blob.item.key) == nullptr);
      CHECK(only(inventory, neighbour.item.key).state == HeldState::Present);
    }
    CHECK(store->visible() == Placements{stays.placement});
    CHECK(store->bytes_of(stays) == "another");
  }
}

TEST_CASE("an item that was removed can come back") {
  const auto store = item_target_under_test();
  const BlobSpec blob = ubuntu_blob("tiny");
  for (int time = 1; time <= 3; ++time) {
    CAPTURE(time);
    const auto target = store->open();
    target->announce({blob});
    check_can_be_put(*store, *target, blob, "tiny");
    target->remove(only(target->inventory(), blob.item.key));
    target->all_removed();
    check_nothing_complete(*store);
    CHECK(target->inventory().empty());
  }
}

}  // namespace streamsync
