#include "glance/latest_images.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "glance/image_properties.h"

namespace streamsync {
namespace {

using Ids = std::vector<std::string>;

Held held(const std::string& id, const std::string& version, const std::string& item = "disk1.img",
          const std::string& arch = "amd64", const std::string& stream = "released") {
  return {{{stream, "focal:" + arch, version, item},
           {{"version", "20.04"}, {"arch", arch}, {"ftype", item}},
           std::nullopt},
          id,
          "name-" + id,
          HeldState::Present,
          10};
}

Image image(const Held& held, const std::string& latest = "") {
  Image image;
  image.id = held.placement;
  image.properties = image_properties(held.item, {});
  if (!latest.empty()) image.properties.emplace("latest", latest);
  return image;
}

std::map<std::string, Image> by_id(const std::vector<Image>& images) {
  std::map<std::string, Image> listed;
  for (const auto& one : images) listed.emplace(one.id, one);
  return listed;
}

}  // namespace

TEST_CASE("the newest of each architecture is marked, whether it was there or not") {
  const std::vector<Held> shown{held("a", "1"), held("b", "2"),
                                held("c", "1", "disk1.img", "arm64")};
  const auto changes = latest_changes(shown, by_id({image(shown[0]), image(shown[2])}));
  CHECK(changes.set == Ids{"c", "b"});
  CHECK(changes.clear.empty());
}

TEST_CASE("the mark is taken from those that are not the newest any more, shown or not") {
  const std::vector<Held> shown{held("b", "2"), held("c", "3")};
  const auto listed = by_id({image(held("a", "1"), "true"), image(shown[0], "true")});
  const auto changes = latest_changes(shown, listed);
  CHECK(changes.set == Ids{"c"});
  CHECK(changes.clear == Ids{"a", "b"});
}

TEST_CASE("what is marked as it should be is left alone") {
  const std::vector<Held> shown{held("a", "1"), held("b", "2")};
  const auto changes = latest_changes(shown, by_id({image(shown[0]), image(shown[1], "true")}));
  CHECK(changes.set.empty());
  CHECK(changes.clear.empty());
}

TEST_CASE("a mark stays where nothing takes its place") {
  const auto changes = latest_changes({}, by_id({image(held("a", "1"), "true")}));
  CHECK(changes.clear.empty());
}

TEST_CASE("protected images keep what they have") {
  const std::vector<Held> shown{held("a", "1"), held("b", "2")};
  auto listed = by_id({image(shown[0], "true"), image(shown[1])});
  for (auto& [id, one] : listed) one.is_protected = true;
  const auto changes = latest_changes(shown, listed);
  CHECK(changes.set.empty());
  CHECK(changes.clear.empty());
}

TEST_CASE("the mark stays on an older image where the newest one is protected") {
  const std::vector<Held> shown{held("a", "1"), held("b", "2")};
  auto listed = by_id({image(shown[0], "true"), image(shown[1])});
  listed.at("b").is_protected = true;
  const auto changes = latest_changes(shown, listed);
  CHECK(changes.set.empty());
  CHECK(changes.clear.empty());
}

TEST_CASE("of several newest images each run marks the same") {
  std::vector<Held> shown{held("a", "1", "squashfs"), held("b", "1", "uefi1.img"),
                          held("c", "1", "disk1.img", "amd64", "daily"), held("d", "1")};
  const auto by_placement = [](const Held& one, const Held& other) {
    return one.placement < other.placement;
  };
  do {
    CHECK(latest_changes(shown, {}).set == Ids{"d"});
  } while (std::next_permutation(shown.begin(), shown.end(), by_placement));
}

}  // namespace streamsync
