// Documents in a real object store; the cloud is the one that OS_* name.

#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>
#include <variant>

#include "base/error.h"
#include "keystone/keystone_session.h"
#include "swift/swift_target.h"
#include "tests/support/loopback_server.h"

using namespace streamsync;

namespace {

constexpr const char* kIndex = "streams/v1/index.json";
constexpr const char* kProducts = "streams/v1/com.ubuntu.cloud:released:download.json";

std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

std::optional<Credentials> cloud_credentials() {
  testing::start_process();
  auto credentials = credentials_from_environment(variable);
  if (!credentials) WARN("skipped: OS_AUTH_URL is not set");
  return credentials;
}

/// A container of the test's own, gone with it.
class Container {
 public:
  explicit Container(const Credentials& credentials)
      : session(credentials, HttpOptions{}, RetryPolicy{}, {}),
        endpoint(session.endpoint("object-store", credentials.region.value())),
        url(endpoint.append(kName)) {
    remove();
  }
  ~Container() { remove(); }

  SwiftTarget target(const std::string& prefix = "data") {
    return SwiftTarget(session, endpoint, kName, prefix);
  }

  Response send(const std::string& method, const Url& where, Headers headers = {}) {
    return session.send({.method = method, .url = where, .headers = std::move(headers)});
  }

  /// As a consumer reads: without a token.
  Response read_anonymously(const std::string& name) {
    HttpOptions http;
    http.ca_file = session.credentials().ca_file;
    HttpClient client(http, {});
    return client.send({.url = url.append(name), .headers = {}});
  }

  KeystoneSession session;
  Url endpoint, url;

 private:
  static constexpr const char* kName = "swift-test";

  void remove() {
    const auto listing = send("GET", url.with_query("format", "txt"));
    for (const auto name : split(listing.body, '\n')) {
      if (listing.status == 200 && !name.empty()) {
        send("DELETE", url.append(percent_encode_path(name)));
      }
    }
    send("DELETE", url);
  }
};

std::string text_of(const DocumentState& state) {
  return read_all(*std::get<FetchedDocument>(state).bytes.reader(), 1 << 20);
}

}  // namespace

TEST_CASE("a container is made, and everybody may read it", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  Container container(*credentials);
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

TEST_CASE("a document is read when it has changed", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  Container container(*credentials);
  auto target = container.target();
  target.write(kIndex, spool_of("old"));

  const auto state = target.read(kIndex, {});
  CHECK(text_of(state) == "old");
  const Validator known = std::get<FetchedDocument>(state).validator;
  CHECK_FALSE(known.etag.empty());
  CHECK(std::holds_alternative<Unchanged>(target.read(kIndex, known)));

  target.write(kIndex, spool_of("new and longer"));
  CHECK(text_of(target.read(kIndex, known)) == "new and longer");
  CHECK(text_of(target.read(kIndex, {})) == "new and longer");
}

TEST_CASE("a private container is opened, its other grants stay", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  Container container(*credentials);
  const auto made = container.send("PUT", container.url, {{"X-Container-Read", "friends:*"}});
  REQUIRE(made.ok());
  container.target().write(kIndex, spool_of("{}"));

  CHECK(container.read_anonymously("data/streams/v1/index.json").status == 200);
  CHECK(container.send("HEAD", container.url).headers.find("X-Container-Read") ==
        "friends:*,.r:*,.rlistings");
}

TEST_CASE("a large document, and an empty one", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  Container container(*credentials);
  auto target = container.target("a//b/");
  const std::string large(700'000, 'x');
  target.write(kIndex, spool_of(large));
  CHECK(text_of(target.read(kIndex, {})) == large);
  target.write(kIndex, spool_of(""));
  CHECK(text_of(target.read(kIndex, {})).empty());
  CHECK(container.read_anonymously("a/b/streams/v1/index.json").status == 200);
}

TEST_CASE("an account of somebody else", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  Container container(*credentials);
  std::string foreign = container.endpoint.str();
  if (foreign.find(container.session.project_id()) == std::string::npos) {
    WARN("skipped: the account is not in the URL");
    return;
  }
  foreign.replace(foreign.find(container.session.project_id()), std::string::npos,
                  "0123456789abcdef");
  SwiftTarget target(container.session, Url::parse(foreign), "swift-test", "data");
  try {
    target.write(kIndex, spool_of("{}"));
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Denied);
    CHECK(error.origin() == Origin::Target);
  }
}
