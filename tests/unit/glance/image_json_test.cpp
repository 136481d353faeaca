#include "glance/image_json.h"

#include <catch2/catch.hpp>

#include "base/error.h"

namespace streamsync {
namespace {

// As Glance 25.1 answers, shortened.
const char* const kActive = R"({
  "id": "20e46835-8354-8400-8d5d-12e382cccc61", "name": "auto-sync/x", "status": "active",
  "visibility": "private", "owner": "p1", "disk_format": "qcow2", "container_format": "bare",
  "checksum": "5d41402abc4b2a76b9719d911017c592", "os_hash_algo": "sha512", "os_hash_value": "ab",
  "os_hidden": true, "protected": false, "size": 5368709122, "virtual_size": null,
  "min_disk": 0, "tags": ["a"], "created_at": "2026-11-20T01:02:03Z",
  "updated_at": "2026-11-20T01:02:04Z", "content_id": "auto.sync", "os_distro": "ubuntu"})";

const char* const kQueued = R"({"id": "q", "status": "queued", "checksum": null, "size": null,
  "os_hash_algo": null, "os_hash_value": null, "os_hidden": false, "protected": true,
  "name": null})";

}  // namespace

TEST_CASE("an image is read") {
  const Image image = read_image(kActive);
  CHECK(image.id == "20e46835-8354-8400-8d5d-12e382cccc61");
  CHECK(image.name == "auto-sync/x");
  CHECK(image.status == "active");
  CHECK(image.visibility == "private");
  CHECK(image.owner == "p1");
  CHECK(image.disk_format == "qcow2");
  CHECK(image.container_format == "bare");
  CHECK(image.checksum == "5d41402abc4b2a76b9719d911017c592");
  CHECK(image.os_hash_algo == "sha512");
  CHECK(image.os_hash_value == "ab");
  CHECK(image.os_hidden);
  CHECK_FALSE(image.is_protected);
  CHECK(image.size == 5368709122);
  REQUIRE(image.created_at);
  REQUIRE(image.updated_at);
  CHECK(*image.updated_at - *image.created_at == std::chrono::seconds(1));
  CHECK(image.properties == Tags{{"content_id", "auto.sync"}, {"os_distro", "ubuntu"}});
}

TEST_CASE("a value is found by the name that sets it") {
  const Image image = read_image(kActive);
  const auto [name, value] = GENERATE(table<const char*, const char*>({
      {"id", "20e46835-8354-8400-8d5d-12e382cccc61"},
      {"name", "auto-sync/x"},
      {"visibility", "private"},
      {"disk_format", "qcow2"},
      {"container_format", "bare"},
      {"os_hidden", "true"},
      {"protected", "false"},
      {"content_id", "auto.sync"},
  }));
  CAPTURE(name);
  CHECK(value_of(image, name) == value);
  CHECK_FALSE(value_of(image, "content_ie"));
}

TEST_CASE("an image without data is read") {
  const Image image = read_image(kQueued);
  CHECK(image.checksum.empty());
  CHECK(image.os_hash_value.empty());
  CHECK(image.size == 0);
  CHECK_FALSE(image.os_hidden);
  CHECK(image.is_protected);
}

TEST_CASE("pages are read") {
  const std::string image = kQueued;
  const ImagePage page = read_image_page(R"({"images": [)" + image + "," + image +
                                         R"(], "next": "/v2/images?marker=q"})");
  CHECK(page.images.size() == 2);
  CHECK(page.next == "/v2/images?marker=q");
  CHECK(read_image_page(R"({"images": []})").next.empty());
}

TEST_CASE("what is no answer of the image service is refused") {
  const auto* text = GENERATE("", "<html>", "[]", "{}", R"({"images": 1})", R"({"images": [1]})",
                              R"({"images": [{"name": "no id"}]})");
  try {
    read_image_page(text);
    FAIL("accepted: " << text);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Protocol);
    CHECK(error.origin() == Origin::Target);
  }
  CHECK_THROWS_AS(read_image("{}"), Error);
}

TEST_CASE("body of a create request") {
  CHECK(image_body({{"name", "a\"b"}, {"os_hidden", "true"}, {"protected", "false"}},
                   {{"content_id", "auto.sync"}}) ==
        R"({"name":"a\"b","os_hidden":true,"protected":false,"content_id":"auto.sync"})");
}

TEST_CASE("a property can't stand in for a member") {
  CHECK(image_body({{"visibility", "private"}}, {{"visibility", "public"}, {"x", "1"}}) ==
        R"({"visibility":"private","x":"1"})");
}

TEST_CASE("patch") {
  CHECK(image_patch({{"visibility", "public"}, {"os_hidden", "false"}}) ==
        R"([{"op":"add","path":"/os_hidden","value":false},)"
        R"({"op":"add","path":"/visibility","value":"public"}])");
  // The second of two that are the same finds the property gone, and is to succeed.
  CHECK(image_patch({{"os_hidden", "false"}}, {"latest"}) ==
        R"([{"op":"add","path":"/os_hidden","value":false},)"
        R"({"op":"add","path":"/latest","value":""},{"op":"remove","path":"/latest"}])");
  CHECK(image_patch({{"a/b~c", "\""}}) == R"([{"op":"add","path":"/a~1b~0c","value":"\""}])");
}

}  // namespace streamsync
