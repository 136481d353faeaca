#include "swift/swift_store.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/crypto/digest.h"
#include "base/error.h"
#include "base/text.h"
#include "objects/object_documents.h"
#include "tests/support/fake_keystone.h"
#include "tests/support/loopback_server.h"

using namespace streamsync;
using streamsync::testing::FakeKeystone;
using streamsync::testing::LoopbackServer;
using streamsync::testing::Received;
using streamsync::testing::Reply;

namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::VectorContains;
using Lines = std::vector<std::string>;

/// As much of Swift as there is of it for one container, with its faults on demand.
class FakeSwift {
 public:
  Reply operator()(const Received& request) {
    if (!refusals.empty() && request.method == "PUT" && request.target != kContainer) {
      const int status = refusals.back();
      refusals.pop_back();
      if (status != 0) return {status, "no"};
    }
    return request.target == kContainer ? container(request) : object(request);
  }

  static constexpr const char* kContainer = "/v1/AUTH_p1/simplestreams";

  bool exists = true;
  std::string read_acl = ".r:*,.rlistings";
  std::map<std::string, std::string> objects;
  std::vector<int> refusals;  ///< of coming PUTs of objects, the last first; 0 lets one pass
  std::string damage;         ///< is added to what is stored
  int to_anyone = 0;          ///< who has no token gets this

 private:
  Reply container(const Received& request) {
    if (request.method == "PUT") {
      exists = true;
      read_acl = request.header("x-container-read");
      return {201};
    }
    if (!exists) return {404};
    if (request.method == "POST") read_acl = request.header("x-container-read");
    return {204, "", {{"X-Container-Read", read_acl}}};
  }

  Reply object(const Received& request) {
    if (to_anyone != 0 && request.header("x-auth-token").empty()) return {to_anyone, "no"};
    if (!exists) return {404};
    const auto etag = [](const std::string& text) {
      return digest_of(DigestAlgorithm::Md5, text).hex();
    };
    if (request.method == "PUT") {
      const std::string promised = request.header("etag");
      if (!promised.empty() && promised != etag(request.body)) return {422};
      objects[request.target] = request.body + damage;
      return {201, "", {{"ETag", etag(objects[request.target])}}};
    }
    const auto found = objects.find(request.target);
    if (request.method == "DELETE") return {objects.erase(request.target) == 1 ? 204 : 404};
    if (found == objects.end()) return {404};
    const std::string tag = etag(found->second);
    if (request.header("if-none-match") == tag) return {304, "", {{"ETag", tag}}};
    return {200, found->second, {{"ETag", tag}, {"Last-Modified", kDate}}};
  }

  static constexpr const char* kDate = "Thu, 01 Jan 2026 00:00:00 GMT";
};

struct Cloud {
  FakeSwift swift;
  FakeKeystone keystone{std::ref(swift)};
  LoopbackServer server{std::ref(keystone)};
  KeystoneSession session;

  Cloud() : session(credentials(), HttpOptions{}, {3, std::chrono::seconds(0)}, {}) {}

  Credentials credentials() const {
    testing::start_process();
    return {.auth_url = Url::parse(server.url() + "/v3"),
            .auth = PasswordAuth{{"u1", "", "", ""}, Secret("hunter2"), {"p1", "", "", ""}},
            .region = std::nullopt,
            .interface = Interface::Public,
            .ca_file = std::nullopt,
            .tls = TlsVerification::Required};
  }

  std::shared_ptr<SwiftStore> store() {
    return std::make_shared<SwiftStore>(session, Url::parse(server.url() + "/v1/AUTH_p1/"),
                                        "simplestreams");
  }

  ObjectDocuments target(const std::string& prefix = "data") { return {store(), prefix}; }

  /// Requests without the login.
  Lines log() const {
    Lines lines = server.log();
    lines.erase(std::remove(lines.begin(), lines.end(), "POST /v3/auth/tokens"), lines.end());
    return lines;
  }
};

constexpr const char* kIndex = "streams/v1/index.json";
constexpr const char* kIndexUrl = "/v1/AUTH_p1/simplestreams/data/streams/v1/index.json";

std::string text_of(const DocumentState& state) {
  return read_all(*std::get<FetchedDocument>(state).bytes.reader(), 1 << 20);
}

Error target_error(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.origin() == Origin::Target);
    return error;
  }
  FAIL("no error");
  return {ErrorKind::Config, Origin::Config, ""};
}

}  // namespace

