#include "glance/usage_json.h"

#include <catch2/catch.hpp>

#include "base/error.h"

namespace streamsync {
namespace {

template <typename Action>
void check_refused(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Protocol);
    CHECK(error.origin() == Origin::Target);
    return;
  }
  FAIL("no error");
}

}  // namespace

TEST_CASE("the first server of a page") {
  CHECK(read_first_server(R"({"servers": []})") == std::nullopt);
  CHECK(read_first_server(R"({"servers": [{"id": "s1", "status": "ERROR"}, {"id": "s2"}],
                              "servers_links": [{"rel": "next", "href": "http://n/"}]})") == "s1");
}

TEST_CASE("volumes, and what they were made from") {
  const auto page = read_volume_page(R"({"volumes": [
    {"id": "v1", "os-vol-tenant-attr:tenant_id": "p1",
     "volume_image_metadata": {"image_id": "i1", "image_name": "focal"}},
    {"id": "v2", "bootable": "false"}],
    "volumes_links": [{"rel": "next", "href": "http://cinder/v3/p1/volumes/detail?marker=v2"}]})");
  REQUIRE(page.volumes.size() == 2);
  CHECK(page.volumes[0].id == "v1");
  CHECK(page.volumes[0].image == "i1");
  CHECK(page.volumes[0].project == "p1");
  CHECK(page.volumes[1].image.empty());
  CHECK(page.volumes[1].project.empty());
  CHECK_FALSE(page.is_last);
}

TEST_CASE("the last page names no next one, or has nothing") {
  CHECK(read_volume_page(R"({"volumes": [{"id": "v1"}]})").is_last);
  CHECK(read_volume_page(R"({"volumes": [{"id": "v1"}], "volumes_links": [{"rel": "self"}]})")
            .is_last);
  CHECK(read_volume_page(R"({"volumes": [], "volumes_links": [{"rel": "next"}]})").is_last);
}

TEST_CASE("what is no list of servers or volumes is refused") {
  const auto* const text =
      GENERATE("", "no", "[]", "{}", R"({"servers": {}, "volumes": {}})",
               R"({"servers": [1], "volumes": [1]})", R"({"servers": [{}], "volumes": [{}]})",
               R"({"servers": [{"id": 7}], "volumes": [{"id": 7}]})");
  CAPTURE(text);
  check_refused([&] { read_first_server(text); });
  check_refused([&] { read_volume_page(text); });
}

}  // namespace streamsync
