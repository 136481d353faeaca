#include "glance/derived_image.h"

#include <catch2/catch.hpp>

#include "base/crypto/digest.h"
#include "glance/image_properties.h"

namespace streamsync {
namespace {

constexpr std::string_view kText = "the bytes";

Item promised() {
  return {{"s", "p", "1", "disk1.img"},
          {{"pubname", "ubuntu-focal-1"},
           {"size", std::to_string(kText.size())},
           {"md5", digest_of(DigestAlgorithm::Md5, kText).hex()},
           {"sha256", digest_of(DigestAlgorithm::Sha256, kText).hex()}},
          std::nullopt};
}

/// As upstream's tool leaves it.
Image image() {
  Image image;
  image.id = "3e1f2d3c-0a1b-4c2d-8e3f-40516273849a";
  image.name = "auto-sync/ubuntu-focal-1-disk1.img";
  image.status = "active";
  image.size = kText.size();
  image.checksum = digest_of(DigestAlgorithm::Md5, kText).hex();
  image.properties = image_properties(promised(), ImagePolicy());
  return image;
}

}  // namespace

TEST_CASE("what was made from an image of ours is told from it") {
  auto made = image();
  REQUIRE_FALSE(is_derived(made, promised()));
  SECTION("a snapshot or a backup, also while it is made") {
    made.status = GENERATE("queued", "active");
    const auto property = GENERATE(
        table<std::string, std::string>({{"base_image_ref", ""},
                                         {"block_device_mapping", "[]"},
                                         {"instance_uuid", "5d1f2d3c-0a1b-4c2d-8e3f-40516273849a"},
                                         {"image_type", "snapshot"},
                                         {"image_type", "backup"}}));
    made.properties.insert({std::get<0>(property), std::get<1>(property)});
  }
  SECTION("a volume, by its bytes under a name of its user's") {
    made.name = "golden";
    SECTION("of another size") { made.size += 1; }
    SECTION("changed in place") { made.checksum = digest_of(DigestAlgorithm::Md5, "others").hex(); }
    SECTION("that has not come yet") {
      made.status = "queued";
      made.size = 0;
      made.checksum.clear();
    }
  }
  CHECK(is_derived(made, promised()));
  // Nobody else can have given it that id.
  made.id[14] = '8';
  CHECK_FALSE(is_derived(made, promised()));
}

TEST_CASE("what upstream's tool made stays ours") {
  auto made = image();
  auto item = promised();
  SECTION("converted by Glance") { made.size += 1; }
  SECTION("with a prefix that is no longer that of the configuration") {
    made.name = "older/ubuntu-focal-1-disk1.img";
  }
  SECTION("renamed by the operator") { made.name = "focal"; }
  SECTION("with metadata that is damaged") {
    made.name = "focal";
    item.tags = Tags{};
  }
  SECTION("of another type") { made.properties.emplace("image_type", "base"); }
  CHECK_FALSE(is_derived(made, item));
}

}  // namespace streamsync
