#include "keystone/keystone_session.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "tests/support/fake_keystone.h"
#include "tests/support/loopback_server.h"

using namespace streamsync;
using streamsync::testing::FakeKeystone;
using streamsync::testing::LoopbackServer;
using streamsync::testing::password_credentials;
using streamsync::testing::Received;
using streamsync::testing::Reply;

namespace {

using Catch::Matchers::Contains;

const RetryPolicy kThreeTriesAtOnce{3, std::chrono::seconds(0)};

KeystoneSession session_with(Credentials credentials) {
  return KeystoneSession(std::move(credentials), HttpOptions{}, kThreeTriesAtOnce, {});
}

Reply not_found(const Received&) { return {404, "no such thing"}; }

/// The target error that `action` ends with.
template <typename Action>
Error target_error(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.origin() == Origin::Target);
    CHECK_THAT(error.what(), !Contains("hunter2"));
    return error;
  }
  FAIL("no error");
  return {ErrorKind::Config, Origin::Config, ""};
}

constexpr const char* kCatalog = R"([
  {"type": "image", "endpoints": [
    {"interface": "public", "region": "North", "url": "http://north.example/image"},
    {"interface": "public", "region_id": "South", "url": "http://south.example/image"},
    {"interface": "internal", "region": "West", "url": "http://west.example/image"}]},
  {"type": "object-store", "endpoints": [
    {"interface": "public", "region": "North", "url": "/etc/passwd"},
    {"interface": "admin", "region": "North", "url": "http://[::1"}]},
  {"type": "identity", "endpoints": [
    {"interface": "public", "region": "North", "url": "http://north.example/v3"}]},
  {"type": "placement"}])";

}  // namespace

TEST_CASE("login says who one is and what one wants") {
  testing::start_process();
  FakeKeystone keystone(not_found);
  const LoopbackServer server(std::ref(keystone));
  const auto login_of = [&](decltype(Credentials::auth) auth) {
    auto credentials = password_credentials(server.url());
    credentials.auth = std::move(auth);
    CHECK(session_with(credentials).project_id() == "p1");
    const auto request = server.received().back();
    CHECK(request.method == "POST");
    CHECK(request.header("content-type") == "application/json");
    CHECK(request.header("x-auth-token").empty());
    return request.body;
  };

  CHECK(
      login_of(PasswordAuth{{"", "demo", "", "Users"}, Secret("hun\"ter2"), {"p1", "", "", ""}}) ==
      R"({"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"demo",)"
      R"("domain":{"name":"Users"},"password":"hun\"ter2"}}},"scope":{"project":{"id":"p1"}}}})");
  CHECK(login_of(PasswordAuth{{"u1", "demo", "", ""}, Secret("x"), {"", "images", "d1", "No"}}) ==
        R"({"auth":{"identity":{"methods":["password"],"password":{"user":{"id":"u1",)"
        R"("password":"x"}}},"scope":{"project":{"name":"images","domain":{"id":"d1"}}}}})");
  CHECK(login_of(TokenAuth{Secret("t"), {"p1", "", "", ""}}) ==
        R"({"auth":{"identity":{"methods":["token"],"token":{"id":"t"}},)"
        R"("scope":{"project":{"id":"p1"}}}})");
  CHECK(login_of(ApplicationCredentialAuth{"a1", "", {}, Secret("s")}) ==
        R"({"auth":{"identity":{"methods":["application_credential"],)"
        R"("application_credential":{"id":"a1","secret":"s"}}}})");
  CHECK(login_of(ApplicationCredentialAuth{"", "mirror", {"", "demo", "d1", ""}, Secret("s")}) ==
        R"({"auth":{"identity":{"methods":["application_credential"],)"
        R"("application_credential":{"name":"mirror","user":{"name":"demo","domain":{"id":"d1"}},)"
        R"("secret":"s"}}}})");
}

TEST_CASE("a token is used while it is young") {
  FakeKeystone keystone([](const Received&) { return Reply{200, "fine"}; });
  const LoopbackServer server(std::ref(keystone));
  auto session = session_with(password_credentials(server.url()));
  const Request request{.url = Url::parse(server.url() + "/thing"), .headers = {}};

  SECTION("one login for all") {
    session.send(request);
    session.send(request);
    CHECK(keystone.logins == 1);
    CHECK(server.received().back().header("x-auth-token") == "token-1");
  }
  SECTION("a life that is over at once is renewed before each request") {
    keystone.life = std::chrono::seconds(0);
    session.send(request);
    session.send(request);
    CHECK(server.received().back().header("x-auth-token") == "token-2");
  }
  SECTION("threads log in once") {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { session.send(request); });
    for (auto& thread : threads) thread.join();
    CHECK(keystone.logins == 1);
  }
}

