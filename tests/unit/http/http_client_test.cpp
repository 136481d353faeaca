#include "base/http/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <latch>
#include <memory>
#include <optional>
#include <set>
#include <thread>

#include "base/crypto/digest.h"
#include "tests/support/loopback_server.h"
#include "tests/support/scripted_server.h"
#include "tests/unit/base/failure.h"
#include "tests/unit/base/temporary_directory.h"
#include "tests/unit/http/kept_bytes.h"

namespace streamsync {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

/// Not through a proxy of the environment.
HttpOptions direct() {
  HttpOptions options;
  options.proxy = "";
  return options;
}

HttpOptions with_timeouts(HttpTimeouts timeouts) {
  HttpOptions options = direct();
  options.timeouts = timeouts;
  return options;
}

Request request_for(const std::string& url, std::string method = "GET") {
  return {std::move(method), Url::parse(url), {}};
}

Request following(Url url, Redirects redirects = Redirects::Follow) {
  Request request{.url = std::move(url)};
  request.redirects = redirects;
  return request;
}

Request following(const std::string& url) { return following(Url::parse(url)); }

/// What the scripted server sends for size=N.
std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i % 251);
  return text;
}

/// The field of a log line, up to the comma.
std::string field(const std::string& line, const std::string& name) {
  const auto start = line.find("\"" + name + "\":");
  if (start == std::string::npos) return {};
  const auto value = start + name.size() + 3;
  return line.substr(value, line.find_first_of(",}", value) - value);
}

template <typename Action>
std::chrono::steady_clock::duration time_of(Action&& action) {
  const auto start = std::chrono::steady_clock::now();
  std::forward<Action>(action)();
  return std::chrono::steady_clock::now() - start;
}

/// A port that takes connections and never says a word.
class SilentPort {
 public:
  SilentPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(socket_, generic, size) == 0);
    REQUIRE(::getsockname(socket_, generic, &size) == 0);
    port_ = std::to_string(ntohs(address.sin_port));
  }
  ~SilentPort() { ::close(socket_); }
  SilentPort(const SilentPort&) = delete;
  SilentPort& operator=(const SilentPort&) = delete;

  /// Before it, connections are refused.
  void listen() { REQUIRE(::listen(socket_, 8) == 0); }
  const std::string& port() const noexcept { return port_; }

 private:
  int socket_;
  std::string port_;
};

TEST_CASE("get passes on the body of a 2xx, and does not finish the sink") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  const std::size_t size = GENERATE(0U, 1U, 1'000'000U);
  const std::string how = GENERATE(as<std::string>{}, "", "&chunked=1", "&no_length=1",
                                   "&header=Content-Encoding:identity", "&status=203");
  CAPTURE(size, how);
  KeptBytes body;
  const Response response = client.get(
      request_for(server.url("/a?header=X-Some:thing&size=" + std::to_string(size) + how)), body);
  CHECK(response.ok());
  CHECK(response.body.empty());
  CHECK(response.headers.find("x-some") == "thing");
  CHECK((body.text() == pattern(size)));
  CHECK_FALSE(body.is_finished());
}

TEST_CASE("get returns every other answer with its text, and leaves the sink alone") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  KeptBytes body;
  const int status = GENERATE(300, 304, 400, 401, 404, 429, 500, 503);
  CAPTURE(status);
  const Response response = client.get(
      request_for(server.url("/a?retry_after=7&body=sorry&status=" + std::to_string(status))),
      body);
  CHECK(response.status == status);
  CHECK(response.body == (status == 304 ? "" : "sorry"));
  CHECK(response.headers.find("Retry-After") == "7");
  CHECK(body.text().empty());
}

TEST_CASE("of the long text of a refusal only the start is read") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  KeptBytes body;
  const Response response =
      client.get(request_for(server.url("/a?status=404&size=1000000000&stall_after=200000")), body);
  CHECK(response.status == 404);
  CHECK((response.body == pattern(64 * 1024)));
}

TEST_CASE("conditional and partial requests") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  KeptBytes body;
  Request request = request_for(server.url("/a?size=10&etag=%22v1%22"));
  SECTION("unchanged") {
    request.headers.add("If-None-Match", "\"v1\"");
    const Response response = client.get(request, body);
    CHECK(response.status == 304);
    CHECK(response.headers.find("ETag") == "\"v1\"");
    CHECK(body.text().empty());
  }
  SECTION("the rest") {
    request.headers.add("Range", "bytes=4-");
    const Response response = client.get(request, body);
    CHECK(response.status == 206);
    CHECK(response.headers.find("Content-Range") == "bytes 4-9/10");
    CHECK(body.text() == pattern(10).substr(4));
  }
}

