#include "sync/object_place.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace streamsync;

TEST_CASE("a container or bucket, and a prefix") {
  const auto check = [](std::string_view text, ObjectService service, std::string_view container,
                        std::string_view prefix) {
    CAPTURE(text);
    const auto place = ObjectPlace::parse(text);
    REQUIRE(place);
    CHECK(place->service == service);
    CHECK(place->container == container);
    CHECK(place->prefix == prefix);
    CHECK(ObjectPlace::parse(place->str())->str() == place->str());
  };
  check("swift:simplestreams/data", ObjectService::Swift, "simplestreams", "data");
  check("s3:images", ObjectService::S3, "images", "");
  check("s3:images/", ObjectService::S3, "images", "");
  check("s3:images/a/b//", ObjectService::S3, "images", "a/b");
  check("s3:tenant:images/a", ObjectService::S3, "tenant:images", "a");
}

TEST_CASE("directories and Glance are no object stores") {
  for (const char* text :
       {"", "glance", "dir:s3:images", "/srv/images", "./swift:x", "S3:images"}) {
    CAPTURE(text);
    CHECK_FALSE(ObjectPlace::parse(text));
  }
}

TEST_CASE("a store needs a container") {
  for (const char* text : {"s3:", "s3:/data", "swift:", "swift://"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(ObjectPlace::parse(text), Error);
  }
}

TEST_CASE("no part of a place leads elsewhere") {
  for (const char* text : {"swift:bad/../victim", "swift:bad/a/..", "swift:bad/./a", "s3:bad/.",
                           "swift:bad//a", "s3:bad/a//b", "swift:../a", "s3:."}) {
    CAPTURE(text);
    CHECK_THROWS_AS(ObjectPlace::parse(text), Error);
  }
  CHECK(ObjectPlace::parse("swift:a.b/..c/d..")->prefix == "..c/d..");
}
