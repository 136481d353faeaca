#include "sync/scrub.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <vector>

#include "tests/unit/sync/held_tree.h"

namespace streamsync {
namespace {

using std::chrono::hours;

const Time kBegin = *parse_date("2026-11-20T01:02:03Z");

// The digest of number `at` of `count` says that its moment is `at`/`count` of a period.
Held held(std::size_t at, std::size_t count) {
  const auto place = (at << 32U) / count;
  const auto path = fmt::format("{}/disk.img", at);
  const Item item{{"source", "p", "1", path},
                  {{"size", "1"}, {"sha256", fmt::format("{:08x}{:056x}", place, 0)}},
                  RelativePath::parse(path)};
  return {item, path, path, HeldState::Present, 1};
}

std::size_t due(const Scrub& scrub, const std::vector<Held>& inventory) {
  std::size_t due = 0;
  for (const auto& one : inventory) due += scrub.is_due(one) ? 1U : 0U;
  return due;
}

std::vector<Held> tree(std::size_t count) {
  std::vector<Held> inventory;
  for (std::size_t at = 0; at < count; ++at) inventory.push_back(held(at, count));
  return inventory;
}

}  // namespace

TEST_CASE("each item is due once in a period, however often runs come") {
  constexpr hours kPeriod{100};
  const auto inventory = tree(100);
  const hours step = GENERATE(hours(1), hours(7), hours(50), hours(99), hours(100));
  std::vector<std::size_t> times(inventory.size());
  Scrubbed last{kBegin};
  for (Time now = kBegin; now < kBegin + 7 * kPeriod;) {
    now += step;
    const Scrub scrub(kPeriod, last, now);
    for (std::size_t at = 0; at < inventory.size(); ++at) {
      if (scrub.is_due(inventory[at])) ++times[at];
    }
    last.until = now;
  }
  const auto once = static_cast<std::size_t>((last.until - kBegin) / kPeriod);
  for (const auto count : times) {
    CHECK(count >= once);
    CHECK(count <= once + 1);
  }
}

TEST_CASE("runs share what is to be read again by the time between them") {
  const auto inventory = tree(100);
  const Scrubbed last{kBegin};
  CHECK(due(Scrub(hours(100), last, kBegin), inventory) == 0);
  CHECK(due(Scrub(hours(100), last, kBegin + hours(10)), inventory) == 10);
  CHECK(due(Scrub(hours(100), last, kBegin + hours(100)), inventory) == 100);
  CHECK(due(Scrub(hours(100), last, kBegin + hours(1000)), inventory) == 100);
}

TEST_CASE("the first run with scrub begins a period, and so does a clock that went back") {
  const auto inventory = tree(10);
  CHECK(due(Scrub(hours(1), std::nullopt, kBegin), inventory) == 0);
  CHECK(due(Scrub(hours(1), Scrubbed{kBegin + hours(9)}, kBegin), inventory) == 0);
}

TEST_CASE("what was wrong is due in each run") {
  const auto inventory = tree(10);
  const Scrubbed last{kBegin, {"3/disk.img", "gone"}};
  const Scrub scrub(hours(100), last, kBegin);
  CHECK(due(scrub, inventory) == 1);
  CHECK(scrub.is_due(inventory[3]));
}

TEST_CASE("what is not in its place, or promises nothing, is not read again") {
  auto one = held(0, 1);
  const Scrub scrub(hours(1), Scrubbed{kBegin}, kBegin + hours(1));
  CHECK(scrub.is_due(one));
  for (const auto state : {HeldState::Incomplete, HeldState::Unrevealed}) {
    one.state = state;
    CHECK_FALSE(scrub.is_due(one));
  }
  one.state = HeldState::Present;
  one.item.tags = Tags{{"size", "1"}};
  CHECK_FALSE(scrub.is_due(one));
}

TEST_CASE("what is read again and damaged is noted where it is held") {
  HeldTree tree;
  CountingObserver observer;
  std::vector<Held> inventory = {recorded("1", "right"), recorded("2", "wrong"),
                                 recorded("3", "gone")};
  tree.contents = {{"1/disk.img", "right"}, {"2/disk.img", "wronG"}};
  const Time now = kBegin + hours(1);
  const Scrub scrub(hours(1), Scrubbed{kBegin}, now);
  std::optional<Scrubbed> kept;
  const auto keep = [&](const Scrubbed& come) { kept = come; };
  const auto findings = scrub.read_again(inventory, tree, {2, {}, {}}, {}, observer, keep);
  CHECK_FALSE(inventory[0].is_damaged);
  CHECK(inventory[1].is_damaged);
  CHECK(inventory[2].is_damaged);
  CHECK(findings.damaged.size() == 2);
  CHECK(findings.unread.empty());
  CHECK(kept == Scrubbed{now, {"2/disk.img", "3/disk.img"}});
}

TEST_CASE("what a store did not give is neither damaged nor read") {
  HeldTree tree;
  CountingObserver observer;
  std::vector<Held> inventory = {recorded("1", "right"), recorded("2", "right")};
  tree.contents = {{"1/disk.img", "right"}, {"2/disk.img", "right"}};
  const Time now = kBegin + hours(1);
  const Scrub scrub(hours(1), Scrubbed{kBegin}, now);
  const ReadingRules once{1, RetryPolicy{.attempts = 1}, {}};
  std::optional<Scrubbed> kept;
  const auto keep = [&](const Scrubbed& come) { kept = come; };
  SECTION("and all is due again where it is silent") {
    tree.failures = {{"2/disk.img", 1}};
    tree.is_silent = true;
    CHECK(scrub.read_again(inventory, tree, once, {}, observer, keep).unread.size() == 1);
    CHECK_FALSE(kept);
  }
  SECTION("and is due again where it refused, or was not well") {
    if (GENERATE(true, false)) {
      tree.failures = {{"2/disk.img", 1}};
    } else {
      tree.refused = {"2/disk.img"};
    }
    CHECK(scrub.read_again(inventory, tree, once, {}, observer, keep).unread.size() == 1);
    CHECK(kept == Scrubbed{now, {"2/disk.img"}});
  }
  CHECK_FALSE(inventory[1].is_damaged);
}

TEST_CASE("a scrub that is cut short is gone on with where it was") {
  HeldTree held;
  CountingObserver observer;
  std::vector<Held> inventory;
  for (std::size_t at = 0; at < 1000; ++at) {
    const auto content = std::to_string(at);
    inventory.push_back(recorded(content, content));
    held.contents[inventory.back().placement] = content;
  }
  Scrubbed last{kBegin};
  Time now = kBegin + hours(100);
  const hours between_runs = GENERATE(hours(0), hours(100), hours(250));
  int runs = 0;
  while (last.until < now) {
    REQUIRE(++runs < 10);
    const auto cut_short = [&](const Scrubbed& come) {
      CHECK(come.until > last.until);
      last = come;
      throw Cancelled();
    };
    const Scrub scrub(hours(100), last, now);
    CHECK_THROWS_AS(scrub.read_again(inventory, held, {1, {}, {}}, {}, observer, cut_short),
                    Cancelled);
    if (last.until < now) now += between_runs;
    if (runs == 4) break;
  }
  CHECK(runs == 4);
  CHECK(held.times.size() == 1000);
}

TEST_CASE("a scrub ends when its time is over") {
  HeldTree held;
  CountingObserver observer;
  std::vector<Held> inventory = {recorded("1", "right")};
  const Scrub scrub(hours(1), Scrubbed{kBegin}, kBegin + hours(1));
  bool is_kept = false;
  scrub.read_again(inventory, held, {1, {}, {}}, Scrub::Clock::now(), observer,
                   [&](const Scrubbed&) { is_kept = true; });
  CHECK(held.asked == 0);
  CHECK_FALSE(is_kept);
}

TEST_CASE("items that share a file have it read once") {
  HeldTree held;
  CountingObserver observer;
  std::vector<Held> inventory(3, recorded("1", "right"));
  inventory[2].item.key.product = "other";
  held.contents = {{"1/disk.img", "wrong"}};
  const Scrub scrub(hours(1), Scrubbed{kBegin}, kBegin + hours(1));
  const auto findings =
      scrub.read_again(inventory, held, {1, {}, {}}, {}, observer, [](const Scrubbed&) {});
  CHECK(held.asked == 1);
  CHECK(findings.damaged.size() == 1);
  CHECK(due(scrub, inventory) == 3);
  for (const auto& one : inventory) CHECK(one.is_damaged);
}

TEST_CASE("how far a scrub has come is kept for each destination") {
  ScrubState state;
  const Scrubbed wrong{kBegin, {"a/b.img", "c"}};
  state.replace("tree", wrong);
  state.replace("s3:bucket", {kBegin + hours(1)});
  const auto read = ScrubState::parse(state.str(), "scrub.json");
  CHECK(read.of("tree") == wrong);
  CHECK(read.of("s3:bucket") == Scrubbed{kBegin + hours(1)});
  CHECK_FALSE(read.of("elsewhere"));
  CHECK(read.str() == state.str());
}

TEST_CASE("a damaged state of a scrub is told from an empty one") {
  const auto* const text = GENERATE("", "{}", R"({"schema":"streamsync.scrub/2"})",
                                    R"({"schema":"streamsync.scrub/1","destinations":[]})",
                                    R"({"schema":"streamsync.scrub/1",
                                        "destinations":{"tree":{"until":"yesterday","wrong":[]}}})");
  CAPTURE(text);
  CHECK_THROWS_AS(ScrubState::parse(text, "scrub.json"), Error);
}

}  // namespace streamsync