TEST_CASE("send sends methods, headers and bodies as they are, and nothing of its own") {
  start_crypto();
  ScriptedServer server;
  const auto [method, sent, length] =
      GENERATE(table<std::string, std::string, std::string>({{"GET", "", ""},
                                                             {"DELETE", "", ""},
                                                             {"POST", "", "0"},
                                                             {"PUT", "", "0"},
                                                             {"POST", "{}", "2"},
                                                             {"PUT", "{}", "2"},
                                                             {"PATCH", "[1]", "3"},
                                                             {"DELETE", "x", "1"}}));
  CAPTURE(method, sent);
  HttpOptions options = direct();
  options.user_agent = "streamsync/test";
  HttpClient client(options, {});
  Request request = request_for(server.url("/a?echo=1&status=200"), method);
  request.headers.add("X-Own", "value: 1");
  request.headers.add("X-Empty", "");
  request.token = Secret("s3cr3t");
  request.body = sent;
  const Response response = client.send(request);
  CHECK(response.status == 200);
  CHECK_THAT(response.body, Contains("\"method\": \"" + method + "\""));
  CHECK_THAT(response.body, Contains("\"X-Own\": \"value: 1\""));
  CHECK_THAT(response.body, Contains("\"X-Empty\": \"\""));
  CHECK_THAT(response.body, Contains("\"X-Auth-Token\": \"s3cr3t\""));
  CHECK_THAT(response.body, Contains("\"User-Agent\": \"streamsync/test\""));
  CHECK_THAT(response.body, !Contains("Expect"));
  CHECK_THAT(response.body, !Contains("Accept-Encoding"));
  CHECK_THAT(response.body, !Contains("Content-Type"));
  CHECK_THAT(response.body, !Contains("Authorization"));
  const std::string length_header = "\"Content-Length\": \"" + length + "\"";
  CHECK((response.body.find("Content-Length") == std::string::npos) == length.empty());
  CHECK((response.body.find(length_header) == std::string::npos) == length.empty());

  const auto bodies = server.finish_and_read_log("body");
  REQUIRE(bodies.size() == (length.empty() ? 0U : 1U));
  if (!bodies.empty()) {
    CHECK(field(bodies[0], "sha256") ==
          "\"" + digest_of(DigestAlgorithm::Sha256, sent).hex() + "\"");
  }
}

TEST_CASE("a content type of the caller's is sent") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  Request request = request_for(server.url("/a?echo=1"), "POST");
  request.headers.add("content-type", "application/json");
  request.body = "{}";
  CHECK_THAT(client.send(request).body, Contains("\"content-type\": \"application/json\""));
}

TEST_CASE("HEAD has headers and no body") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  const Response response = client.send(request_for(server.url("/a?size=12345"), "HEAD"));
  CHECK(response.status == 200);
  CHECK(response.headers.find("Content-Length") == "12345");
  CHECK(response.body.empty());
}

TEST_CASE("a header value can't add a line") {
  HttpClient client(direct(), {});
  const std::string value =
      GENERATE(as<std::string>{}, "a\r\nX-Evil: 1", "a\nb", "a\rb", std::string("a\0b", 3));
  Request request = request_for("http://127.0.0.1:1/");
  request.headers.add("If-None-Match", value);
  const Error error = failure_of([&] { client.send(request); });
  CHECK(error.kind() == ErrorKind::Protocol);
}

TEST_CASE("an answer that is too long for memory") {
  ScriptedServer server;
  HttpOptions options = direct();
  options.origin = Origin::Target;
  HttpClient client(options, {});
  const std::string size = std::to_string(HttpClient::kBodyLimit + 1);
  const Error error = failure_of([&] { client.send(request_for(server.url("/a?size=" + size))); });
  CHECK(error.kind() == ErrorKind::Guard);
  CHECK(error.origin() == Origin::Target);
  // The handle that was cut off is as good as new.
  CHECK(client.send(request_for(server.url("/a?size=1"))).ok());
}

TEST_CASE("what a server does wrong") {
  ScriptedServer server;
  const auto [how, kind, reason] = GENERATE(table<std::string, ErrorKind, std::string>({
      {"drop=1", ErrorKind::Transient, "Empty reply"},
      {"drop=1&reset=1", ErrorKind::Transient, "reset"},
      {"size=100000&close_after=0", ErrorKind::Transient, "closed"},
      {"size=100000&close_after=1", ErrorKind::Transient, "closed"},
      {"size=100000&close_after=99999", ErrorKind::Transient, "closed"},
      {"size=100000&close_after=50000&chunked=1", ErrorKind::Transient, "closed"},
      {"size=100000&close_after=5000&reset=1", ErrorKind::Transient, ""},
      {"size=10&content_length=11", ErrorKind::Transient, "closed"},
      {"raw=220 mail.example ESMTP", ErrorKind::Protocol, "HTTP/0.9"},
      {"size=10&header=Content-Encoding:gzip", ErrorKind::Protocol, "gzip"},
      {"size=10&header=Content-Encoding:x-gzip", ErrorKind::Protocol, "x-gzip"},
      {"size=10&header=Content-Encoding:identity, br", ErrorKind::Protocol, "\"br\""},
      {"raw=HTTP/1.1 200 OK\\r\\nContent-Encoding: identity\\r\\nContent-Encoding: "
       "zstd\\r\\n\\r\\nx",
       ErrorKind::Protocol, "zstd"},
  }));
  CAPTURE(how);
  HttpOptions options = direct();
  options.origin = GENERATE(Origin::Source, Origin::Target);
  HttpClient client(options, {});
  KeptBytes body;
  Url url = Url::parse(server.url("/a"));
  for (std::string_view rest = how; !rest.empty();) {
    const std::string_view setting = rest.substr(0, rest.find('&'));
    const auto equals = setting.find('=');
    url = url.with_query(setting.substr(0, equals), setting.substr(equals + 1));
    rest.remove_prefix(std::min(setting.size() + 1, rest.size()));
  }
  const Error error = failure_of([&] { client.get({"GET", url, {}}, body); });
  CHECK(error.kind() == kind);
  CHECK(error.origin() == options.origin);
  CHECK_THAT(error.what(), StartsWith("GET http://127.0.0.1:") && Contains(reason));
  CHECK(client.get(request_for(server.url("/a?size=3")), body).ok());
}

