#include "base/http/retry.h"

#include <catch2/catch.hpp>
#include <thread>

#include "tests/unit/base/failure.h"

namespace streamsync {
namespace {

using namespace std::chrono_literals;
using Wait = std::chrono::milliseconds;

Error error_of(ErrorKind kind) { return Error(kind, Origin::Source, "it failed"); }

RetryPolicy without_waits(unsigned attempts) { return {.attempts = attempts, .max_wait = 0s}; }

TEST_CASE("only what may pass is worth another attempt") {
  const auto [kind, expected] = GENERATE(table<ErrorKind, bool>({
      {ErrorKind::Transient, true},
      {ErrorKind::RateLimited, true},
      {ErrorKind::NotFound, false},
      {ErrorKind::Denied, false},
      {ErrorKind::Conflict, false},
      {ErrorKind::Corrupt, false},
      {ErrorKind::Untrusted, false},
      {ErrorKind::Malformed, false},
      {ErrorKind::NoRoom, false},
      {ErrorKind::Guard, false},
      {ErrorKind::Busy, false},
      {ErrorKind::Protocol, false},
      {ErrorKind::Config, false},
  }));
  CAPTURE(to_string(kind));
  CHECK(is_retryable(error_of(kind)) == expected);
}

TEST_CASE("retry_delay: jitter below a ceiling that doubles, Retry-After, and a cap") {
  using Asked = std::optional<std::chrono::seconds>;
  const auto [attempt, asked, random, expected] = GENERATE(table<unsigned, Asked, double, Wait>({
      {1, std::nullopt, 0.0, 0ms},
      {1, std::nullopt, 0.5, 250ms},
      {2, std::nullopt, 0.5, 500ms},
      {3, std::nullopt, 0.5, 1000ms},
      {5, std::nullopt, 0.25, 2000ms},
      {8, std::nullopt, 0.999, 60s},
      {4'000'000'000U, std::nullopt, 0.999, 60s},
      {4'000'000'000U, std::nullopt, 0.0, 0ms},
      {0, std::nullopt, 0.5, 250ms},
      {1, 7s, 0.0, 7s},
      {1, 7s, 0.9, 7s},
      {7, 7s, 0.5, 16s},
      {1, 61s, 0.0, 60s},
      {1, 0s, 0.5, 250ms},
      {1, -5s, 0.5, 250ms},
      {1, std::chrono::seconds::max(), 0.0, 60s},
  }));
  CAPTURE(attempt, random);
  CHECK(retry_delay(attempt, RetryPolicy{}, asked, random) == expected);
}

TEST_CASE("a max_wait of 0 never waits") {
  CHECK(retry_delay(9, without_waits(5), 30s, 0.9) == 0ms);
}

TEST_CASE("retrying ends with the first success") {
  const auto failures = GENERATE(0U, 1U, 4U);
  unsigned calls = 0;
  retrying(without_waits(5), {}, {}, [&] {
    if (calls++ < failures) throw error_of(ErrorKind::Transient);
  });
  CHECK(calls == failures + 1);
}

TEST_CASE("what an inner layer has given up is not started over by an outer one") {
  int tries = 0;
  CHECK_THROWS_AS(retrying(without_waits(3), {}, nullptr,
                           [&] {
                             retrying(without_waits(3), {}, nullptr, [&] {
                               ++tries;
                               throw Error(ErrorKind::Transient, Origin::Target, "down");
                             });
                           }),
                  Error);
  CHECK(tries == 3);
}

TEST_CASE("retrying gives up after so many attempts, with the last error") {
  const auto [attempts, expected] = GENERATE(table<unsigned, unsigned>({{0, 1}, {1, 1}, {5, 5}}));
  unsigned calls = 0;
  const Error error = failure_of([&, most = attempts] {
    retrying(without_waits(most), {}, {}, [&] {
      throw Error(ErrorKind::RateLimited, Origin::Target, "failure " + std::to_string(++calls));
    });
  });
  CHECK(calls == expected);
  CHECK(error.kind() == ErrorKind::RateLimited);
  CHECK(error.origin() == Origin::Target);
  const std::string last = "failure " + std::to_string(expected);
  CHECK(error.what() == (expected == 1 ? last : "given up after 5 attempts: " + last));
}

Error told_to_wait(const std::string& host) {
  return Error(ErrorKind::RateLimited, Origin::Source, "later")
      .with_host(host)
      .with_retry_after(1s);
}

TEST_CASE("who queues at a host that serves others has not used up an attempt") {
  auto policy = without_waits(3);
  const ServedHosts::Answer another(policy.served, "h");
  unsigned calls = 0;
  SECTION("as long as it takes") {
    retrying(policy, {}, {}, [&] {
      if (++calls < 20) throw told_to_wait("h");
    });
    CHECK(calls == 20);
  }
  SECTION("but not at another host") {
    CHECK_THROWS_AS(retrying(policy, {}, {}, [&] { ++calls, throw told_to_wait("other"); }), Error);
    CHECK(calls == 3);
  }
  SECTION("nor when nobody said how long") {
    CHECK_THROWS_AS(
        retrying(policy, {}, {}, [&] { ++calls, throw error_of(ErrorKind::Transient); }), Error);
    CHECK(calls == 3);
  }
  SECTION("nor where there is to be one attempt") {
    policy.attempts = 1;
    CHECK_THROWS_AS(retrying(policy, {}, {}, [&] { ++calls, throw told_to_wait("h"); }), Error);
    CHECK(calls == 1);
  }
}

TEST_CASE("what a host gave before the first attempt is nothing it gives meanwhile") {
  auto policy = without_waits(3);
  { const ServedHosts::Answer before(policy.served, "h"); }
  unsigned calls = 0;
  CHECK_THROWS_AS(retrying(policy, {}, {}, [&] { ++calls, throw told_to_wait("h"); }), Error);
  CHECK(calls == 3);
}

TEST_CASE("retrying lets at once through what can't pass") {
  unsigned calls = 0;
  SECTION("an error of another kind") {
    const Error error = failure_of([&] {
      retrying(without_waits(5), {}, {}, [&] {
        ++calls;
        throw error_of(ErrorKind::Denied);
      });
    });
    CHECK(error.what() == std::string("it failed"));
  }
  SECTION("an end that was asked for") {
    CHECK_THROWS_AS(retrying(without_waits(5), {}, {},
                             [&] {
                               ++calls;
                               throw Cancelled();
                             }),
                    Cancelled);
  }
  CHECK(calls == 1);
}

TEST_CASE("attempts are renewed by each MiB that came") {
  constexpr std::uint64_t kMiB = 1024 * 1024;
  std::uint64_t come = 7;
  unsigned calls = 0;
  std::uint64_t step = kMiB;
  unsigned wanted = 10;
  SECTION("since they began") {}
  SECTION("and by nothing less") {
    step = kMiB / 2 - 1;
    wanted = 2;
  }
  SECTION("and not by what is taken back") {
    step = -(kMiB / 2);
    wanted = 2;
    come = 9 * kMiB;
  }
  const RetryListener listener = [](const Error& error, auto) {
    CHECK(error.what() == std::string("it failed"));  // and is not given up
  };
  const auto run = [&] {
    retrying_while_it_comes(
        without_waits(2), {}, listener, [&] { return come; },
        [&] {
          if (++calls == 10) return;
          come += step;
          throw error_of(ErrorKind::Transient);
        });
  };
  if (wanted == 10) {
    run();
  } else {
    CHECK_THROWS_AS(run(), Error);
  }
  CHECK(calls == wanted);
}

TEST_CASE("the attempts of all rounds are told") {
  constexpr std::uint64_t kEnough = 3 * 1024 * 1024;
  std::uint64_t come = 0;
  const Error error = failure_of([&] {
    retrying_while_it_comes(
        without_waits(2), {}, {}, [&] { return come; },
        [&] {
          if (come < kEnough) come += kEnough / 3;
          throw error_of(ErrorKind::Transient);
        });
  });
  CHECK(error.what() == std::string("given up after 6 attempts: it failed"));
}

TEST_CASE("who has given up is not asked again, though something came") {
  std::uint64_t come = 0;
  unsigned calls = 0;
  CHECK_THROWS_AS(retrying_while_it_comes(
                      without_waits(2), {}, {}, [&] { return come; },
                      [&] {
                        ++calls;
                        come += 4 * 1024 * 1024;
                        auto error = error_of(ErrorKind::Transient);
                        error.give_up();
                        throw error;
                      }),
                  Error);
  CHECK(calls == 1);
}

TEST_CASE("retrying tells its listener each error and wait") {
  std::vector<Wait> waits;
  unsigned calls = 0;
  const RetryListener listener = [&](const Error& error, Wait wait) {
    CHECK(error.what() == std::string("it failed"));
    waits.push_back(wait);
  };
  retrying(without_waits(3), {}, listener, [&] {
    if (++calls < 3) throw error_of(ErrorKind::Transient).with_retry_after(9s);
  });
  CHECK(waits == std::vector<Wait>{0ms, 0ms});
}

TEST_CASE("retrying does not begin a wait that is beyond the budget") {
  RetryPolicy policy;
  policy.budget = 3s;
  unsigned calls = 0;
  CHECK_THROWS_AS(
      retrying(policy, {}, {},
               [&] {
                 ++calls;
                 throw error_of(ErrorKind::RateLimited).with_retry_after(4s).with_host("one");
               }),
      Error);
  CHECK(calls == 1);
}

TEST_CASE("a host is waited for as long as the budget lets it, by whomever") {
  WaitsPerHost waits;
  const WaitsPerHost::Clock::time_point begin{};
  CHECK(waits.add("one", begin, 2s, 3s));
  CHECK(waits.add("one", begin + 1s, 1s, 3s));  // meanwhile
  CHECK(waits.add("one", begin + 1s, 2s, 3s));  // a second longer
  CHECK_FALSE(waits.add("one", begin + 3s, 1ms, 3s));
  CHECK(waits.add("one", begin + 1s, 1s, 3s));
  CHECK(waits.add("other", begin + 3s, 3s, 3s));
  CHECK_FALSE(waits.add("another", begin, 4s, 3s));
}

TEST_CASE("a policy listens where nobody else does") {
  unsigned heard = 0, heard_here = 0;
  RetryPolicy policy{.attempts = 2, .max_wait = 0s};
  policy.on_retry = [&heard](const Error&, auto) { ++heard; };
  const RetryListener here = [&heard_here](const Error&, auto) { ++heard_here; };
  const auto fail = [] { throw error_of(ErrorKind::Transient); };
  CHECK_THROWS_AS(retrying(policy, {}, nullptr, fail), Error);
  CHECK((heard == 1 && heard_here == 0));
  CHECK_THROWS_AS(retrying(policy, {}, here, fail), Error);
  CHECK((heard == 1 && heard_here == 1));
}

TEST_CASE("copies of a policy count together") {
  const RetryPolicy policy = {.budget = 3s};
  const RetryPolicy copy = policy;
  const auto error = error_of(ErrorKind::RateLimited).with_retry_after(3s).with_host("one");
  CHECK(next_wait(1, policy, error));
  CHECK_FALSE(
      next_wait(1, copy, error_of(ErrorKind::RateLimited).with_retry_after(60s).with_host("one")));
  CHECK(next_wait(1, RetryPolicy{.budget = 60s}, error));
  CHECK(next_wait(1, copy, error_of(ErrorKind::RateLimited).with_retry_after(60s)));
}

TEST_CASE("who is given up because its waits are used up is named") {
  const RetryPolicy policy = {.budget = 0s};
  const Error error = failure_of([&] {
    retrying(policy, {}, {}, [] {
      throw error_of(ErrorKind::RateLimited).with_retry_after(1s).with_host("mirror.example");
    });
  });
  CHECK_THAT(error.what(), Catch::Contains("mirror.example") && Catch::Contains("retries.budget"));
  CHECK(error.is_given_up());
}

TEST_CASE("a stop request ends the wait") {
  std::stop_source stop;
  SECTION("before it begins") {
    stop.request_stop();
    CHECK_THROWS_AS(wait_for(1h, stop.get_token()), Cancelled);
    CHECK_THROWS_AS(wait_for(0ms, stop.get_token()), Cancelled);
  }
  SECTION("while it lasts") {
    std::jthread other([&] { stop.request_stop(); });
    CHECK_THROWS_AS(wait_for(1h, stop.get_token()), Cancelled);
  }
  SECTION("between attempts, which then are no more") {
    unsigned calls = 0;
    CHECK_THROWS_AS(retrying(RetryPolicy{}, stop.get_token(), {},
                             [&] {
                               ++calls;
                               stop.request_stop();
                               throw error_of(ErrorKind::Transient).with_retry_after(60s);
                             }),
                    Cancelled);
    CHECK(calls == 1);
  }
}

TEST_CASE("without a stop request the wait ends by itself") {
  CHECK_NOTHROW(wait_for(1ms, std::stop_source().get_token()));
  CHECK_NOTHROW(wait_for(0ms, {}));
}

}  // namespace
}  // namespace streamsync
