#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/http/http_client.h"
#include "tests/support/scripted_server.h"
#include "tests/unit/base/failure.h"
#include "tests/unit/base/temporary_directory.h"
#include "tests/unit/http/kept_bytes.h"

namespace streamsync {
namespace {

using Catch::Matchers::Contains;

/// Files by make_certificates.sh.
class Certificates {
 public:
  Certificates() {
    const std::string command =
        TEST_SUPPORT "/make_certificates.sh '" + directory_.path().string() + "'";
    REQUIRE(std::system(command.c_str()) == 0);
  }
  std::string operator/(std::string_view name) const { return directory_ / name; }

 private:
  TemporaryDirectory directory_;
};

HttpOptions trusting(const std::string& ca_file) {
  HttpOptions options;
  options.proxy = "";
  options.ca_file = ca_file;
  return options;
}

Response ask(const HttpOptions& options, const std::string& url) {
  HttpClient client(options, {});
  return client.send({"GET", Url::parse(url), {}});
}

TEST_CASE("a private CA is trusted when it is named") {
  const Certificates certificates;
  ScriptedServer server({"--cert", certificates / "server.pem"});
  CHECK(ask(trusting(certificates / "ca.pem"), server.url("/a?body=secure")).body == "secure");
  CHECK(ask(trusting(certificates / "ca.pem"),
            "https://localhost:" + server.port() + "/a?body=secure")
            .body == "secure");
}

TEST_CASE("a private CA can be given as text") {
  const Certificates certificates;
  ScriptedServer server({"--cert", certificates / "server.pem"});
  HttpOptions options;
  options.proxy = "";
  options.ca_pem = read_file(certificates / "ca.pem");
  CHECK(ask(options, server.url("/a?size=1")).ok());

  const Certificates others;
  options.ca_pem = read_file(others / "ca.pem");
  const Error error = failure_of([&] { ask(options, server.url("/a?size=1")); });
  CHECK(error.kind() == ErrorKind::Denied);
}

TEST_CASE("a server that nobody vouches for is refused, and nothing is asked of it") {
  const Certificates certificates;
  ScriptedServer server({"--cert", certificates / "server.pem"});
  HttpOptions options;
  options.proxy = "";
  const auto [origin, option] = GENERATE(
      table<Origin, std::string>({{Origin::Source, "ca_file"}, {Origin::Target, "OS_CACERT"}}));
  options.origin = origin;
  const Error error = failure_of([&] { ask(options, server.url("/a?size=1")); });
  CHECK(error.kind() == ErrorKind::Denied);
  CHECK(error.origin() == origin);
  CHECK_THAT(error.what(), Contains("certificate") && Contains(option));
  CHECK(server.finish_and_read_log("request").empty());
}

TEST_CASE("a certificate that is wrong under any CA is refused, with its own reason") {
  const Certificates certificates;
  const auto [name, reason] = GENERATE(table<std::string, std::string>(
      {{"expired.pem", "expired"}, {"other-host.pem", "does not match|no alternative"}}));
  CAPTURE(name);
  ScriptedServer server({"--cert", certificates / name});
  const Error error =
      failure_of([&] { ask(trusting(certificates / "ca.pem"), server.url("/a?size=1")); });
  CHECK(error.kind() == ErrorKind::Denied);
  CHECK_THAT(error.what(),
             Catch::Matchers::Matches(".*(" + reason + ").*") && !Contains("ca_file"));
}

TEST_CASE("verification can be switched off") {
  const Certificates certificates;
  const std::string name =
      GENERATE(as<std::string>{}, "server.pem", "expired.pem", "other-host.pem");
  ScriptedServer server({"--cert", certificates / name});
  HttpOptions options;
  options.proxy = "";
  options.tls = TlsVerification::Off;
  CHECK(ask(options, server.url("/a?size=1")).ok());
}

TEST_CASE("TLS before 1.2 is not spoken") {
  const Certificates certificates;
  const auto [version, is_good] = GENERATE(
      table<std::string, bool>({{"1.0", false}, {"1.1", false}, {"1.2", true}, {"1.3", true}}));
  CAPTURE(version);
  ScriptedServer server({"--cert", certificates / "server.pem", "--tls", version});
  const HttpOptions options = trusting(certificates / "ca.pem");
  if (is_good) {
    CHECK(ask(options, server.url("/a?size=1")).ok());
  } else {
    const Error error = failure_of([&] { ask(options, server.url("/a?size=1")); });
    CHECK(error.kind() == ErrorKind::Transient);
  }
}

TEST_CASE("a CA file that can't be used is an error of configuration") {
  const Certificates certificates;
  write_file(certificates / "garbage", "no certificate");
  ScriptedServer server({"--cert", certificates / "server.pem"});
  const std::string name = GENERATE(as<std::string>{}, "missing", "garbage");
  const Error error = failure_of([&] { ask(trusting(certificates / name), server.url("/")); });
  CHECK(error.kind() == ErrorKind::Config);
  CHECK_THAT(error.what(), Contains("ca_file") && Contains(name));
}

TEST_CASE("redirects never leave https") {
  const Certificates certificates;
  ScriptedServer secure({"--cert", certificates / "server.pem"});
  ScriptedServer plain;
  HttpClient client(trusting(certificates / "ca.pem"), {});
  const auto get = [&](const ScriptedServer& from, const std::string& to,
                       Redirects redirects = Redirects::Follow) {
    KeptBytes body;
    Request request{.url = Url::parse(from.url("/a")).with_query("redirect", to)};
    request.redirects = redirects;
    return client.get(request, body).status;
  };
  CHECK(get(secure, secure.url("/b?size=1")) == 200);
  CHECK(get(plain, secure.url("/b?size=1")) == 200);
  // The certificate says that it is the host that was asked.
  CHECK(get(plain, secure.url("/b?size=1"), Redirects::SameHost) == 200);
  const Error error = failure_of([&] { get(secure, plain.url("/b?size=1")); });
  CHECK(error.kind() == ErrorKind::Untrusted);
  CHECK_THAT(error.what(), Contains("from https to http"));
  CHECK(plain.finish_and_read_log("request").size() == 2);
}

TEST_CASE("uploads and answers over TLS") {
  const Certificates certificates;
  ScriptedServer server({"--cert", certificates / "server.pem"});
  HttpClient client(trusting(certificates / "ca.pem"), {});
  const std::string text(3'000'000, 'x');
  TextSource source(text);
  CHECK(client.put({"PUT", Url::parse(server.url("/a")), {}}, source, text.size()).status == 201);
  KeptBytes body;
  CHECK(client.get({"GET", Url::parse(server.url("/a?size=3000000")), {}}, body).ok());
  CHECK(body.text().size() == 3'000'000);
}

}  // namespace
}  // namespace streamsync