TEST_CASE("a transfer coding is not undone") {
  // "abc" by gzip, in one chunk.
  const std::string gzip("\x1F\x8B\x08\0\0\0\0\0\0\x03KLJ\x06\0\xC2\x41$5\x03\0\0\0", 23);
  const testing::LoopbackServer server([&](const testing::Received&) {
    return testing::Reply{
        200, "17\r\n" + gzip + "\r\n0\r\n\r\n", {{"Transfer-Encoding", "gzip, chunked"}}};
  });
  HttpClient client(direct(), {});
  KeptBytes body;
  const Error error = failure_of([&] { client.get(request_for(server.url()), body); });
  CHECK(error.kind() == ErrorKind::Protocol);
  CHECK_THAT(error.what(), Contains("Transfer-Encoding \"gzip\""));
  CHECK(body.text().empty());
}

TEST_CASE("a Content-Length that is too small hides the rest") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  KeptBytes body;
  CHECK(client.get(request_for(server.url("/a?size=10&content_length=4")), body).ok());
  CHECK(body.text() == pattern(4));
}

TEST_CASE("nobody there") {
  HttpClient client(direct(), {});
  SECTION("no such port") {
    const SilentPort port;
    const Error error =
        failure_of([&] { client.send(request_for("http://127.0.0.1:" + port.port() + "/")); });
    CHECK(error.kind() == ErrorKind::Transient);
    CHECK_THAT(error.what(), Contains("connect"));
    CHECK(error.is_unreached());
  }
  SECTION("no such host, and there is none when it is tried again") {
    for (int attempt = 0; attempt < 3; ++attempt) {
      const Error error = failure_of([&] { client.send(request_for("http://no.such.invalid/")); });
      CHECK(error.kind() == ErrorKind::Transient);
      CHECK_THAT(error.what(), Contains("resolve"));
      CHECK(error.is_unreached());
    }
  }
}

TEST_CASE("messages of failures show no secrets") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  const std::string url =
      "http://user:s3cr3t@127.0.0.1:" + server.port() + "/a?token=s3cr3t&drop=1";
  const Error error = failure_of([&] { client.send(request_for(url)); });
  CHECK_THAT(error.what(), !Contains("s3cr3t") && !Contains("user") && Contains("drop=1"));
}

TEST_CASE("user and password of the URL") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  const auto [userinfo, status] = GENERATE(table<std::string, int>(
      {{"me:s3%40cr%3At@", 200}, {"me:wrong@", 401}, {"me@", 401}, {"", 401}}));
  CAPTURE(userinfo);
  const Url url = Url::parse("http://" + userinfo + "127.0.0.1:" + server.port() + "/a?size=1")
                      .with_query("require_user", "me:s3@cr:t");
  CHECK(client.send({"GET", url, {}}).status == status);
}

TEST_CASE("redirects are followed where the request says so") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  KeptBytes body;
  SECTION("not by default") {
    const Response response = client.get(request_for(server.url("/a?hops=1&size=5")), body);
    CHECK(response.status == 302);
    CHECK(response.headers.find("Location") == "/a?hops=0&size=5");
    CHECK(body.text().empty());
  }
  SECTION("up to five") {
    const Response response = client.get(following(server.url("/a?hops=5&size=5")), body);
    CHECK(response.status == 200);
    CHECK_FALSE(response.headers.find("Location"));
    CHECK(body.text() == pattern(5));
  }
  SECTION("and no more") {
    const Error error =
        failure_of([&] { client.get(following(server.url("/a?hops=6&size=5")), body); });
    CHECK(error.kind() == ErrorKind::Protocol);
    CHECK_THAT(error.what(), Contains("hops=6") && Contains("more than 5 redirects"));
    CHECK(body.text().empty());
    CHECK(server.finish_and_read_log("request").size() == 6);
  }
  SECTION("HEAD too") {
    Request request = following(server.url("/a?hops=2&size=5"));
    request.method = "HEAD";
    CHECK(client.send(request).headers.find("Content-Length") == "5");
  }
  SECTION("of the statuses that mean it (RFC 9110 §15.4)") {
    const auto [status, is_followed] = GENERATE(table<std::string, bool>({
        {"300", false},
        {"301", true},
        {"302", true},
        {"303", true},
        {"304", false},
        {"305", false},
        {"307", true},
        {"308", true},
    }));
    CAPTURE(status);
    Url url = Url::parse(server.url("/a")).with_query("redirect", server.url("/b?size=1"));
    url = url.with_query("status", status);
    CHECK((client.get(following(url), body).status == 200) == is_followed);
  }
  SECTION("without a Location there is nowhere to go") {
    CHECK(client.get(following(server.url("/a?status=302&body=x")), body).status == 302);
  }
}

TEST_CASE("where a redirect must not lead") {
  ScriptedServer server;
  HttpOptions options = direct();
  options.origin = GENERATE(Origin::Source, Origin::Target);
  HttpClient client(options, {});
  KeptBytes body;
  const std::string where = GENERATE(
      as<std::string>{}, "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "data:x",
      "http://", "http://169.254.169.254/latest/meta-data/", "http://2852039166/",
      "http://0xa9.254.0xa9fe/", "http://[fe80::1]/", "http://[::ffff:169.254.169.254]/");
  CAPTURE(where);
  const Url url = Url::parse(server.url("/a")).with_query("redirect", where);
  const Error error = failure_of([&] { client.get(following(url), body); });
  CHECK(error.kind() == ErrorKind::Untrusted);
  CHECK(error.origin() == options.origin);
  CHECK_THAT(error.what(), StartsWith("GET http://127.0.0.1:") && Contains("redirected"));
  CHECK(body.text().empty());
  CHECK(server.finish_and_read_log("request").size() == 1);
}

