#include "sync/freshness.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "tests/unit/base/failure.h"

using namespace streamsync;
using Catch::Contains;

namespace {

const Time kNow = *parse_date("2026-11-20T12:00:00Z");
const std::string kWhere = "http://host/index.sjson";

AcceptedDocument of(std::string_view updated, std::string text = "one") {
  AcceptedDocument document;
  document.updated = parse_date(updated);
  document.sha256 = std::move(text);
  return document;
}

AcceptedDocument signed_at(std::string_view time, std::string text = "one") {
  AcceptedDocument document = of("", std::move(text));
  document.signed_at = parse_date(time);
  return document;
}

template <typename Action>
std::string refusal(Action action) {
  const Error error = failure_of(action);
  CHECK(error.kind() == ErrorKind::Untrusted);
  CHECK(error.origin() == Origin::Source);
  CHECK_THAT(error.what(), Catch::StartsWith(kWhere));
  return error.what();
}

std::string rollback(const AcceptedDocument& found, const AcceptedDocument& last) {
  return rollback_of(found, last).value_or("none");
}

}  // namespace

TEST_CASE("what is newer than the last, or the same, is taken") {
  const auto last = of("2026-11-20T10:00:00Z");
  CHECK_FALSE(rollback_of(last, last));
  CHECK_FALSE(rollback_of(of("2026-11-20T10:00:01Z", "other"), last));
  // The same text needs no date.
  CHECK_FALSE(rollback_of(of(""), of("2026-11-20T10:00:01Z")));
  CHECK_FALSE(rollback_of(of("", "other"), of("")));
  CHECK_FALSE(
      rollback_of(signed_at("2026-11-20T10:00:01Z", "other"), signed_at("2026-11-20T10:00:00Z")));
}

TEST_CASE("what is older than the last is refused") {
  const auto last = of("2026-11-20T10:00:00Z");
  CHECK_THAT(rollback(of("2026-11-20T09:59:59Z", "other"), last),
             Contains("went back") && Contains("2026-11-20T10:00:00Z"));
  CHECK_THAT(rollback(of("", "other"), last), Contains("without a date"));
  CHECK_THAT(rollback(signed_at("2026-11-21T00:00:00Z", "other"), last), Contains("went back"));
  CHECK_THAT(
      rollback(signed_at("2026-11-20T09:00:00Z", "other"), signed_at("2026-11-20T10:00:00Z")),
      Contains("went back"));
}

TEST_CASE("two texts of one date are an alarm") {
  CHECK_THAT(rollback(of("2026-11-20T10:00:00Z", "other"), of("2026-11-20T10:00:00Z")),
             Contains("without a new date"));
}

TEST_CASE("a day in the future is a wrong clock, more is refused") {
  CHECK_NOTHROW(refuse_future(of("2026-11-21T12:00:00Z"), kNow, kWhere));
  CHECK_THAT(refusal([] { refuse_future(of("2026-11-21T12:00:01Z"), kNow, kWhere); }),
             Contains("future"));
  CHECK_NOTHROW(refuse_future(of(""), kNow, kWhere));
}

TEST_CASE("the newest document decides about the age") {
  using std::chrono::hours;
  const AcceptedDocuments documents{{"index i", of("2026-11-01T00:00:00Z")},
                                    {"stream", of("2026-11-20T10:00:00Z")}};
  const auto age = [&](hours limit) { return judge_age(documents, kNow, limit, kWhere); };
  CHECK(judge_age(documents, kNow, std::nullopt, kWhere) == Freshness::Fresh);
  CHECK(age(hours(4)) == Freshness::Fresh);
  CHECK(age(hours(3)) == Freshness::Stale);
  CHECK(age(hours(2)) == Freshness::Stale);
  CHECK_THAT(refusal([&] { age(hours(1)); }), Contains("stale"));
  CHECK_THAT(refusal([] {
               judge_age({{"stream", of("")}}, kNow, hours(1), kWhere);
             }),
             Contains("no date"));
}
