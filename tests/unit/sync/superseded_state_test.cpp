#include "sync/superseded_state.h"

#include <catch2/catch.hpp>

#include "base/error.h"

namespace streamsync {
namespace {

Time at(const char* text) { return *parse_date(text); }

}  // namespace

TEST_CASE("what is superseded is kept with its time, for each destination") {
  SupersededState state;
  const Leaving leaving{{"id-1", at("2026-11-20T01:02:03Z")},
                        {"a/b.img", at("2026-11-21T00:00:00Z")}};
  CHECK(state.replace("glance RegionOne", leaving));
  CHECK(state.replace("tree", {{"c", at("2026-11-21T00:00:00Z")}}));
  const auto read = SupersededState::parse(state.str(), "superseded.json");
  CHECK(read.of("glance RegionOne") == leaving);
  CHECK(read.of("tree").size() == 1);
  CHECK(read.of("elsewhere").empty());
  CHECK(read.str() == state.str());
}

TEST_CASE("the same again is no news, and what has gone leaves no trace") {
  SupersededState state;
  CHECK_FALSE(state.replace("tree", {}));
  const auto empty = state.str();
  CHECK(state.replace("tree", {{"c", at("2026-11-21T00:00:00Z")}}));
  CHECK_FALSE(state.replace("tree", {{"c", at("2026-11-21T00:00:00Z")}}));
  CHECK(state.replace("tree", {{"c", at("2026-11-21T00:00:01Z")}}));
  CHECK(state.replace("tree", {}));
  CHECK(state.str() == empty);
}

TEST_CASE("a damaged state of what is superseded is told from an empty one") {
  const auto* const text = GENERATE("", "{}", R"({"schema":"streamsync.superseded/2"})",
                                    R"({"schema":"streamsync.superseded/1","destinations":[]})",
                                    R"({"schema":"streamsync.superseded/1",
                                        "destinations":{"tree":{"c":"yesterday"}}})");
  CAPTURE(text);
  CHECK_THROWS_AS(SupersededState::parse(text, "superseded.json"), Error);
}

}  // namespace streamsync