TEST_CASE("names have no empty segments, which RADOS Gateway refuses") {
  const auto [prefix, described, url] = GENERATE(table<std::string, std::string, std::string>(
      {{"data/", "swift:simplestreams/data", "/v1/auth_p1/simplestreams/data/a%3ab.json"},
       {"/a//b/", "swift:simplestreams/a/b", "/v1/auth_p1/simplestreams/a/b/a%3ab.json"},
       {"", "swift:simplestreams", "/v1/auth_p1/simplestreams/a%3ab.json"}}));
  Cloud cloud;
  auto target = cloud.target(prefix);
  CHECK(target.describe() == described);
  target.read("a:b.json", {});
  CHECK(to_lower_ascii(cloud.server.received().back().target) == url);
}

TEST_CASE("reading") {
  Cloud cloud;
  auto target = cloud.target();

  SECTION("nothing there") {
    CHECK(std::holds_alternative<Absent>(target.read(kIndex, {})));
    cloud.swift.exists = false;
    CHECK(std::holds_alternative<Absent>(target.read(kIndex, {})));
  }
  SECTION("a document, and again when it is still the same") {
    cloud.swift.objects[kIndexUrl] = "{}";
    auto state = target.read(kIndex, {});
    CHECK(text_of(state) == "{}");
    const Validator known = std::get<FetchedDocument>(state).validator;
    CHECK(known.etag == digest_of(DigestAlgorithm::Md5, "{}").hex());
    CHECK(known.last_modified == "Thu, 01 Jan 2026 00:00:00 GMT");

    CHECK(std::holds_alternative<Unchanged>(target.read(kIndex, known)));
    cloud.swift.objects[kIndexUrl] = "[]";
    CHECK(text_of(target.read(kIndex, known)) == "[]");
  }
  SECTION("something of a size that is none of ours") {
    cloud.swift.objects[kIndexUrl] = std::string((64U << 20) + 1, ' ');
    const auto error = target_error([&] { target.read(kIndex, {}); });
    CHECK(error.kind() == ErrorKind::Guard);
    CHECK_THAT(error.what(), Contains("index.json"));
    cloud.swift.objects[kIndexUrl].pop_back();
    CHECK(std::holds_alternative<FetchedDocument>(target.read(kIndex, {})));
  }
  SECTION("the newest copy is asked for") {
    target.read(kIndex, {});
    const auto request = cloud.server.received().back();
    CHECK(request.header("x-newest") == "true");
    CHECK(request.header("if-none-match").empty());
  }
}

TEST_CASE("reading as anyone") {
  Cloud cloud;
  auto target = cloud.target();
  cloud.swift.objects[kIndexUrl] = "{}";

  SECTION("what is there and what is not") {
    CHECK(text_of(target.read_as_anyone(kIndex)) == "{}");
    CHECK(cloud.server.received().back().header("x-auth-token").empty());
    CHECK(std::holds_alternative<Absent>(target.read_as_anyone("streams/v1/index2.json")));
  }
  SECTION("a refusal says what to do") {
    cloud.swift.to_anyone = GENERATE(401, 403);
    const auto error = target_error([&] { target.read_as_anyone(kIndex); });
    CHECK(error.kind() == ErrorKind::Denied);
    CHECK_THAT(error.what(), Contains("without a token answered") && Contains(".r:*,.rlistings"));
  }
  SECTION("any other answer is an error") {
    cloud.swift.to_anyone = 500;
    CHECK(target_error([&] { target.read_as_anyone(kIndex); }).kind() == ErrorKind::Transient);
  }
}

TEST_CASE("writing") {
  Cloud cloud;
  auto target = cloud.target();
  const Spool document = spool_of("{\"a\": 1}");

  SECTION("looks at the container once, and reads back") {
    target.write(kIndex, document);
    target.write(kIndex, document);
    const std::string container = FakeSwift::kContainer;
    const std::string index = kIndexUrl;
    CHECK(cloud.log() == Lines{"HEAD " + container, "PUT " + index, "GET " + index, "PUT " + index,
                               "GET " + index});
    CHECK(cloud.swift.objects[kIndexUrl] == "{\"a\": 1}");
  }
  SECTION("says what it is") {
    const auto type_of = [&](const std::string& path) {
      target.write(path, document);
      const auto requests = cloud.server.received();
      return requests.at(requests.size() - 2).header("content-type");
    };
    CHECK(type_of("a.json") == "application/json");
    CHECK(type_of("a.sjson") == "text/plain; charset=utf-8");
    CHECK(type_of("a.json.gpg") == "text/plain; charset=utf-8");
  }
  SECTION("makes a container that everybody may read") {
    cloud.swift.exists = false;
    target.write(kIndex, document);
    CHECK(cloud.swift.exists);
    CHECK(cloud.swift.read_acl == ".r:*,.rlistings");
  }
  SECTION("makes a container that goes away between two writes") {
    target.write(kIndex, document);
    cloud.swift.exists = false;
    target.write("streams/v1/b.json", document);
    CHECK(cloud.swift.read_acl == ".r:*,.rlistings");
  }
  SECTION("completes the grants of a container and keeps those of others") {
    const auto [before, after] = GENERATE(
        table<std::string, std::string>({{"", ".r:*,.rlistings"},
                                         {".r:*", ".r:*,.rlistings"},
                                         {".rlistings, other:*", ".rlistings,other:*,.r:*"}}));
    cloud.swift.read_acl = before;
    target.write(kIndex, document);
    CHECK(cloud.swift.read_acl == after);
  }
  SECTION("leaves sufficient grants alone") {
    cloud.swift.read_acl = "other:*, .rlistings, .r:*";
    target.write(kIndex, document);
    CHECK_THAT(cloud.log(), !VectorContains("POST " + std::string(FakeSwift::kContainer)));
  }
  SECTION("an empty document") {
    target.write(kIndex, spool_of(""));
    CHECK(cloud.swift.objects.at(kIndexUrl).empty());
  }
}