TEST_CASE("a server has no say in who we are") {
  const TemporaryDirectory directory;
  write_file(directory / "script",
             R"({"rules": [{"redirect": "http://user:s3cr3t@127.0.0.1/", "times": 1}]})");
  ScriptedServer server({"--script", directory / "script"});
  HttpClient client(direct(), {});
  const Error error = failure_of([&] { client.send(following(server.url("/a"))); });
  CHECK(error.kind() == ErrorKind::Untrusted);
  CHECK_THAT(error.what(), Contains("user name") && !Contains("s3cr3t"));
}

TEST_CASE("what nobody has signed comes from the host that was asked") {
  ScriptedServer server;
  ScriptedServer other;
  HttpClient client(direct(), {});
  KeptBytes body;
  const auto redirect = [&](const std::string& to) {
    return following(Url::parse(server.url("/a")).with_query("redirect", to), Redirects::SameHost);
  };
  SECTION("elsewhere on it") {
    CHECK(client.get(redirect("/b?size=1"), body).status == 200);
    CHECK(client.get(redirect(server.url("/b?size=1")), body).status == 200);
  }
  SECTION("not from its neighbour behind another port") {
    const Error error = failure_of([&] { client.get(redirect(other.url("/b?size=1")), body); });
    CHECK(error.kind() == ErrorKind::Untrusted);
    CHECK(other.finish_and_read_log("request").empty());
  }
}

TEST_CASE("what changes something, or carries a token, is not sent elsewhere") {
  start_crypto();
  ScriptedServer server;
  HttpClient client(direct(), {});
  Request request = following(server.url("/a?hops=1&size=1"));
  SECTION("a POST") {
    request.method = "POST";
    request.body = "x";
    CHECK(client.send(request).status == 302);
  }
  SECTION("an upload") {
    TextSource source("x");
    CHECK(client.put(request, source, 1).status == 302);
  }
  SECTION("a token") {
    request.token = Secret("s3cr3t");
    CHECK(client.send(request).status == 302);
  }
  CHECK(server.finish_and_read_log("request").size() == 1);
}

TEST_CASE("credentials stay with the origin they are for") {
  ScriptedServer first;
  ScriptedServer second;
  HttpClient client(direct(), {});
  const auto redirect = [&](const std::string& to) {
    return Url::parse("http://me:s3cr3t@127.0.0.1:" + first.port() + "/a")
        .with_query("redirect", to);
  };
  Request request = following(first.url("/"));
  SECTION("same origin") {
    request.url = redirect(first.url("/b?size=1&require_user=me:s3cr3t"));
    CHECK(client.send(request).status == 200);
  }
  SECTION("another port") {
    request.url = redirect(second.url("/b?size=1"));
    CHECK(client.send(request).status == 200);
    const auto log = second.finish_and_read_log("request");
    REQUIRE(log.size() == 1);
    CHECK_THAT(log[0], !Contains("authorization"));
  }
  SECTION("another port, as a header") {
    request.url = Url::parse(first.url("/a")).with_query("redirect", second.url("/b?size=1"));
    request.headers.add("Authorization", "Bearer s3cr3t");
    request.headers.add("X-Api-Key", "s3cr3t");
    request.headers.add("If-None-Match", "\"v1\"");
    CHECK(client.send(request).status == 200);
    const auto log = second.finish_and_read_log("request");
    REQUIRE(log.size() == 1);
    CHECK_THAT(log[0], !Contains("authorization") && !Contains("x-api-key") && Contains("v1"));
  }
  SECTION("there and back: whoever it was sent us, and has chosen what to ask") {
    const Url back = Url::parse(second.url("/b")).with_query("redirect", first.url("/c?size=1"));
    request.url = redirect(back.str());
    CHECK(client.send(request).status == 200);
    const auto log = first.finish_and_read_log("request");
    REQUIRE(log.size() == 2);
    CHECK_THAT(log[0], Contains("authorization"));
    CHECK_THAT(log[1], !Contains("authorization"));
  }
}

TEST_CASE("what ~/.netrc has is nothing to us") {
  const TemporaryDirectory home;
  write_file(home / ".netrc", "machine 127.0.0.1 login me password s3cr3t\n");
  const char* before = std::getenv("HOME");
  const std::string restored = before == nullptr ? "" : before;
  ::setenv("HOME", home.path().c_str(), 1);
  ScriptedServer server;
  HttpClient client(direct(), {});
  CHECK(client.send(request_for(server.url("/a?size=1"))).status == 200);
  ::setenv("HOME", restored.c_str(), 1);
  const auto log = server.finish_and_read_log("request");
  REQUIRE(log.size() == 1);
  CHECK_THAT(log[0], !Contains("authorization"));
}

TEST_CASE("a refusal that may repeat what was secret is not passed on") {
  start_crypto();
  ScriptedServer server;
  HttpClient client(direct(), {});
  Request request = request_for(server.url("/a?status=401&echo=1"));
  SECTION("a token") {
    request.token = Secret("s3cr3t");
    CHECK(client.send(request).body.empty());
    KeptBytes body;
    CHECK(client.get(request, body).body.empty());
    request.url = Url::parse(server.url("/a?status=401&body=who+are+you"));
    CHECK(client.send(request).body == "who are you");
  }
  SECTION("a password of the URL, which Basic authentication codes") {
    request.url =
        Url::parse("http://me:s3cr3t@127.0.0.1:" + server.port() + "/a?status=401&echo=1");
    CHECK(client.send(request).body.empty());
  }
  SECTION("a body") {
    request.method = "POST";
    request.secret_body = Secret("{\"password\": \"s3cr3t\"}");
    CHECK(client.send(request).body.empty());
  }
  SECTION("nothing secret was said") { CHECK_THAT(client.send(request).body, Contains("Accept")); }
}

TEST_CASE("a secret body is sent as it is") {
  start_crypto();
  ScriptedServer server;
  HttpClient client(direct(), {});
  Request request = request_for(server.url("/a"), "POST");
  request.secret_body = Secret("{\"password\": \"s3cr3t\"}");
  CHECK(client.send(request).status == 201);
  const auto bodies = server.finish_and_read_log("body");
  REQUIRE(bodies.size() == 1);
  const std::string sent(request.secret_body.reveal());
  CHECK(field(bodies[0], "sha256") == "\"" + digest_of(DigestAlgorithm::Sha256, sent).hex() + "\"");
}

TEST_CASE("a secret header is taken out of the answer") {
  start_crypto();
  Headers headers{{"X-Subject-Token", "s3cr3t"}, {"X-Other", "b"}};
  CHECK(headers.take_secret("x-subject-token").reveal() == "s3cr3t");
  CHECK(headers.take_secret("x-subject-token").empty());
  CHECK(headers.take_secret("x-none").empty());
  CHECK(headers.find("X-Other") == "b");
}

TEST_CASE("a call as a whole may have a limit of time") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  KeptBytes body;
  // Never a stall, never done.
  Request request = following(server.url("/a?size=1000000&rate=2000"));
  request.time_limit = 300ms;
  SECTION("a trickle") {}
  SECTION("redirects count, and more than one") {
    request = following(server.url("/a?hops=5&delay=0.2&size=1"));
    request.time_limit = 500ms;
  }
  SECTION("waiting for the answer counts") {
    request = following(server.url("/a?delay=30&size=1"));
    request.time_limit = 300ms;
  }
  const Error error = failure_of([&] { client.get(request, body); });
  CHECK(error.kind() == ErrorKind::Guard);
  CHECK_THAT(error.what(), Contains("not done within 0."));
}

