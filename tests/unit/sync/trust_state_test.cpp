#include "sync/trust_state.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "sync/ledger.h"
#include "tests/unit/base/failure.h"
#include "tests/unit/base/temporary_directory.h"

using namespace streamsync;

namespace {

const AcceptedDocument kSigned{parse_date("2026-11-20T10:00:00Z"),
                               parse_date("2026-11-20T10:00:05Z"),
                               "abc",
                               {"FIRST", "SECOND"}};
const AcceptedDocument kUnsigned{std::nullopt, std::nullopt, "def", {}};
const std::string kIndex = stream_of_index(RelativePath::parse("streams/v1/index.sjson"));

}  // namespace

TEST_CASE("a trust state reads back as it was written") {
  TrustState state;
  CHECK(state.accept("http://host/", {{"a", kSigned}, {kIndex, kUnsigned}}));
  CHECK(state.accept("http://other/", {{"a", kUnsigned}}));
  const TrustState again = TrustState::parse(state.str(), "trust.json");
  CHECK(again.str() == state.str());
  CHECK(again.of("http://host/").at("a") == kSigned);
  CHECK(again.of("http://other/").at("a") == kUnsigned);
  CHECK(again.of("http://host/other").empty());
}

TEST_CASE("only news change a trust state") {
  TrustState state;
  CHECK(state.accept("s", {{"a", kSigned}, {"b", kSigned}}));
  CHECK_FALSE(state.accept("s", {{"a", kSigned}}));
  AcceptedDocument signed_again = kSigned;
  signed_again.signed_at = parse_date("2026-11-20T11:00:00Z");
  CHECK(state.accept("s", {{"a", signed_again}}));
  CHECK_FALSE(state.accept("s", {{"a", kSigned}}));
  CHECK(state.of("s").at("a") == signed_again);
  CHECK(state.of("s").at("b") == kSigned);
}

TEST_CASE("what a source was is told by its documents") {
  CHECK(content_ids_of({{"a", kSigned}, {kIndex, kSigned}}) == std::set<std::string>{"a"});
  CHECK(was_signed({{"a", kUnsigned}, {"b", kSigned}}));
  CHECK_FALSE(was_signed({{"a", kUnsigned}}));
  CHECK_FALSE(was_signed({}));
}

TEST_CASE("a damaged trust state is no first run") {
  TrustState state;
  state.accept("s", {{"a", kSigned}});
  const std::string good = state.str();
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("[]"), good.substr(0, good.size() / 2),
        good + "x", std::string(R"({"schema": "streamsync.trust/2", "sources": {}})"),
        std::string(R"({"schema": "streamsync.trust/1", "sources": {"s": {"a": {}}}})")}) {
    CAPTURE(text);
    const Error error = failure_of([&] { TrustState::parse(text, "state/trust.json"); });
    CHECK(error.kind() == ErrorKind::Config);
    CHECK_THAT(error.what(), Catch::StartsWith("state/trust.json: "));
  }
}

TEST_CASE("a ledger keeps what it was given, in order") {
  const TemporaryDirectory place;
  const RootDirectory directory(place.path(), 0700);
  Ledger ledger(directory);
  CHECK(ledger.read().empty());
  const LedgerEntry first{*parse_date("2026-11-20T12:00:00Z"),
                          "releases",
                          "http://host/",
                          "a",
                          kSigned,
                          "a \"reason\"\n",
                          std::nullopt};
  const LedgerEntry second{*parse_date("2026-11-20T13:00:00Z"),
                           "releases",
                           "http://host/",
                           kIndex,
                           kUnsigned,
                           std::nullopt,
                           "moved"};
  ledger.append({first});
  ledger.append({second, first});
  const auto read = ledger.read();
  REQUIRE(read.size() == 3);
  CHECK(to_json(read[0]) == to_json(first));
  CHECK(to_json(read[1]) == to_json(second));
  CHECK(read[0].document == kSigned);
  CHECK(read[0].accept_rollback == "a \"reason\"\n");
}

TEST_CASE("damage in the middle of a ledger is told with its line") {
  const TemporaryDirectory place;
  const RootDirectory directory(place.path(), 0700);
  directory.append_lines("ledger.jsonl", "{\"time\": 5}\n");
  const Error error = failure_of([&] { Ledger(directory).read(); });
  CHECK(error.kind() == ErrorKind::Config);
  CHECK_THAT(error.what(), Catch::Contains("ledger.jsonl:1: "));
}
