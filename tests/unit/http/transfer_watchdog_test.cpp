#include "base/http/transfer_watchdog.h"

#include <catch2/catch.hpp>

namespace streamsync {
namespace {

using namespace std::chrono_literals;
using Verdict = TransferWatchdog::Verdict;
using Phase = TransferPhase;

const HttpTimeouts kTimeouts{.connect = 10s, .first_byte = 30s, .stall = 60s};

TEST_CASE("connecting is watched by libcurl") {
  TransferWatchdog watchdog(kTimeouts);
  CHECK(watchdog.check(0s, {Phase::Connecting, 0}) == Verdict::Alive);
  CHECK(watchdog.check(1h, {Phase::Connecting, 0}) == Verdict::Alive);
}

TEST_CASE("the wait for an answer begins when the request is out") {
  TransferWatchdog watchdog(kTimeouts);
  CHECK(watchdog.check(9s, {Phase::Connecting, 0}) == Verdict::Alive);
  CHECK(watchdog.check(10s, {Phase::AwaitingAnswer, 200}) == Verdict::Alive);
  CHECK(watchdog.check(39s, {Phase::AwaitingAnswer, 200}) == Verdict::Alive);
  CHECK(watchdog.check(40s, {Phase::AwaitingAnswer, 200}) == Verdict::NoAnswer);
}

TEST_CASE("a request that still goes out is not awaited yet") {
  TransferWatchdog watchdog(kTimeouts);
  watchdog.check(0s, {Phase::AwaitingAnswer, 200});
  CHECK(watchdog.check(29s, {Phase::AwaitingAnswer, 201}) == Verdict::Alive);
  CHECK(watchdog.check(58s, {Phase::AwaitingAnswer, 201}) == Verdict::Alive);
  CHECK(watchdog.check(59s, {Phase::AwaitingAnswer, 201}) == Verdict::NoAnswer);
}

TEST_CASE("each answer of a chain of redirects has its own time") {
  TransferWatchdog watchdog(kTimeouts);
  watchdog.check(0s, {Phase::AwaitingAnswer, 200});
  CHECK(watchdog.check(20s, {Phase::Moving, 500}) == Verdict::Alive);
  CHECK(watchdog.check(20s, {Phase::AwaitingAnswer, 700}) == Verdict::Alive);
  CHECK(watchdog.check(49s, {Phase::AwaitingAnswer, 700}) == Verdict::Alive);
  CHECK(watchdog.check(50s, {Phase::AwaitingAnswer, 700}) == Verdict::NoAnswer);
}

TEST_CASE("a body may pause for less than the stall time") {
  TransferWatchdog watchdog(kTimeouts);
  watchdog.check(0s, {Phase::Moving, 0});
  CHECK(watchdog.check(1s, {Phase::Moving, 1'000'000}) == Verdict::Alive);
  CHECK(watchdog.check(60s, {Phase::Moving, 1'000'000}) == Verdict::Alive);
  CHECK(watchdog.check(61s, {Phase::Moving, 1'000'000}) == Verdict::Stalled);
}

TEST_CASE("a trickle is a stall") {
  const auto [bytes_per_second, expected] = GENERATE(table<std::uint64_t, Verdict>({
      {1, Verdict::Stalled},
      {1023, Verdict::Stalled},
      {1024, Verdict::Alive},
      {100'000, Verdict::Alive},
  }));
  CAPTURE(bytes_per_second);
  TransferWatchdog watchdog(kTimeouts);
  Verdict verdict = Verdict::Alive;
  for (unsigned second = 0; second <= 300 && verdict == Verdict::Alive; ++second) {
    verdict =
        watchdog.check(std::chrono::seconds(second), {Phase::Moving, second * bytes_per_second});
  }
  CHECK(verdict == expected);
}

TEST_CASE("checks in quick succession excuse no trickle") {
  TransferWatchdog watchdog(kTimeouts);
  watchdog.check(0s, {Phase::Moving, 0});
  Verdict verdict = Verdict::Alive;
  for (unsigned tick = 1; tick <= 100 * 10 && verdict == Verdict::Alive; ++tick) {
    // One byte a second, seen a tenth of a second after the check before.
    verdict = watchdog.check(tick * 100ms, {Phase::Moving, tick / 10});
  }
  CHECK(verdict == Verdict::Stalled);
}

}  // namespace
}  // namespace streamsync