TEST_CASE("a server that does not answer in time") {
  ScriptedServer server;
  HttpClient client(with_timeouts({.connect = 60s, .first_byte = 1s, .stall = 60s}), {});
  Request request = following(server.url("/a?delay=30&size=1"));
  SECTION("send") {
    const Error error = failure_of([&] { client.send(request); });
    CHECK(error.kind() == ErrorKind::Transient);
    CHECK_THAT(error.what(), Contains("no answer within 1 s"));
  }
  SECTION("after a redirect") {
    request.url = Url::parse(server.url("/r")).with_query("redirect", server.url("/a?delay=30"));
    const Error error = failure_of([&] { client.send(request); });
    CHECK_THAT(error.what(), Contains("no answer within 1 s"));
  }
  SECTION("put, once all was sent, with a second more for each megabyte") {
    const std::string text = pattern(1'000'000);
    TextSource source(text);
    const Error error = failure_of([&] { client.put(request, source, text.size()); });
    CHECK(error.kind() == ErrorKind::Transient);
    CHECK_THAT(error.what(), Contains("no answer within 2 s"));
    CHECK(error.is_unanswered());
    CHECK_FALSE(error.is_unreached());
  }
}

TEST_CASE("a body that does not come on is a stall") {
  ScriptedServer server;
  HttpClient client(with_timeouts({.connect = 60s, .first_byte = 60s, .stall = 1s}), {});
  const std::string how =
      GENERATE(as<std::string>{}, "stall_after=0", "stall_after=50000", "rate=100");
  CAPTURE(how);
  KeptBytes body;
  const Error error =
      failure_of([&] { client.get(request_for(server.url("/a?size=100000&" + how)), body); });
  CHECK(error.kind() == ErrorKind::Transient);
  CHECK_THAT(error.what(), Contains("less than 1 KB/s for 1 s"));
}

TEST_CASE("an upload that nobody takes is a stall") {
  SilentPort port;
  port.listen();
  HttpClient client(with_timeouts({.connect = 60s, .first_byte = 60s, .stall = 1s}), {});
  // More than the kernel's buffers of both sides hold.
  const std::string text(64 * 1024 * 1024, 'x');
  TextSource source(text);
  const Error error = failure_of([&] {
    client.put(request_for("http://127.0.0.1:" + port.port() + "/"), source, text.size());
  });
  CHECK(error.kind() == ErrorKind::Transient);
  CHECK_THAT(error.what(), Contains("less than 1 KB/s for 1 s"));
}

TEST_CASE("a server that is silent before TLS is up counts as not connected") {
  SilentPort port;
  port.listen();
  HttpClient client(with_timeouts({.connect = 1s, .first_byte = 60s, .stall = 60s}), {});
  const Error error =
      failure_of([&] { client.send(request_for("https://127.0.0.1:" + port.port() + "/")); });
  CHECK(error.kind() == ErrorKind::Transient);
  CHECK(error.is_unreached());
}

