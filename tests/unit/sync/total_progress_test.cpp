#include "sync/total_progress.h"

#include <catch2/catch.hpp>

#include <vector>

namespace streamsync {
namespace {

constexpr std::uint64_t kMB = 1'000'000;

// What several targets are told of one item, by a clock that is set.
struct Copies {
  std::vector<Action> actions;
  TotalProgress total;
  TotalProgress::Clock::time_point now{};

  Copies(std::size_t targets, std::uint64_t size) : actions(targets) {
    for (auto& action : actions) action.size = size;
    total.start(targets * size, now);
  }

  void come(std::uint64_t bytes, std::uint64_t known) {
    for (const auto& action : actions) total.come(action, {bytes, known}, now);
  }
  void come_by_second(std::uint64_t from, std::uint64_t to, std::uint64_t rate,
                      std::uint64_t known) {
    for (auto bytes = from; bytes <= to; bytes += rate) {
      come(bytes, known);
      now += std::chrono::seconds(1);
    }
    now -= std::chrono::seconds(1);
  }
};

}  // namespace

TEST_CASE("what a resumed item had is no part of the rate, for each target that wants it") {
  for (const std::size_t targets : {1U, 2U, 3U}) {
    CAPTURE(targets);
    Copies copies(targets, 40 * kMB);
    copies.come_by_second(kMB, 20 * kMB, 10 * kMB, 20 * kMB);
    CHECK_FALSE(copies.total.pace(copies.now));
    copies.come_by_second(20 * kMB, 30 * kMB, 2 * kMB, 20 * kMB);
    CHECK(copies.total.bytes() == targets * 30 * kMB);
    const auto pace = copies.total.pace(copies.now);
    REQUIRE(pace);
    CHECK(pace->rate == Approx(targets * 2 * kMB));
    CHECK(pace->seconds_left == Approx(5));
  }
}

TEST_CASE("what came in an earlier try is no part of the rate of the next") {
  Copies copies(1, 100 * kMB);
  for (int windows = 0; windows < 3; ++windows) {
    copies.come(70 * kMB, 0);
    copies.now += TotalProgress::kWindow;
  }
  copies.total.come(copies.actions.front(), {50 * kMB, 0, 40 * kMB}, copies.now);
  const auto pace = copies.total.pace(copies.now);
  REQUIRE(pace);
  CHECK(pace->rate <= kMB);
  CHECK(copies.total.bytes() == 50 * kMB);
}

TEST_CASE("what is yet to be read again is not left to copy") {
  Copies copies(1, 40 * kMB);
  Action other;
  other.size = 10 * kMB;
  copies.total.start(50 * kMB, copies.now);
  copies.now += std::chrono::seconds(2);
  copies.total.come(other, {4 * kMB, 0}, copies.now);
  copies.come(kMB, 20 * kMB);
  CHECK(copies.total.bytes() == 5 * kMB);
  CHECK(copies.total.pace(copies.now)->rate == Approx(2 * kMB));
  CHECK(copies.total.pace(copies.now)->seconds_left == Approx(13));
}

TEST_CASE("the rate is that of the last seconds") {
  Copies copies(1, 1000 * kMB);
  copies.come_by_second(0, 500 * kMB, 100 * kMB, 0);
  CHECK(copies.total.pace(copies.now)->rate == Approx(100 * kMB));
  copies.come_by_second(500 * kMB, 524 * kMB, 2 * kMB, 0);
  CHECK(copies.total.pace(copies.now)->rate == Approx(2 * kMB));
  CHECK(copies.total.pace(copies.now)->seconds_left == Approx(238));
}

TEST_CASE("a rate is told where less comes than once in the time that it is taken over") {
  Copies copies(1, 100 * kMB);
  for (std::uint64_t bytes = 0; bytes <= 5 * kMB; bytes += kMB) {
    copies.come(bytes, 0);
    copies.now += 2 * TotalProgress::kWindow;
  }
  copies.now -= TotalProgress::kWindow;
  const auto pace = copies.total.pace(copies.now);
  REQUIRE(pace);
  CHECK(pace->rate == Approx(kMB / 30.0).epsilon(0.01));
}

TEST_CASE("a try that begins anew moves its bytes again, and what has ended is there") {
  Copies copies(2, 10 * kMB);
  copies.come(0, 0);
  copies.now += std::chrono::seconds(1);
  copies.come(8 * kMB, 0);
  copies.now += std::chrono::seconds(1);
  copies.come(2 * kMB, 0);
  CHECK(copies.total.bytes() == 4 * kMB);
  CHECK(copies.total.pace(copies.now)->rate == Approx(10 * kMB));
  copies.total.ended(copies.actions.front());
  CHECK(copies.total.bytes() == 12 * kMB);
}

}  // namespace streamsync
