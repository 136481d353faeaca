#include "filters/retention.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

using namespace streamsync;

namespace {

using Names = std::set<std::string, std::less<>>;
using List = std::vector<std::string>;

struct Vector {
  Names source;
  Names target;
  std::optional<std::size_t> max;
  bool keep;
  List add;
  List remove;
};

}  // namespace

TEST_CASE("Versions are resolved as the specification's vectors say") {
  // upstream-gss.md §2.3. Versions are text, so that its numbers have two digits here.
  const Vector vector = GENERATE(values<Vector>({
      {{"10", "09", "08"}, {"07", "06", "05"}, {}, false, {"10", "09", "08"}, {"05", "06", "07"}},
      {{"10", "09", "08"}, {"07", "06", "05"}, 2, false, {"10", "09"}, {"05", "06", "07"}},
      {{"10", "09", "08"}, {"07", "06", "05"}, 4, true, {"10", "09", "08"}, {"05", "06"}},
      {{"3"}, {"3", "2", "1"}, 3, true, {}, {}},
      {{"3"}, {"3", "2", "1"}, 2, false, {}, {"1", "2"}},
      {{}, {"3", "2", "1"}, 3, true, {}, {}},
      {{}, {"3", "2", "1"}, {}, false, {}, {"1", "2", "3"}},
      {{"2", "1"}, {"2", "1"}, 1, false, {}, {"1"}},
      {{"1", "2", "3", "4"}, {"4"}, 1, false, {}, {}},
      {{"9", "5", "8", "4", "7", "3", "6", "2", "1"},
       {"9", "8", "7", "6", "5"},
       4,
       false,
       {},
       {"5"}},
      {{"20121026.1", "20120328", "20121001"},
       {"20121026.1", "20120328", "20121001"},
       2,
       false,
       {},
       {"20120328"}},
      // Ours: upstream would put 2 in the place of 3.
      {{"1", "2"}, {"3"}, 1, true, {}, {}},
      {{"3"}, {"1", "2"}, 2, true, {"3"}, {"1"}},
      {{"9", "10"}, {}, 1, true, {"9"}, {}},
  }));
  CAPTURE(vector.source, vector.target, vector.max, vector.keep);
  const Retention retention = retain(vector.source, vector.target, {vector.max, vector.keep});
  REQUIRE(retention.add == vector.add);
  REQUIRE(retention.remove == vector.remove);
}

TEST_CASE("Without max, keep says nothing") {
  const Retention retention = retain({"2"}, {"1", "3"}, {std::nullopt, true});
  REQUIRE(retention.add == List{"2"});
  REQUIRE(retention.remove == List{"1", "3"});
  REQUIRE(retention.wanted == Names{"2"});
}

TEST_CASE("A max of 0 wants nothing") {
  const Retention retention = retain({"2"}, {"1"}, {0, GENERATE(true, false)});
  REQUIRE(retention.add.empty());
  REQUIRE(retention.remove == List{"1"});
  REQUIRE(retention.wanted.empty());
}

TEST_CASE("Versions sort by bytes") {
  const Retention retention = retain({"20240101.10", "20240101.2"}, {}, {1, true});
  REQUIRE(retention.add == List{"20240101.2"});
}

TEST_CASE("Any resolution keeps its promises") {
  std::mt19937 random(7);
  for (int round = 0; round != 3000; ++round) {
    Names source;
    Names target;
    for (char name = 'a'; name != 'i'; ++name) {
      if (random() % 2 == 0) source.insert({name});
      if (random() % 2 == 0) target.insert({name});
    }
    RetentionPolicy policy;
    if (random() % 4 != 0) policy.max = random() % 6;
    policy.keep = random() % 2 == 0;
    CAPTURE(source, target, policy.max, policy.keep);
    const Retention retention = retain(source, target, policy);

    Names after = target;
    for (const auto& version : retention.add) REQUIRE(after.insert(version).second);
    for (const auto& version : retention.remove) REQUIRE(after.erase(version) == 1);
    REQUIRE(after == retention.wanted);
    REQUIRE((!policy.max || after.size() <= *policy.max));
    REQUIRE(std::is_sorted(retention.add.rbegin(), retention.add.rend()));
    REQUIRE(std::is_sorted(retention.remove.begin(), retention.remove.end()));
    for (const auto& version : retention.add) REQUIRE(source.contains(version));
    // Once done, there is nothing left to do.
    const Retention again = retain(source, after, policy);
    REQUIRE((again.add.empty() && again.remove.empty()));
    // With `keep` the newest never goes for an older one.
    if (policy.keep && policy.max.value_or(0) > 0 && !target.empty()) {
      REQUIRE(*after.rbegin() >= *target.rbegin());
    }
  }
}