TEST_CASE("the time that a sink or a source takes is not the network's") {
  ScriptedServer server;
  HttpClient client(with_timeouts({.connect = 60s, .first_byte = 60s, .stall = 2s}), {});
  const auto take_long = [&] { client.send(request_for(server.url("/slow?delay=2.5&size=1"))); };
  SECTION("a sink, in the middle of a body that is just fast enough") {
    KeptBytes body;
    int writes = 0;
    body.on_write([&] {
      if (++writes == 2) take_long();
    });
    CHECK(client.get(request_for(server.url("/a?size=4500&rate=1100")), body).ok());
    CHECK(body.text() == pattern(4500));
  }
  SECTION("a source") {
    PieceSource source("abcdef", 1);
    source.before_each([&, count = 0]() mutable {
      if (++count == 3) take_long();
    });
    CHECK(client.put(request_for(server.url("/a")), source, 6).ok());
  }
}

TEST_CASE("put sends exactly what the source gives") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  const std::string text = pattern(GENERATE(0U, 1U, 262'144U, 1'000'001U));
  const std::size_t piece = GENERATE(100'000U, 1'000'000U);
  PieceSource source(text, piece);
  CHECK(client.put(request_for(server.url("/a")), source, text.size()).status == 201);

  const auto requests = server.finish_and_read_log("request");
  REQUIRE(requests.size() == 1);
  CHECK_THAT(requests[0], Contains("\"method\":\"PUT\"") && !Contains("\"expect\""));
  CHECK_THAT(requests[0], Contains("\"content-length\":\"" + std::to_string(text.size()) + "\""));
  const auto bodies = server.finish_and_read_log("body");
  REQUIRE(bodies.size() == 1);
  CHECK(field(bodies[0], "complete") == "true");
  CHECK(field(bodies[0], "sha256") == "\"" + digest_of(DigestAlgorithm::Sha256, text).hex() + "\"");
}

TEST_CASE("a source that fails leaves the server without a complete body") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  const std::string text = pattern(GENERATE(1U, 1'000U, 1'000'000U));
  SECTION("it throws where it should end") {
    PieceSource source(text, 70'000, [] { throw std::domain_error("wrong digest"); });
    CHECK_THROWS_AS(client.put(request_for(server.url("/a")), source, text.size()),
                    std::domain_error);
  }
  SECTION("it ends too early") {
    PieceSource source(text, 70'000);
    const Error error =
        failure_of([&] { client.put(request_for(server.url("/a")), source, text.size() + 1); });
    CHECK(error.kind() == ErrorKind::Corrupt);
  }
  SECTION("it gives too much") {
    const std::string more = text + "!";
    PieceSource source(more, 70'000);
    const Error error =
        failure_of([&] { client.put(request_for(server.url("/a")), source, text.size()); });
    CHECK(error.kind() == ErrorKind::Corrupt);
  }
  CHECK(client.send(request_for(server.url("/a?size=1"))).ok());
  const auto bodies = server.finish_and_read_log("body");
  CHECK((text.size() < 1'000'000 || !bodies.empty()));
  for (const std::string& body : bodies) CHECK(field(body, "complete") == "false");
}

TEST_CASE("an empty source that fails is not uploaded at all") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  PieceSource source("", 1, [] { throw std::domain_error("wrong digest"); });
  CHECK_THROWS_AS(client.put(request_for(server.url("/a")), source, 0), std::domain_error);
  CHECK(server.finish_and_read_log("request").empty());
}

TEST_CASE("an upload that is refused early gives the answer") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  const std::string text = pattern(20'000'000);
  const std::string how = GENERATE(as<std::string>{}, "read_only=0", "read_only=100000");
  const int status = GENERATE(401, 413, 507);
  CAPTURE(how, status);
  TextSource source(text);
  const Url url = Url::parse(server.url("/a?body=too+much&linger=1&" + how))
                      .with_query("status", std::to_string(status));
  const Response response = client.put({"PUT", url, {}}, source, text.size());
  CHECK(response.status == status);
  CHECK(response.body == "too much");
}

TEST_CASE("a refusal that came while the source was waited for is read before more is sent") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  const std::string text = pattern(400'000);
  PieceSource source(text, 200'000);
  source.before_each([&, count = 0]() mutable {
    if (++count != 2) return;
    server.wait_for("closed");
    client.send(request_for(server.url("/later?delay=0.05&size=1")));
  });
  const Response response = client.put(
      request_for(server.url("/a?read_only=1000&status=413&body=too+much")), source, text.size());
  CHECK(response.status == 413);
  CHECK(response.body == "too much");
}

TEST_CASE("of a refusal the status is enough") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  const std::string how = GENERATE(as<std::string>{}, "", "&reset=1");
  TextSource source("x");
  const Response response = client.put(
      request_for(server.url("/a?status=413&body=too+much&content_length=100" + how)), source, 1);
  CHECK(response.status == 413);
}

TEST_CASE("of a success it is not") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  TextSource source("x");
  const Error error = failure_of([&] {
    client.put(request_for(server.url("/a?status=200&body=stored&content_length=100")), source, 1);
  });
  CHECK(error.kind() == ErrorKind::Transient);
}

TEST_CASE("an upload whose connection breaks without an answer may be tried again") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  const std::string text = pattern(20'000'000);
  TextSource source(text);
  const Error error = failure_of([&] {
    client.put(request_for(server.url("/a?read_only=100000&drop=1")), source, text.size());
  });
  CHECK(error.kind() == ErrorKind::Transient);
}

TEST_CASE("what a sink throws comes out unchanged") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  KeptBytes body;
  body.on_write([] { throw std::domain_error("mine"); });
  CHECK_THROWS_WITH(client.get(request_for(server.url("/a?size=1000000")), body), "mine");
  KeptBytes other;
  CHECK(client.get(request_for(server.url("/a?size=1000000")), other).ok());
  CHECK((other.text() == pattern(1'000'000)));
}

TEST_CASE("a stop request ends calls at once") {
  ScriptedServer server;
  std::stop_source stop;
  HttpClient client(direct(), stop.get_token());
  SECTION("that have not begun") {
    stop.request_stop();
    CHECK_THROWS_AS(client.send(request_for(server.url("/a?size=1"))), Cancelled);
    CHECK(server.finish_and_read_log("request").empty());
  }
  SECTION("that wait for an answer") {
    PieceSource source("x", 1, [&] { stop.request_stop(); });
    CHECK(time_of([&] {
            CHECK_THROWS_AS(client.put(request_for(server.url("/a?delay=30")), source, 1),
                            Cancelled);
          }) < 5s);
  }
  SECTION("that wait for the rest of a body, by another thread") {
    std::latch is_stalled(1);
    KeptBytes body;
    body.on_write([&] {
      if (body.text().size() == 1000) is_stalled.count_down();
    });
    std::jthread other([&] {
      is_stalled.wait();
      stop.request_stop();
    });
    CHECK(time_of([&] {
            CHECK_THROWS_AS(
                client.get(request_for(server.url("/a?size=2000&stall_after=1000")), body),
                Cancelled);
          }) < 5s);
  }
  SECTION("that connect") {
    SilentPort port;
    port.listen();
    std::jthread other([&] { stop.request_stop(); });
    CHECK(time_of([&] {
            CHECK_THROWS_AS(client.send(request_for("https://127.0.0.1:" + port.port() + "/")),
                            Cancelled);
          }) < 5s);
  }
}

TEST_CASE("connections are kept between calls, one for each call at a time") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  SECTION("one after the other") {
    for (int i = 0; i < 3; ++i) client.send(request_for(server.url("/a?size=1")));
    TextSource source("x");
    client.put(request_for(server.url("/a")), source, 1);
  }
  SECTION("at the same time") {
    KeptBytes body;
    body.on_write([&] { client.send(request_for(server.url("/b?size=1"))); });
    client.get(request_for(server.url("/a?size=1")), body);
    client.get(request_for(server.url("/a?size=1")), body);
  }
  std::multiset<std::string> peers;
  for (const std::string& line : server.finish_and_read_log("request")) {
    peers.insert(field(line, "peer"));
  }
  REQUIRE(peers.size() == 4);
  const bool is_sequence = peers.count(*peers.begin()) == 4;
  const bool is_nested = peers.count(*peers.begin()) == 2 && peers.count(*peers.rbegin()) == 2;
  CHECK((is_sequence || is_nested));
}