TEST_CASE("401 renews the token once") {
  std::string good_token = "token-2";
  FakeKeystone keystone([&](const Received& request) {
    return request.header("x-auth-token") == good_token ? Reply{200, "fine"} : Reply{401, "who?"};
  });
  const LoopbackServer server(std::ref(keystone));
  auto session = session_with(password_credentials(server.url()));
  const Request request{.url = Url::parse(server.url() + "/thing"), .headers = {}};

  SECTION("then it is accepted") {
    CHECK(session.send(request).body == "fine");
    CHECK(keystone.logins == 2);
  }
  SECTION("then it is still refused") {
    good_token = "none";
    CHECK(session.send(request).status == 401);
    CHECK(keystone.logins == 2);
  }
  SECTION("a POST too: it was not carried out") {
    Request post = request;
    post.method = "POST";
    CHECK(session.send(post).body == "fine");
  }
  SECTION("a download") {
    struct Text final : ByteSink {
      void write(Bytes bytes) override { text += as_text(bytes); }
      void finish() override {}
      std::string text;
    } sink;
    CHECK(session.get(request, sink).status == 200);
    CHECK(sink.text == "fine");
  }
  SECTION("an upload whose bytes are gone is given back, and the next has a new token") {
    Request put = request;
    put.method = "PUT";
    TextSource first("bytes"), second("bytes");
    CHECK(session.put(put, first, 5).status == 401);
    CHECK(session.put(put, second, 5).status == 200);
    CHECK(keystone.logins == 2);
  }
}

TEST_CASE("403 of an object store renews the token once") {
  std::string good_token = "token-2";
  FakeKeystone keystone([&](const Received& request) {
    return request.header("x-auth-token") == good_token ? Reply{200, "fine"} : Reply{403, "no"};
  });
  const LoopbackServer server(std::ref(keystone));
  keystone.catalog = R"([{"type":"object-store","endpoints":[{"interface":"public",)"
                     R"("region":"North","url":")" +
                     server.url() + R"(/swift/v1"}]}])";
  auto session = session_with(password_credentials(server.url()));
  const Request request{.url = Url::parse(server.url() + "/swift/v1/container"), .headers = {}};
  const auto put = [&] {
    Request with_body = request;
    with_body.method = "PUT";
    TextSource bytes("bytes");
    return session.put(with_body, bytes, 5).status;
  };

  SECTION("then it is accepted") {
    CHECK(session.send(request).body == "fine");
    CHECK(keystone.logins == 2);
  }
  SECTION("then it is a refusal, and further ones cost no login") {
    good_token = "none";
    CHECK(session.send(request).status == 403);
    CHECK(session.send(request).status == 403);
    CHECK(put() == 403);
    CHECK(keystone.logins == 2);
  }
  SECTION("an upload whose bytes are gone is given back as if the token were over") {
    CHECK(put() == 401);
    CHECK(put() == 200);
    CHECK(keystone.logins == 2);
  }
  SECTION("an upload that is refused for good") {
    good_token = "none";
    CHECK(put() == 401);
    CHECK(put() == 403);
    CHECK(keystone.logins == 2);
  }
  SECTION("a token that is over later is another matter") {
    good_token = "token-2";
    keystone.life = std::chrono::seconds(0);
    CHECK(session.send(request).body == "fine");
    good_token = "token-4";
    CHECK(session.send(request).body == "fine");
    CHECK(keystone.logins == 4);
  }
  SECTION("what other services forbid they forbid") {
    Request other = request;
    other.url = Url::parse(server.url() + "/image");
    CHECK(session.send(other).status == 403);
    CHECK(keystone.logins == 1);
  }
}

TEST_CASE("what is worth a repetition is repeated") {
  int failures = 2;
  int status = 503;
  FakeKeystone keystone([&](const Received&) {
    return failures-- > 0 ? Reply{status, "busy"} : Reply{200, "fine"};
  });
  const LoopbackServer server(std::ref(keystone));
  auto session = session_with(password_credentials(server.url()));
  Request request{.url = Url::parse(server.url() + "/thing"), .headers = {}};

  SECTION("until it works") { CHECK(session.send(request).body == "fine"); }
  SECTION("at most as often as told, then the status is given back") {
    failures = 3;
    const auto response = session.send(request);
    CHECK(response.status == 503);
    CHECK(response.body == "busy");
  }
  SECTION("not a POST") {
    request.method = "POST";
    CHECK(session.send(request).status == 503);
  }
  SECTION("not what stays wrong") {
    status = 404;
    CHECK(session.send(request).status == 404);
    CHECK(failures == 1);
  }
}

