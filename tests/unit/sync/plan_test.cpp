#include "sync/plan.h"

#include <catch2/catch.hpp>

#include <algorithm>

namespace streamsync {
namespace {

constexpr const char* kSource = "com.example:released:download";

std::string sha256_of(const std::string& text) {
  return digest_of(DigestAlgorithm::Sha256, text).hex();
}

Item item(const std::string& product, const std::string& version,
          const std::string& name = "disk1.img") {
  const auto path = product + "/" + version + "/" + name;
  return {{kSource, product, version, name},
          {{"ftype", name},
           {"path", path},
           {"size", "10"},
           {"sha256", sha256_of(path)},
           {"product_name", product},
           {"version_name", version},
           {"item_name", name}},
          RelativePath::parse(path)};
}

Held held(const Item& item, HeldState state = HeldState::Present, const std::string& id = "") {
  const auto placement = id.empty() ? "id-" + item.path->str() : id;
  return {item, placement, "name-" + placement, state, 10};
}

// As images are held: not at a path.
Held held_image(const Item& item) {
  auto image = held(item);
  image.item.path.reset();
  return image;
}

// An entry that takes these items, all of one source.
EntrySelection entry(const std::vector<Item>& items, std::optional<std::size_t> max = 1,
                     const std::vector<std::string>& filters = {}) {
  EntrySelection wanted;
  wanted.retention.max = max;
  wanted.filters = FilterSet::parse(filters);
  Selection selection;
  selection.head.content_id = kSource;
  for (const auto& one : items) {
    auto& products = selection.products;
    if (products.empty() || products.back().product != one.key.product) {
      products.push_back({one.key.product, {}});
    }
    auto& versions = products.back().versions;
    if (versions.empty() || versions.back().version != one.key.version) {
      versions.push_back({one.key.version, {}});
    }
    versions.back().items.push_back(one);
  }
  wanted.selections.push_back(std::move(selection));
  return wanted;
}

Plan plan(const PlanInput& input, const DriftOf& drift_of) {
  return make_plan(
      input, [](const Item& one) { return one.path->str(); }, drift_of);
}

Plan plan(const PlanInput& input) {
  return plan(input, [](const Held&, const Item*) { return std::nullopt; });
}

// "create p/1/disk1.img", in plan order.
std::vector<std::string> told(const Plan& plan) {
  std::vector<std::string> lines;
  for (const auto& action : plan.actions) {
    lines.push_back(std::string(to_string(action.kind)) + " " + action.key.product.str() + "/" +
                    action.key.version.str() + "/" + action.key.item.str());
  }
  return lines;
}

using Lines = std::vector<std::string>;

bool changes_nothing(const Plan& plan) {
  return std::all_of(plan.actions.begin(), plan.actions.end(),
                     [](const Action& action) { return action.kind == ActionKind::Keep; });
}

}  // namespace

TEST_CASE("a new item is created, and nothing is left to do afterwards") {
  PlanInput input;
  input.entries = {entry({item("p", "1")})};
  const auto first = plan(input);
  CHECK(told(first) == Lines{"create p/1/disk1.img"});
  CHECK_FALSE(changes_nothing(first));

  input.inventory = {held(item("p", "1"))};
  const auto second = plan(input);
  CHECK(told(second) == Lines{"keep p/1/disk1.img"});
  CHECK(changes_nothing(second));
  CHECK_FALSE(second.actions[0].is_news);
}

TEST_CASE("a superseded version goes after the new one, in the same plan") {
  PlanInput input;
  input.entries = {entry({item("p", "2")})};
  input.inventory = {held(item("p", "1"))};
  const auto made = plan(input);
  REQUIRE(told(made) == Lines{"create p/2/disk1.img", "remove p/1/disk1.img"});
  CHECK(made.actions[1].reason == "superseded");
}

TEST_CASE("a newer version that the source withdrew is not swapped for an older one") {
  PlanInput input;
  input.entries = {entry({item("p", "1")})};
  input.inventory = {held(item("p", "2"))};
  CHECK(told(plan(input)) == Lines{"keep p/2/disk1.img"});
}

TEST_CASE("a product whose newest version has no items keeps what it has") {
  // The selection holds only versions with items, so an empty newest one is simply not there.
  PlanInput input;
  input.entries = {entry({item("p", "1")})};
  input.inventory = {held(item("p", "1"))};
  CHECK(changes_nothing(plan(input)));
}

TEST_CASE("two entries over one source never delete each other's images") {
  const auto disk = item("p", "1", "disk1.img");
  const auto uefi = item("p", "2", "uefi1.img");
  PlanInput input;
  input.entries = {entry({disk}, 1, {"ftype=disk1.img"}), entry({uefi}, 1, {"ftype=uefi1.img"})};
  CHECK(told(plan(input)) == Lines{"create p/1/disk1.img", "create p/2/uefi1.img"});
  input.inventory = {held(disk), held(uefi)};
  CHECK(changes_nothing(plan(input)));

  SECTION("and what one entry supersedes goes although the other knows its version") {
    input.inventory.push_back(held(item("p", "1", "uefi1.img")));
    CHECK(told(plan(input)) ==
          Lines{"keep p/1/disk1.img", "keep p/2/uefi1.img", "remove p/1/uefi1.img"});
  }
}

TEST_CASE("the entry that wants more versions decides") {
  PlanInput input;
  const std::vector<Item> newest{item("p", "3")};
  const std::vector<Item> all{item("p", "3"), item("p", "2"), item("p", "1")};
  input.entries = {entry(newest, 1), entry(all, 3)};
  input.inventory = {held(all[0]), held(all[1]), held(all[2])};
  CHECK(changes_nothing(plan(input)));
}

TEST_CASE("nothing of a source goes that some entry could not read") {
  PlanInput input;
  input.entries = {entry({item("p", "2")})};
  input.inventory = {held(item("p", "1"))};
  input.unread_sources = {kSource};
  const auto made = plan(input);
  CHECK(told(made) == Lines{"create p/2/disk1.img", "keep p/1/disk1.img"});
  CHECK(made.actions[1].reason == "its source could not be read");
}

TEST_CASE("a product that left the source stays, unless it is asked to go") {
  PlanInput input;
  input.entries = {entry({item("p", "1")})};
  input.inventory = {held(item("p", "1")), held(item("gone", "1"))};
  CHECK(changes_nothing(plan(input)));
  input.entries[0].remove_vanished = true;
  CHECK(told(plan(input)) == Lines{"keep p/1/disk1.img", "remove gone/1/disk1.img"});
}

TEST_CASE("a source that gives nothing takes nothing away, whatever max_delete says") {
  PlanInput input;
  input.entries = {entry({})};
  input.entries[0].remove_vanished = true;
  input.inventory = {held(item("p", "1")), held(item("q", "1"))};
  input.max_delete = *DeletionCap::parse("100%");
  const auto made = plan(input);
  CHECK(changes_nothing(made));
  REQUIRE(made.guard);
  CHECK(made.guard->kind() == ErrorKind::Guard);
}

TEST_CASE("an image of a source that no entry mirrors any more is never touched") {
  PlanInput input;
  auto foreign = held(item("q", "1"));
  foreign.item.key.content_id = "com.example:daily:download";
  input.entries = {entry({item("p", "1")})};
  input.inventory = {held(item("p", "1")), foreign};
  CHECK(changes_nothing(plan(input)));
}

TEST_CASE("an unusable item fails alone, and its product's old version stays") {
  auto broken = item("p", "2");
  broken.tags.erase("size");
  PlanInput input;
  input.entries = {entry({broken, item("q", "2")})};
  input.inventory = {held(item("p", "1")), held(item("q", "1"))};
  const auto made = plan(input);
  REQUIRE(told(made) == Lines{"skip p/2/disk1.img", "create q/2/disk1.img", "keep p/1/disk1.img",
                              "remove q/1/disk1.img"});
  CHECK(made.actions[0].error->kind() == ErrorKind::Malformed);
}

TEST_CASE("an unusable item fails although its image is in place, which stays") {
  auto broken = item("p", "2");
  SECTION("no size") { broken.tags.erase("size"); }
  SECTION("no digest") { broken.tags.erase("sha256"); }
  SECTION("a digest that is none") { broken.tags.set("sha512", "none"); }
  PlanInput input;
  input.entries = {entry({broken})};
  input.inventory = {held_image(item("p", "1")), held_image(item("p", "2"))};
  const auto made = plan(input);
  REQUIRE(told(made) == Lines{"keep p/2/disk1.img", "skip p/2/disk1.img", "keep p/1/disk1.img"});
  CHECK(made.actions[0].is_named);
  CHECK(made.actions[1].error->kind() == ErrorKind::Malformed);
}

TEST_CASE("two digests for one path refuse both items") {
  auto one = item("p", "1");
  auto other = item("q", "1");
  other.path = one.path;
  PlanInput input;
  input.entries = {entry({one, other})};
  SECTION("where none is in place") {
    const auto made = plan(input);
    REQUIRE(told(made) == Lines{"skip p/1/disk1.img", "skip q/1/disk1.img"});
    CHECK(made.actions[0].error->kind() == ErrorKind::Untrusted);
  }
  SECTION("also the one whose image is in place") {
    input.inventory = {held_image(one)};
    const auto made = plan(input);
    REQUIRE(told(made) == Lines{"keep p/1/disk1.img", "skip p/1/disk1.img", "skip q/1/disk1.img"});
    CHECK(made.actions[1].error->kind() == ErrorKind::Untrusted);
  }
}

TEST_CASE("what an earlier run left is gone on with") {
  PlanInput input;
  input.entries = {entry({item("p", "1")})};
  SECTION("complete but not shown: adopted") {
    input.inventory = {held(item("p", "1"), HeldState::Unrevealed)};
    CHECK(told(plan(input)) == Lines{"adopt p/1/disk1.img"});
  }
  SECTION("begun: created again, the target knows how") {
    input.inventory = {held(item("p", "1"), HeldState::Incomplete)};
    CHECK(told(plan(input)) == Lines{"create p/1/disk1.img"});
  }
  SECTION("begun and no longer wanted: swept") {
    input.inventory = {held(item("p", "1")), held(item("p", "0"), HeldState::Incomplete)};
    CHECK(told(plan(input)) == Lines{"keep p/1/disk1.img", "remove p/0/disk1.img"});
  }
}

TEST_CASE("of two copies of one address the oldest id stays") {
  PlanInput input;
  input.entries = {entry({item("p", "1")})};
  input.inventory = {held(item("p", "1"), HeldState::Present, "b"),
                     held(item("p", "1"), HeldState::Present, "a")};
  const auto made = plan(input);
  REQUIRE(told(made) == Lines{"keep p/1/disk1.img", "remove p/1/disk1.img"});
  CHECK(made.actions[0].held->placement == "a");
  CHECK(made.actions[1].held->placement == "b");
}

void take_other_bytes(Held& image) { image.item.tags.set("sha256", sha256_of("other")); }

TEST_CASE("of two images with one address an active one stays, whatever they hold") {
  auto active = held_image(item("p", "1"));
  take_other_bytes(active);
  auto other = held_image(item("p", "1"));
  other.state = GENERATE(HeldState::Deactivated, HeldState::Unrevealed);
  PlanInput input;
  input.entries = {entry({item("p", "1")})};
  input.inventory = {other, active};
  // Its digest is an alarm, as ever.
  const auto lines = told(plan(input));
  REQUIRE(lines.size() >= 2);
  CHECK(lines[0] == "keep p/1/disk1.img");
  CHECK(lines[1] == "skip p/1/disk1.img");
}

TEST_CASE("which of two images with one address stays does not depend on who lists them") {
  const bool is_turned = GENERATE(true, false);
  const auto wanted = item("p", "1");
  const auto created = [](const char* text) { return parse_date(text); };
  PlanInput input;
  input.entries = {entry({wanted})};
  auto better = held_image(wanted);
  auto worse = held_image(wanted);
  better.placement = "z";
  worse.placement = "a";
  better.created = worse.created = created("2026-11-21T12:00:00Z");
  SECTION("the one whose digest is right") {
    take_other_bytes(worse);
    worse.created = created("2020-11-21T12:00:00Z");
  }
  SECTION("also when it is hidden") {
    take_other_bytes(worse);
    worse.created = created("2020-11-21T12:00:00Z");
    better.state = HeldState::Hidden;
  }
  SECTION("or whose size is right") {
    worse.size = 9;
    worse.created = created("2020-11-21T12:00:00Z");
  }
  SECTION("then the one that is shown") { worse.state = HeldState::Hidden; }
  SECTION("then the oldest") { better.created = created("2026-11-21T11:59:59Z"); }
  SECTION("then the first id") { better.placement = "A"; }
  input.inventory = {worse, better};
  if (is_turned) std::swap(input.inventory[0], input.inventory[1]);
  const auto made = plan(input);
  REQUIRE(told(made) == Lines{"keep p/1/disk1.img", "remove p/1/disk1.img"});
  CHECK(made.actions[0].held->placement == better.placement);
  CHECK(made.actions[0].reason == "in place, the best of 2 copies");
  CHECK(made.actions[0].is_news);
  CHECK(made.actions[1].reason == "second copy of " + better.placement.str());
}

TEST_CASE("an item to which two entries give different digests is refused, and stays") {
  auto other = item("p", "1");
  other.tags.set("sha256", sha256_of("other"));
  PlanInput input;
  input.entries = {entry({item("p", "1")}), entry({other})};
  input.entries[1].entry = 1;
  const auto is_refused = [](const Action& action) {
    return action.kind == ActionKind::Skip && action.error->kind() == ErrorKind::Untrusted;
  };
  SECTION("new") {
    const auto made = plan(input);
    REQUIRE(told(made) == Lines{"skip p/1/disk1.img"});
    CHECK(is_refused(made.actions[0]));
  }
  SECTION("there already") {
    input.inventory = {held_image(GENERATE_COPY(item("p", "1"), other))};
    const auto made = plan(input);
    REQUIRE(told(made) == Lines{"keep p/1/disk1.img", "skip p/1/disk1.img"});
    CHECK(is_refused(made.actions[1]));
  }
}

TEST_CASE("the configuration comes to images that no source has any more, too") {
  PlanInput input;
  input.entries = {entry({item("p", "2")}, 2)};
  input.inventory = {held_image(item("p", "1")), held_image(item("p", "2"))};
  const auto drifts = [](const Held& image, const Item* told) {
    CHECK((told != nullptr) == (image.item.key.version == "2"));
    return Drift{"visibility", ""};
  };
  const auto made = plan(input, drifts);
  REQUIRE(told(made) == Lines{"update p/2/disk1.img", "update p/1/disk1.img"});
  CHECK(made.actions[1].reason == "left the source; kept while there is room; differs: visibility");
  CHECK(made.actions[0].blob);
  CHECK_FALSE(made.actions[1].blob);
  CHECK(changes_nothing(plan(input)));

  SECTION("not to protected ones") {
    const auto is_protected = [](const Held&, const Item*) {
      return Drift{"visibility", "protected"};
    };
    CHECK(changes_nothing(plan(input, is_protected)));
  }
  SECTION("not where the source could not be read") {
    input.entries = {};
    input.unread_sources = {kSource};
    CHECK(changes_nothing(plan(input, drifts)));
  }
}

TEST_CASE("what an image holds is judged by what its target tells of it") {
  PlanInput input;
  const Item wanted = [] {
    auto one = item("p", "1");
    one.tags.set("md5", digest_of(DigestAlgorithm::Md5, "right").hex());
    return one;
  }();
  input.entries = {entry({wanted})};
  input.inventory = {held_image(wanted)};
  auto& image = input.inventory[0];
  const auto right = digest_of(DigestAlgorithm::Md5, "right");
  const auto wrong = digest_of(DigestAlgorithm::Md5, "wrong");
  const auto made_of = [](DigestAlgorithm algorithm, const std::string& text) {
    return digest_of(algorithm, text);
  };
  const auto drifts = [](const Held&, const Item*) { return Drift{"metadata", ""}; };

  SECTION("right") {
    image.stored = {right, made_of(DigestAlgorithm::Sha512, "not signed")};
    CHECK(changes_nothing(plan(input)));
  }
  SECTION("the strongest that is signed decides") {
    image.stored = {wrong, made_of(DigestAlgorithm::Sha256, "p/1/disk1.img")};
    if (GENERATE(true, false)) std::swap(image.stored[0], image.stored[1]);
    CHECK(changes_nothing(plan(input)));
  }
  SECTION("in a form that nobody signed") {
    image.stored = {made_of(DigestAlgorithm::Sha512, "?")};
    CHECK(changes_nothing(plan(input)));
  }
  SECTION("damaged metadata are mended where the bytes are right") {
    image.item.tags = Tags{{"ftype", "disk1.img"}};
    CHECK(changes_nothing(plan(input, drifts)));
    image.stored = {right};
    CHECK(told(plan(input, drifts)) == Lines{"update p/1/disk1.img"});
  }
  SECTION("wrong bytes are replaced, and not named") {
    image.stored = {wrong};
    SECTION("by their digest") {}
    SECTION("by their size") {
      image.stored = {right};
      image.size = 9;
    }
    SECTION("whatever the metadata are") { image.item.tags = Tags{{"ftype", "disk1.img"}}; }
    SECTION("also of a hidden one that is wanted again") { image.state = HeldState::Hidden; }
    const auto made = plan(input, drifts);
    REQUIRE(told(made) == Lines{"create p/1/disk1.img", "remove p/1/disk1.img"});
    CHECK_THAT(made.actions[0].reason, Catch::Contains("has not the bytes"));
    CHECK(made.actions[1].reason == made.actions[0].reason);
    CHECK_FALSE(made.actions[1].is_named);
  }
  SECTION("what an earlier run made anew is shown, and is not made once more") {
    image.stored = {wrong};
    input.inventory.push_back(held_image(wanted));
    input.inventory[1].placement = "anew";
    input.inventory[1].state = HeldState::Unrevealed;
    input.inventory[1].stored = {right};
    const auto made = plan(input);
    REQUIRE(told(made) == Lines{"adopt p/1/disk1.img", "remove p/1/disk1.img"});
    CHECK(made.actions[0].held->placement == "anew");
    CHECK(made.actions[1].held->placement == "id-p/1/disk1.img");
  }
  SECTION("what the operator took out of use stays so") {
    image.stored = {wrong};
    image.state = GENERATE(HeldState::Deactivated, HeldState::Withdrawn);
    CHECK(changes_nothing(plan(input, drifts)));
  }
  SECTION("what is as its own metadata say stays, whatever the source says now") {
    image.stored = {right};
    auto& now = input.entries[0].selections[0].products[0].versions[0].items[0];
    auto refusal = ErrorKind::Untrusted;
    SECTION("of the size") { now.tags.set("size", "11"); }
    SECTION("of the weaker digest") { now.tags.set("md5", wrong.hex()); }
    SECTION("nothing of the size") {
      now.tags.erase("size");
      refusal = ErrorKind::Malformed;
    }
    const auto made = plan(input, drifts);
    REQUIRE(told(made) == Lines{"keep p/1/disk1.img", "skip p/1/disk1.img"});
    CHECK(made.actions[0].is_named);
    CHECK(made.actions[1].error->kind() == refusal);
    // The image is right, and nothing that comes could be.
    CHECK_THAT(made.actions[0].reason, !Catch::Contains("another digest"));
    CHECK_THAT(made.actions[1].reason, !Catch::Contains("delete"));
  }
  SECTION("of two the right one stays") {
    image.stored = {wrong};
    image.created = Time() + std::chrono::hours(1);
    input.inventory.push_back(held_image(wanted));
    input.inventory[1].placement = "right";
    input.inventory[1].created = Time() + std::chrono::hours(2);
    input.inventory[1].stored = {right};
    const auto made = plan(input);
    REQUIRE(told(made) == Lines{"keep p/1/disk1.img", "remove p/1/disk1.img"});
    CHECK(made.actions[0].held->placement == "right");
  }
}

TEST_CASE("an image with wrong bytes is not named where none can be made in its place") {
  Item wanted = item("p", "1");
  wanted.tags.set("md5", digest_of(DigestAlgorithm::Md5, "right").hex());
  PlanInput input;
  input.inventory = {held_image(wanted)};
  input.inventory[0].stored = {digest_of(DigestAlgorithm::Md5, "wrong")};
  SECTION("its path has two digests") {
    Item other = item("q", "1");
    other.path = wanted.path;
    input.entries = {entry({wanted, other})};
  }
  SECTION("two entries give it different digests") {
    Item other = wanted;
    other.tags.set("sha256", sha256_of("other"));
    input.entries = {entry({wanted}), entry({other})};
    input.entries[1].entry = 1;
  }
  SECTION("one of its digests is none") {
    wanted.tags.set("sha512", "none");
    input.entries = {entry({wanted})};
  }
  const auto made = plan(input);
  CHECK(made.actions.front().kind == ActionKind::Skip);
  REQUIRE(told(made).back() == "keep p/1/disk1.img");
  CHECK_FALSE(made.actions.back().is_named);
  CHECK_THAT(made.actions.back().reason, Catch::Contains("has not the bytes"));
}

TEST_CASE(
    "an image of a refused item is named unless its own metadata say that its bytes are wrong") {
  Item before = item("p", "1");
  before.tags.set("md5", digest_of(DigestAlgorithm::Md5, "right").hex());
  Item now = before;
  now.tags.set("sha256", sha256_of("other"));
  now.tags.set("md5", digest_of(DigestAlgorithm::Md5, "other").hex());
  PlanInput input;
  input.inventory = {held_image(before)};
  const bool is_right = GENERATE(true, false);
  input.inventory[0].stored = {digest_of(DigestAlgorithm::Md5, is_right ? "right" : "wrong")};
  SECTION("the source gives it another digest") { input.entries = {entry({now})}; }
  SECTION("two entries give it different digests") {
    input.entries = {entry({now}), entry({before})};
    input.entries[1].entry = 1;
  }
  SECTION("the source gives it no size") {
    now = before;
    now.tags.erase("size");
    input.entries = {entry({now})};
  }
  const auto made = plan(input);
  REQUIRE(told(made) == Lines{"keep p/1/disk1.img", "skip p/1/disk1.img"});
  CHECK(made.actions[0].is_named == is_right);
}

TEST_CASE("of two images with one address that can't go metadata names one") {
  PlanInput input;
  input.entries = {entry({item("p", "2")})};
  input.unread_sources = {kSource};
  input.inventory = {held_image(item("p", "1")), held_image(item("p", "1"))};
  input.inventory[0].placement = "b";
  input.inventory[1].placement = "a";
  const auto made = plan(input);
  REQUIRE(told(made) == Lines{"create p/2/disk1.img", "keep p/1/disk1.img", "keep p/1/disk1.img"});
  CHECK(made.actions[1].held->placement == "a");
  CHECK(made.actions[1].is_named);
  CHECK_FALSE(made.actions[2].is_named);
}

TEST_CASE("a file that two items share goes with the last of them") {
  auto old_item = item("p", "1");
  auto new_item = item("p", "2");
  new_item.path = old_item.path;
  new_item.tags.set("sha256", tag(old_item.tags, "sha256"));
  PlanInput input;
  input.entries = {entry({new_item})};
  input.inventory = {held(old_item, HeldState::Present, old_item.path->str())};
  CHECK(told(plan(input)) == Lines{"create p/2/disk1.img"});
}

TEST_CASE("a version that a run could not complete does not evict a whole one") {
  // 2 was half staged when the source withdrew it.
  PlanInput input;
  input.entries = {entry({item("p", "1")})};
  input.inventory = {held(item("p", "1"))};
  SECTION("its item was held back") {
    input.inventory.push_back(held(item("p", "2"), HeldState::Unrevealed));
  }
  SECTION("one of its items never came") {
    input.inventory.push_back(held(item("p", "2")));
    input.inventory.push_back(held(item("p", "2", "uefi1.img"), HeldState::Incomplete));
  }
  const auto lines = told(plan(input));
  CHECK(lines.front() == "keep p/1/disk1.img");
  CHECK(std::count(lines.begin(), lines.end(), "remove p/2/disk1.img") == 1);
}

TEST_CASE("a version of which something is shown counts, though one of its items never came") {
  PlanInput input;
  input.inventory = {held(item("p", "1")),
                     held(item("p", "1", "uefi1.img"), HeldState::Incomplete)};
  SECTION("as lost with all of its source") {
    input.entries = {entry({})};
    input.entries[0].remove_vanished = true;
    const auto made = plan(input);
    CHECK(made.guard);
    CHECK(changes_nothing(made));
  }
  SECTION("as lost alone") {
    input.entries = {entry({item("p", "0")}, std::nullopt)};
    const auto made = plan(input);
    CHECK(made.guard);
    CHECK(told(made) == Lines{"create p/0/disk1.img", "keep p/1/disk1.img"});
  }
  SECTION("as held while there is room") {
    input.entries = {entry({item("p", "2")}, 2)};
    CHECK(told(plan(input)) ==
          Lines{"create p/2/disk1.img", "keep p/1/disk1.img", "remove p/1/uefi1.img"});
  }
  SECTION("and nobody waits for what of it was never shown") {
    input.entries = {entry({item("p", "2")}, 2)};
    input.inventory[1].state = HeldState::Unrevealed;
    CHECK(told(plan(input)) ==
          Lines{"create p/2/disk1.img", "keep p/1/disk1.img", "remove p/1/uefi1.img"});
  }
  SECTION("where whole ones leave room") {
    input.entries = {entry({item("p", "2")}, 2)};
    input.inventory.push_back(held(item("p", "0")));
    CHECK(told(plan(input)) == Lines{"create p/2/disk1.img", "keep p/0/disk1.img",
                                     "remove p/1/disk1.img", "remove p/1/uefi1.img"});
  }
}

TEST_CASE("what one entry lets go another one may keep") {
  const auto focal = item("focal", "1");
  const auto bionic = item("bionic", "1");
  PlanInput input;
  auto tidy = entry({focal}, 1, {"product_name=focal"});
  tidy.remove_vanished = true;
  input.entries = {tidy, entry({focal}, 1, {"product_name~focal|bionic"})};
  input.inventory = {held(focal), held(bionic)};
  CHECK(changes_nothing(plan(input)));
}

TEST_CASE("a tree follows a source that has replaced an item, and its old file goes") {
  const auto old_item = item("p", "1");
  auto new_item = old_item;
  PlanInput input;
  input.inventory = {held(old_item, HeldState::Present, old_item.path->str())};
  SECTION("at another path") {
    new_item.path = RelativePath::parse("elsewhere.img");
    input.entries = {entry({new_item})};
    CHECK(told(plan(input)) == Lines{"create p/1/disk1.img", "remove p/1/disk1.img"});
  }
  SECTION("with other content at the same path") {
    new_item.tags.set("sha256", sha256_of("other"));
    input.entries = {entry({new_item})};
    CHECK(told(plan(input)) == Lines{"create p/1/disk1.img"});
  }
}

TEST_CASE("of an item that is at two paths of a tree the one that the source names stays") {
  const auto before = item("p", "1");
  auto after = before;
  after.path = RelativePath::parse(GENERATE("another.img", "z/another.img"));
  const bool is_same_content = GENERATE(true, false);
  if (!is_same_content) after.tags.set("sha256", sha256_of("other"));
  PlanInput input;
  input.entries = {entry({after})};
  input.inventory = {held(before, HeldState::Present, before.path->str()),
                     held(after, HeldState::Present, after.path->str())};
  SECTION("shown") {
    CHECK(told(plan(input)) == Lines{"keep p/1/disk1.img", "remove p/1/disk1.img"});
  }
  SECTION("not yet") {
    input.inventory[1].state = HeldState::Unrevealed;
    CHECK(told(plan(input)) == Lines{"adopt p/1/disk1.img", "remove p/1/disk1.img"});
  }
  CHECK(plan(input).actions.back().held->placement == before.path->str());
}

TEST_CASE("of what was begun for a coming item nothing is swept in the same run") {
  PlanInput input;
  input.entries = {entry({item("p", "1")})};
  input.inventory = {held(item("p", "1"), HeldState::Incomplete, "a"),
                     held(item("p", "1"), HeldState::Incomplete, "b")};
  CHECK(told(plan(input)) == Lines{"create p/1/disk1.img"});
}

TEST_CASE("what the operator has deactivated is neither copied again nor removed") {
  PlanInput input;
  input.entries = {entry({item("p", "1")})};
  input.inventory = {held(item("p", "1"), HeldState::Deactivated)};
  CHECK(changes_nothing(plan(input)));
}

TEST_CASE("the deletion cap counts what goes without a replacement") {
  // Without `max` a version that left the source goes (`keep` says nothing then).
  PlanInput input;
  input.entries = {entry({item("p", "01")}, std::nullopt)};
  for (const char* version : {"01", "02", "03", "04"}) {
    input.inventory.push_back(held(item("p", version)));
  }
  SECTION("more than the cap: nothing is removed and the run says so") {
    const auto made = plan(input);
    REQUIRE(made.guard);
    CHECK(made.guard->kind() == ErrorKind::Guard);
    CHECK(changes_nothing(made));
    CHECK(made.actions.size() == 4);
  }
  SECTION("raised by the operator: removed") {
    input.max_delete = *DeletionCap::parse("100%");
    const auto made = plan(input);
    CHECK_FALSE(made.guard);
    CHECK(std::count_if(made.actions.begin(), made.actions.end(), [](const Action& action) {
            return action.kind == ActionKind::Remove;
          }) == 3);
  }
  SECTION("superseded versions never count") {
    input.entries = {entry({item("p", "09")}, 1)};
    const auto made = plan(input);
    CHECK_FALSE(made.guard);
    CHECK(made.actions.size() == 5);
  }
  SECTION("as a share of what an entry holds, not of all that its source has") {
    for (const char* version : {"05", "06", "07", "08", "09"}) {
      input.inventory.push_back(held(item("q", version)));
    }
    input.entries = {
        entry({item("p", "01")}, std::nullopt, {"product_name=p"}),
        entry({item("q", "05"), item("q", "06"), item("q", "07"), item("q", "08"), item("q", "09")},
              std::nullopt, {"product_name=q"})};
    CHECK(plan(input).guard);
    input.inventory.erase(input.inventory.begin() + 1, input.inventory.begin() + 3);
    CHECK_FALSE(plan(input).guard);
  }
  SECTION("as a number") {
    input.max_delete = *DeletionCap::parse("3");
    CHECK_FALSE(plan(input).guard);
    input.max_delete = *DeletionCap::parse("2");
    CHECK(plan(input).guard);
  }
}

TEST_CASE("what metadata does not name any more is not named again while nothing can go") {
  PlanInput input;
  input.inventory = {held(item("p", "1"))};
  input.leaving = {input.inventory[0].placement};
  input.entries = {entry({item("p", "2")})};
  SECTION("its source could not be read") { input.unread_sources = {kSource}; }
  SECTION("its successor can't be had") {
    auto broken = item("p", "3");
    broken.tags.erase("size");
    input.entries = {entry({broken})};
  }
  SECTION("the cap allows no removals") {
    input.inventory.push_back(held(item("q", "1")));
    input.entries[0].remove_vanished = true;
    input.max_delete = *DeletionCap::parse("0");
  }
  const auto made = plan(input);
  const auto of_old = std::find_if(made.actions.begin(), made.actions.end(), [&](const auto& each) {
    return each.held && each.held->placement == *input.leaving.begin();
  });
  REQUIRE(of_old != made.actions.end());
  CHECK(of_old->kind == ActionKind::Keep);
  CHECK_FALSE(of_old->is_named);
  input.leaving.clear();
  for (const auto& action : plan(input).actions) CHECK(action.is_named);
}

TEST_CASE("what was superseded is not named again because its product left the stream") {
  PlanInput input;
  input.inventory = {held_image(item("p", "1")), held_image(item("p", "2"))};
  input.leaving = {input.inventory[0].placement};
  input.entries = {entry({item("q", "1")})};
  const auto made = plan(input);
  REQUIRE(told(made) == Lines{"create q/1/disk1.img", "keep p/1/disk1.img", "keep p/2/disk1.img"});
  CHECK_FALSE(made.actions[1].is_named);
  CHECK_THAT(made.actions[1].reason, Catch::StartsWith("superseded; "));
  CHECK(made.actions[2].is_named);
}

TEST_CASE("what was superseded and is kept while there is room is named again") {
  PlanInput input;
  input.inventory = {held_image(item("p", "1"))};
  input.leaving = {input.inventory[0].placement};
  input.entries = {entry({item("p", "2")}, 2)};
  const auto made = plan(input);
  REQUIRE(told(made) == Lines{"create p/2/disk1.img", "keep p/1/disk1.img"});
  CHECK(made.actions[1].is_named);
}

TEST_CASE("metadata names no removal that is withheld, unless it named it before") {
  PlanInput input;
  input.inventory = {held_image(item("p", "1")), held_image(item("p", "1")),
                     held_image(item("q", "1"))};
  input.inventory[0].placement = "a";
  input.inventory[1].placement = "b";
  input.inventory[2].placement = "c";
  input.leaving = {"c"};
  input.entries = {entry({item("p", "2"), item("q", "2")})};
  std::map<std::string, bool> named;
  for (const auto& action : plan(input).actions) {
    if (action.kind == ActionKind::Remove) named[action.held->placement] = action.is_named;
  }
  CHECK(named == std::map<std::string, bool>{{"a", true}, {"b", false}, {"c", false}});
}

TEST_CASE("what has left the metadata and is wanted again is named again") {
  PlanInput input;
  input.inventory = {held(item("p", "1"))};
  input.leaving = {input.inventory[0].placement};
  input.entries = {entry({item("p", "1")})};
  CHECK(plan(input).actions[0].is_named);
}

TEST_CASE("a hidden image goes when nobody wants it, and keeps no room") {
  const auto hidden = item("p", "1");
  PlanInput input;
  input.inventory = {held_image(hidden)};
  input.inventory[0].state = HeldState::Hidden;
  SECTION("its successor is there") {
    input.inventory.push_back(held_image(item("p", "2")));
    input.entries = {entry({item("p", "2")})};
    CHECK(told(plan(input)) == Lines{"keep p/2/disk1.img", "remove p/1/disk1.img"});
  }
  SECTION("its successor comes, and there is room for both") {
    input.entries = {entry({item("p", "2")}, 3)};
    CHECK(told(plan(input)) == Lines{"create p/2/disk1.img", "remove p/1/disk1.img"});
  }
  SECTION("the cap counted it when it was hidden") {
    input.inventory.push_back(held_image(item("p", "0")));
    input.inventory.push_back(held_image(item("q", "1")));
    input.entries = {entry({item("p", "0"), item("q", "1")}, std::nullopt)};
    input.max_delete = *DeletionCap::parse("0");
    const auto made = plan(input);
    CHECK_FALSE(made.guard);
    CHECK(told(made).back() == "remove p/1/disk1.img");
  }
  SECTION("but not because its source gives nothing") {
    input.entries = {entry({})};
    input.entries[0].remove_vanished = true;
    CHECK(plan(input).guard);
    CHECK(changes_nothing(plan(input)));
  }
}

TEST_CASE("a hidden image that is wanted again is shown again") {
  const auto wanted = item("p", "1");
  PlanInput input;
  input.entries = {entry({wanted})};
  input.inventory = {held_image(wanted)};
  input.inventory[0].state = HeldState::Hidden;
  const auto made = plan(input, [](const Held&, const Item*) {
    return std::optional(Drift{"os_hidden", ""});
  });
  REQUIRE(told(made) == Lines{"update p/1/disk1.img"});
  CHECK(shows_anew(made.actions[0]));
}

TEST_CASE("a hidden image that is wanted again and can't be shown keeps its predecessor") {
  const auto wanted = item("p", "2");
  PlanInput input;
  input.entries = {entry({wanted})};
  input.inventory = {held_image(wanted), held_image(item("p", "1"))};
  auto& hidden = input.inventory[0];
  hidden.state = HeldState::Hidden;
  std::string obstacle;
  SECTION("it is protected") { obstacle = "protected"; }
  SECTION("nothing tells of its bytes") { hidden.item.tags.erase("sha256"); }
  const auto made = plan(input, [&](const Held&, const Item*) {
    return std::optional(Drift{"os_hidden", obstacle});
  });
  REQUIRE(told(made) == Lines{"keep p/2/disk1.img", "skip p/2/disk1.img", "keep p/1/disk1.img"});
  CHECK(made.actions[1].error->kind() == ErrorKind::Conflict);
  CHECK(made.actions[1].error->origin() == Origin::Target);
  CHECK_THAT(made.actions[1].reason, Catch::Contains(obstacle));
}

TEST_CASE("an image that the operator hid stays as it is, wanted or not") {
  PlanInput input;
  const auto hidden = item("p", "1");
  input.inventory = {held_image(hidden)};
  input.inventory[0].state = HeldState::Withdrawn;
  const DriftOf nothing_differs = [](const Held&, const Item*) -> std::optional<Drift> {
    FAIL("it is not to be mended");
    return std::nullopt;
  };
  SECTION("it is wanted") { input.entries = {entry({hidden})}; }
  SECTION("its successor is wanted") {
    input.inventory.push_back(held(item("p", "2")));
    input.entries = {entry({item("p", "2")})};
    const auto made = plan(input);
    REQUIRE(changes_nothing(made));
    CHECK(made.actions.back().reason == "hidden by the operator");
    return;
  }
  SECTION("it left the source, and there is room") {
    input.entries = {entry({item("q", "1")}, 3)};
    input.entries[0].remove_vanished = true;
    CHECK(told(plan(input)) == Lines{"create q/1/disk1.img", "keep p/1/disk1.img"});
    return;
  }
  const auto made = plan(input, nothing_differs);
  REQUIRE(told(made) == Lines{"keep p/1/disk1.img"});
  CHECK(made.actions[0].reason == "hidden by the operator");
}

TEST_CASE("what is known of an image is brought to it when it has changed") {
  const auto wanted = item("p", "1");
  PlanInput input;
  input.entries = {entry({wanted, item("q", "1")})};
  input.inventory = {held_image(wanted), held_image(item("q", "1"))};
  const auto of_p = [](std::string stays_because) {
    return [=](const Held& image, const Item* told) -> std::optional<Drift> {
      REQUIRE(told != nullptr);
      CHECK(image.item.key == told->key);
      if (told->key.product != "p") return std::nullopt;
      return Drift{"visibility", stays_because};
    };
  };
  SECTION("by the target's own account") {
    const auto made = plan(input, of_p(""));
    REQUIRE(told(made) == Lines{"update p/1/disk1.img", "keep q/1/disk1.img"});
    CHECK(made.actions[0].reason == "differs: visibility");
    CHECK(made.actions[0].held->placement == input.inventory[0].placement);
    CHECK(made.actions[0].blob->item.key == wanted.key);
  }
  SECTION("unless the target says why it stays") {
    const auto made = plan(input, of_p("protected"));
    CHECK(changes_nothing(made));
    CHECK(made.actions[0].reason == "protected, though it differs: visibility");
  }
  SECTION("unless the operator has deactivated it") {
    input.inventory[0].state = HeldState::Deactivated;
    CHECK(changes_nothing(plan(input, of_p(""))));
  }
  SECTION("unless nothing says that it holds what the source has") {
    input.inventory[0].item.tags.erase("sha256");
    CHECK(changes_nothing(plan(input, of_p(""))));
  }
}

TEST_CASE("another digest for an image that is in place is an alarm, and the image stays") {
  auto wanted = item("p", "2");
  PlanInput input;
  input.inventory = {held_image(wanted), held_image(item("p", "1")), held_image(item("q", "1"))};
  if (GENERATE(false, true)) input.inventory[0].state = HeldState::Deactivated;
  wanted.tags.set("sha256", sha256_of("other"));
  input.entries = {entry({wanted, item("q", "2")})};
  const auto made = plan(input, [](const Held&, const Item*) {
    return std::optional(Drift{"tags", ""});
  });
  REQUIRE(told(made) == Lines{"keep p/2/disk1.img", "skip p/2/disk1.img", "create q/2/disk1.img",
                              "keep p/1/disk1.img", "remove q/1/disk1.img"});
  CHECK(made.actions[1].error->kind() == ErrorKind::Untrusted);
  CHECK(made.actions[1].error->origin() == Origin::Source);
  CHECK_THAT(made.actions[0].reason, Catch::Contains("another digest"));
  CHECK_THAT(made.actions[1].reason, Catch::Contains("delete"));
}

TEST_CASE("the strongest digest that both have decides whether an image is another one") {
  auto wanted = item("p", "1");
  PlanInput input;
  input.inventory = {held_image(wanted)};
  input.inventory[0].item.tags.set("md5", digest_of(DigestAlgorithm::Md5, "one").hex());
  wanted.tags.set("md5", digest_of(DigestAlgorithm::Md5, "other").hex());
  SECTION("a weaker one is a tag as others are") {
    input.entries = {entry({wanted})};
    CHECK(changes_nothing(plan(input)));
  }
  SECTION("where there is no other it counts") {
    wanted.tags.erase("sha256");
    input.entries = {entry({wanted})};
    CHECK(told(plan(input)) == Lines{"keep p/1/disk1.img", "skip p/1/disk1.img"});
  }
}

TEST_CASE("the order of the inventory does not matter") {
  PlanInput input;
  input.entries = {entry({item("p", "2"), item("q", "2")})};
  input.inventory = {held(item("p", "1")), held(item("q", "1")), held(item("p", "2"))};
  const auto expected = told(plan(input));
  while (std::next_permutation(
      input.inventory.begin(), input.inventory.end(),
      [](const Held& one, const Held& other) { return one.placement < other.placement; })) {
    CHECK(told(plan(input)) == expected);
  }
}

}  // namespace streamsync