TEST_CASE("calls from many threads") {
  ScriptedServer server;
  HttpClient client(direct(), {});
  constexpr int kThreads = 8;
  constexpr int kCalls = 20;
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        for (int call = 0; call < kCalls; ++call) {
          const auto size = static_cast<std::size_t>(i * 10'000 + call);
          KeptBytes body;
          const Response response =
              client.get(request_for(server.url("/a?size=" + std::to_string(size))), body);
          if (response.ok() && body.text() == pattern(size)) ++good;
        }
      });
    }
  }
  CHECK(good == kThreads * kCalls);
}

TEST_CASE("a proxy is asked in place of the server") {
  ScriptedServer proxy;
  HttpOptions options = direct();
  options.proxy = "http://127.0.0.1:" + proxy.port();
  HttpClient client(options, {});
  SECTION("http") {
    CHECK(client.send(request_for("http://no.such.invalid/a?size=1")).ok());
    const auto log = proxy.finish_and_read_log("request");
    REQUIRE(log.size() == 1);
    CHECK_THAT(log[0], Contains("\"target\":\"http://no.such.invalid/a?size=1\""));
  }
  SECTION("https, by a tunnel that a token does not show up in") {
    start_crypto();
    Request request = request_for("https://no.such.invalid/a");
    request.token = Secret("s3cr3t");
    CHECK(failure_of([&] { client.send(request); }).kind() == ErrorKind::Transient);
    const auto log = proxy.finish_and_read_log("request");
    REQUIRE(log.size() == 1);
    CHECK_THAT(log[0], Contains("\"method\":\"CONNECT\"") && !Contains("x-auth-token"));
  }
}

TEST_CASE("a proxy that wants to know who asks") {
  const TemporaryDirectory directory;
  write_file(directory / "script", R"({"rules": [{"method": "CONNECT", "status": 407}]})");
  ScriptedServer proxy({"--script", directory / "script"});
  HttpOptions options = direct();
  options.proxy = "http://127.0.0.1:" + proxy.port();
  HttpClient client(options, {});
  const Error error = failure_of([&] { client.send(request_for("https://no.such.invalid/a")); });
  CHECK(error.kind() == ErrorKind::Denied);
  CHECK_THAT(error.what(), Contains("407"));
}

/// A client that notes what it hears, and asks who has been silent for 10 min no more.
class ListeningClient {
 public:
  explicit ListeningClient(HttpOptions options = direct(), std::stop_token stop = {}) {
    options.silent = silent;
    options.silence_limit = {600s, 2};
    http.emplace(std::move(options), std::move(stop));
  }