TEST_CASE("writes that fail at first") {
  Cloud cloud;
  auto target = cloud.target();
  const int status = GENERATE(401, 409, 422, 498, 503);
  cloud.swift.refusals = {status};
  target.write(kIndex, spool_of("{}"));
  CHECK(cloud.swift.objects.at(kIndexUrl) == "{}");
}

TEST_CASE("writes that fail for good") {
  Cloud cloud;
  auto target = cloud.target();

  SECTION("no room") {
    cloud.swift.refusals = {413};
    const auto error = target_error([&] { target.write(kIndex, spool_of("{}")); });
    CHECK(error.kind() == ErrorKind::NoRoom);
    CHECK_THAT(error.what(), Contains("publishing swift:simplestreams/data/streams/v1/index.json"));
  }
  SECTION("always damaged on the way") {
    cloud.swift.refusals = {422, 422, 422};
    CHECK(target_error([&] { target.write(kIndex, spool_of("{}")); }).kind() ==
          ErrorKind::Transient);
  }
  SECTION("other bytes are stored than were sent") {
    cloud.swift.damage = "!";
    const auto error = target_error([&] { target.write(kIndex, spool_of("{}")); });
    CHECK(error.kind() == ErrorKind::Corrupt);
    CHECK_THAT(error.what(), Contains("gives other bytes"));
  }
}

namespace {

const LargeObjectPlace kLarge{"data/a b.img", "data/.data/parts/a b.img/0123", 2, 8, 5};

StoredPart put_part(LargeObject& object, unsigned number, std::string_view text) {
  TextSource source(text);
  return object.put_part(number, source, text.size());
}

}  // namespace

TEST_CASE("a static large object") {
  Cloud cloud;
  auto store = cloud.store();
  const auto object = store->large_object(kLarge);
  CHECK_FALSE(object->part(1));
  const std::vector<StoredPart> parts{put_part(*object, 1, "first"), put_part(*object, 2, "end")};
  const std::string segment = "/v1/AUTH_p1/simplestreams/data/.data/parts/a%20b.img/0123/0000000";
  CHECK(cloud.swift.objects.at(segment + "1") == "first");
  CHECK(object->part(2)->size == 3);
  CHECK(object->part(2)->md5 == digest_of(DigestAlgorithm::Md5, "end"));

  SECTION("its manifest names the segments, and what they are") {
    object->complete(parts);
    const auto request = cloud.server.received().back();
    CHECK(request.target == "/v1/AUTH_p1/simplestreams/data/a%20b.img?multipart-manifest=put");
    CHECK(request.body == R"([{"path":"/simplestreams/data/.data/parts/a b.img/0123/00000001",)"
                          R"("etag":"8b04d5e3775d298e78455efc5ca404d5","size_bytes":5},)"
                          R"({"path":"/simplestreams/data/.data/parts/a b.img/0123/00000002",)"
                          R"("etag":"7f021a1415b86f2d013b2618fb31ae53","size_bytes":3}])");
  }
  SECTION("segments that are others now are refused") {
    cloud.swift.refusals = {400};
    CHECK(target_error([&] { object->complete(parts); }).kind() == ErrorKind::Corrupt);
  }
  SECTION("its segments are swept by their numbers") {
    object->sweep();
    CHECK(cloud.swift.objects.empty());
    object->sweep();
    for (const auto& line : cloud.log()) CHECK_THAT(line, !Contains("GET "));
  }
}

TEST_CASE("bytes of an item are put once, and what may pass is for the caller to repeat") {
  Cloud cloud;
  const auto store = cloud.store();
  const int status = GENERATE(401, 409, 422, 498, 503);
  cloud.swift.refusals = {status};
  TextSource source("bytes");
  const auto error = target_error([&] { store->put("a.img", source, 5); });
  CHECK(error.kind() == ErrorKind::Transient);
  CHECK(cloud.log().size() == 1);
}
