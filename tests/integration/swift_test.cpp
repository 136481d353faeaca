// Documents in a real object store; the cloud is the one that OS_* name.

#include <catch2/catch.hpp>
#include <string>
#include <variant>

#include "base/error.h"
#include "tests/support/public_container.h"

using namespace streamsync;

namespace {

using streamsync::testing::cloud_credentials;
using streamsync::testing::PublicContainer;

constexpr const char* kIndex = "streams/v1/index.json";
constexpr const char* kProducts = "streams/v1/com.ubuntu.cloud:released:download.json";

}  // namespace

TEST_CASE("a container is made, and everybody may read it", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  PublicContainer container(*credentials);
  auto target = container.target();
  CHECK(std::holds_alternative<Absent>(target.read(kIndex, {})));

  target.write(kIndex, spool_of("{\"index\": {}}"));
  target.write(kProducts, spool_of("{}"));

  const auto index = container.read_anonymously("data/streams/v1/index.json");
  CHECK(index.status == 200);
  CHECK(index.body == "{\"index\": {}}");
  CHECK(index.headers.find("Content-Type") == "application/json");
  CHECK(container.read_anonymously("data/streams/v1/com.ubuntu.cloud:released:download.json")
            .status == 200);
  // Juju takes 404 for "try the next name", and 403 for the end.
  CHECK(container.read_anonymously("data/streams/v1/index2.json").status == 404);
  CHECK(container.read_anonymously("?format=json").status == 200);
}

TEST_CASE("a private container is opened, its other grants stay", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  PublicContainer container(*credentials);
  const auto made = container.send("PUT", container.url, {{"X-Container-Read", "friends:*"}});
  REQUIRE(made.ok());
  container.target().write(kIndex, spool_of("{}"));

  CHECK(container.read_anonymously("data/streams/v1/index.json").status == 200);
  CHECK(container.send("HEAD", container.url).headers.find("X-Container-Read") ==
        "friends:*,.r:*,.rlistings");
}

TEST_CASE("a prefix is written as RADOS Gateway takes it", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  PublicContainer container(*credentials);
  container.target("a//b/").write(kIndex, spool_of("{}"));
  CHECK(container.read_anonymously("a/b/streams/v1/index.json").status == 200);
}

TEST_CASE("an account of somebody else", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  PublicContainer container(*credentials);
  std::string foreign = container.endpoint.str();
  if (foreign.find(container.session.project_id()) == std::string::npos) {
    WARN("skipped: the account is not in the URL");
    return;
  }
  foreign.replace(foreign.find(container.session.project_id()), std::string::npos,
                  "0123456789abcdef");
  ObjectDocuments target(
      std::make_shared<SwiftStore>(container.session, Url::parse(foreign), "swift-test"), "data");
  try {
    target.write(kIndex, spool_of("{}"));
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Denied);
    CHECK(error.origin() == Origin::Target);
  }
}