  void find_silent(const std::string& url, std::chrono::seconds time, int requests = 2) const {
    const auto now = SilentServers::Clock::now();
    for (int count = 0; count < requests; ++count) silent->unanswered(server(url), now - time, now);
  }
  SilentServers::Silence silence_of(const std::string& url) const {
    return silent->of(server(url));
  }

  std::shared_ptr<SilentServers> silent = std::make_shared<SilentServers>();
  std::optional<HttpClient> http;

 private:
  std::string server(const std::string& url) const {
    const auto proxy = http->options().proxy.value_or("");
    const auto at = proxy.find("//");
    return Url::parse(url).origin() + " " + (at == std::string::npos ? "" : proxy.substr(at + 2));
  }
};

TEST_CASE("a server that was silent for too long is not asked") {
  ScriptedServer server;
  ListeningClient client;
  KeptBytes body;
  const auto get = [&](const std::string& target) {
    return client.http->get(request_for(server.url(target)), body);
  };
  SECTION("and that is the end of it") {
    client.find_silent(server.url("/"), 600s);
    const Error error = failure_of([&] { get("/a?size=1&token=x"); });
    CHECK(error.kind() == ErrorKind::Transient);
    CHECK(error.origin() == Origin::Source);
    CHECK(error.host() == "127.0.0.1");
    CHECK(error.is_given_up());
    CHECK_THAT(error.what(), StartsWith("GET http://127.0.0.1:") &&
                                 EndsWith("/a?size=1&token=…: not asked: 127.0.0.1 has not "
                                          "answered for as long as retries.budget lets it "
                                          "(600 s)"));
    CHECK(server.finish_and_read_log("request").empty());
  }
  SECTION("until then it is, and what it says ends the silence") {
    const std::string status = GENERATE(as<std::string>{}, "200", "404", "503");
    client.find_silent(server.url("/"), 599s);
    CHECK(get("/a?size=1&status=" + status).status == std::stoi(status));
    CHECK(client.silence_of(server.url("/")).requests == 0);
  }
  SECTION("nor is one request enough, however long it was") {
    client.find_silent(server.url("/"), 600s, 1);
    CHECK(get("/a?size=1").ok());
  }
  SECTION("but another is") {
    client.find_silent("http://127.0.0.1:1/", 600s);
    client.find_silent("https://127.0.0.1:" + server.port() + "/", 600s);
    CHECK(get("/a?size=1").ok());
  }
  SECTION("while a body is coming from it, it is") {
    body.on_write([&] {
      client.find_silent(server.url("/"), 600s);
      KeptBytes other;
      CHECK(client.http->get(request_for(server.url("/b?size=1")), other).ok());
    });
    CHECK(get("/a?size=1").ok());
  }
}

TEST_CASE("where a redirect leads to a server that is silent, that one is not asked") {
  ScriptedServer server;
  ListeningClient client;
  const std::string silent = "http://127.0.0.1:" + server.port() + "/b?size=1";
  Url url = Url::parse("http://localhost:" + server.port() + "/a").with_query("redirect", silent);
  KeptBytes body;
  SECTION("as long as it is") {
    client.find_silent(silent, 600s);
    const Error error = failure_of([&] { client.http->get(following(url), body); });
    CHECK(error.host() == "127.0.0.1");
    CHECK_THAT(error.what(), Contains("not asked"));
    CHECK(server.finish_and_read_log("request").size() == 1);
  }
  SECTION("its body is its own, too") {
    body.on_write([&] {
      client.find_silent(silent, 600s);
      CHECK(client.silence_of(silent).requests == 0);
    });
    CHECK(client.http->get(following(url), body).ok());
  }
}

TEST_CASE("without a status there is silence") {
  ScriptedServer server;
  SilentPort refusing;
  HttpOptions options = with_timeouts({.connect = 60s, .first_byte = 1s, .stall = 60s});
  std::string url = server.url("/a?drop=1");
  auto least = 0s;
  SECTION("when the connection is closed") {}
  SECTION("when nobody takes it") { url = "http://127.0.0.1:" + refusing.port() + "/"; }
  SECTION("when no answer comes, as long as that takes") {
    url = server.url("/a?delay=60");
    least = 1s;
  }
  SECTION("when the proxy does not get there") {
    options.proxy = "http://127.0.0.1:" + server.port();
    url = "https://no.such.invalid/";
  }
  ListeningClient client(options);
  CHECK(failure_of([&] { client.http->send(request_for(url)); }).kind() == ErrorKind::Transient);
  CHECK(client.silence_of(url).requests == 1);
  CHECK(client.silence_of(url).time > least);
}

TEST_CASE("what ends a request otherwise is no silence") {
  ScriptedServer server;
  std::stop_source stop;
  ListeningClient client(with_timeouts({.connect = 60s, .first_byte = 60s, .stall = 1s}),
                         stop.get_token());
  KeptBytes body;
  SECTION("a stop request") {
    std::jthread other([&] {
      server.wait_for("request");
      stop.request_stop();
    });
    CHECK_THROWS_AS(client.http->send(request_for(server.url("/a?delay=60"))), Cancelled);
  }
  SECTION("a sink") {
    body.on_write([] { throw Error(ErrorKind::Transient, Origin::Target, "mine"); });
    CHECK_THROWS_WITH(client.http->get(request_for(server.url("/a?size=9")), body), "mine");
  }
  SECTION("a body that does not come on") {
    CHECK_THROWS_AS(client.http->get(request_for(server.url("/a?size=9&stall_after=0")), body),
                    Error);
  }
  CHECK(client.silence_of(server.url("/")).requests == 0);
}

}  // namespace
}  // namespace streamsync