TEST_CASE("a redirect is not followed with a token") {
  FakeKeystone keystone([](const Received&) {
    return Reply{302, "", {{"Location", "http://127.0.0.1:9/elsewhere"}}};
  });
  const LoopbackServer server(std::ref(keystone));
  auto session = session_with(password_credentials(server.url()));
  const auto error = target_error(
      [&] { session.send(Request{.url = Url::parse(server.url() + "/thing"), .headers = {}}); });
  CHECK(error.kind() == ErrorKind::Protocol);
  CHECK_THAT(error.what(), Contains("302") && Contains("/thing"));
}

TEST_CASE("304 is an answer like others") {
  FakeKeystone keystone([](const Received&) { return Reply{304}; });
  const LoopbackServer server(std::ref(keystone));
  auto session = session_with(password_credentials(server.url()));
  const Request request{.url = Url::parse(server.url() + "/thing"), .headers = {}};
  CHECK(session.send(request).status == 304);
}

TEST_CASE("the catalog") {
  FakeKeystone keystone(not_found);
  keystone.catalog = kCatalog;
  const LoopbackServer server(std::ref(keystone));
  auto session = session_with(password_credentials(server.url()));

  CHECK(session.regions_of("image") == std::vector<std::string>{"North", "South"});
  CHECK(session.regions_of("dns").empty());
  CHECK(session.endpoint("image", "South").str() == "http://south.example/image");
  CHECK_FALSE(session.find_endpoint("image", "West"));
  CHECK(session.find_endpoint("image", "West", "internal")->str() == "http://west.example/image");

  SECTION("an unknown region") {
    const auto error = target_error([&] { session.endpoint("image", "East"); });
    CHECK(error.kind() == ErrorKind::NotFound);
    CHECK_THAT(error.what(), Contains("public endpoint of image in region \"East\"") &&
                                 Contains("regions that have one: North, South"));
  }
  SECTION("another interface") {
    CHECK_THAT(target_error([&] { session.endpoint("image", "West"); }).what(),
               Contains("interfaces of it there: internal"));
  }
  SECTION("an unknown service") {
    CHECK_THAT(target_error([&] { session.endpoint("dns", "North"); }).what(),
               Contains("services that it has: identity, image, object-store"));
  }
  SECTION("an endpoint that is a file is no endpoint") {
    const std::string interface = GENERATE("public", "admin");
    const auto error =
        target_error([&] { session.find_endpoint("object-store", "North", interface); });
    CHECK(error.kind() == ErrorKind::Protocol);
  }
}

TEST_CASE("logins that fail") {
  std::atomic<int> logins{0};
  const auto error_of = [&](const Reply& reply) {
    const LoopbackServer server([&](const Received&) {
      ++logins;
      return reply;
    });
    return target_error([&] { session_with(password_credentials(server.url())).project_id(); });
  };

  SECTION("refused: what to check, and nothing secret") {
    const auto error = error_of({401, R"({"error": "no hunter2"})"});
    CHECK(error.kind() == ErrorKind::Denied);
    CHECK_THAT(error.what(),
               Contains("\"demo\" of domain \"Users\"") && Contains("check password"));
    CHECK(logins == 1);
  }
  SECTION("an answer is never quoted: it may quote the request") {
    CHECK(error_of({400, "\"hunter2\" is not of type object"}).kind() == ErrorKind::Protocol);
    CHECK(error_of({403, "hunter2"}).kind() == ErrorKind::Denied);
  }
  SECTION("no Keystone there") {
    CHECK(error_of({404, "hunter2"}).kind() == ErrorKind::NotFound);
    CHECK(error_of({300, "hunter2"}).kind() == ErrorKind::Protocol);
    CHECK(error_of({302, "", {{"Location", "http://127.0.0.1:9/"}}}).kind() == ErrorKind::Protocol);
  }
  SECTION("busy: tried again") {
    CHECK(error_of({503, "hunter2"}).kind() == ErrorKind::Transient);
    CHECK(logins == 3);
  }
  SECTION("answers that are none") {
    const auto body = GENERATE(
        as<std::string>{}, "", "hunter2", "[]", R"({"token": 1})",
        R"({"token": {"issued_at": "2026-01-01T00:00:00Z", "project": {"id": "p1"}}})",
        R"({"token": {"issued_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-01T01:00:00Z"}})");
    CHECK(error_of({201, body, {{"X-Subject-Token", "t"}}}).kind() == ErrorKind::Protocol);
  }
  SECTION("no token") {
    const auto error = error_of({201, "{}"});
    CHECK(error.kind() == ErrorKind::Protocol);
    CHECK_THAT(error.what(), Contains("X-Subject-Token"));
  }
  SECTION("nobody listens") {
    std::string url;
    { url = LoopbackServer(not_found).url(); }
    const auto error = target_error([&] { session_with(password_credentials(url)).project_id(); });
    CHECK(error.kind() == ErrorKind::Transient);
    CHECK_THAT(error.what(), Contains("logging in to Keystone"));
  }
}
