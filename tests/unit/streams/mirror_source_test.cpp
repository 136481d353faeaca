#include "streams/mirror_source.h"

#include <catch2/catch.hpp>

#include "tests/support/scripted_server.h"
#include "tests/unit/base/failure.h"
#include "tests/unit/base/temporary_directory.h"
#include "tests/unit/http/kept_bytes.h"

namespace streamsync {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

const RelativePath kPath = RelativePath::parse("streams/v1/index.sjson");

/// One server for all paths, that does as the settings of scripted_server.py say.
class Mirror {
 public:
  explicit Mirror(const std::string& settings, MirrorRules rules = {})
      : script_(write(settings)),
        server_({"--script", script_}),
        http_(direct(), {}),
        source_(Url::parse(server_.url("/")), http_, rules) {}

  std::optional<FetchedDocument> fetch(const Validator& known = {}) {
    return source_.fetch(kPath, known);
  }
  std::string stream() {
    KeptBytes bytes;
    ItemProgress progress;
    source_.stream(kPath, progress, bytes);
    return bytes.text();
  }
  ScriptedServer& server() { return server_; }

 private:
  static HttpOptions direct() {
    HttpOptions options;
    options.proxy = "";
    return options;
  }
  std::string write(const std::string& settings) {
    write_file(directory_ / "script", "{\"rules\": [{" + settings + "}]}");
    return directory_ / "script";
  }

  TemporaryDirectory directory_;
  std::string script_;
  ScriptedServer server_;
  HttpClient http_;
  MirrorSource source_;
};

TEST_CASE("a document comes with what the server says about it") {
  Mirror mirror(R"("body": "text", "etag": "\"v1\"")");
  const auto document = mirror.fetch();
  REQUIRE(document);
  CHECK(document->bytes.size() == 4);
  CHECK(document->validator.etag == "\"v1\"");
  CHECK_FALSE(mirror.fetch(document->validator));
}

TEST_CASE("a document that does not end is refused at the cap") {
  const std::string how = GENERATE(as<std::string>{}, "\"chunked\": 1", "\"no_length\": 1", "");
  CAPTURE(how);
  Mirror mirror("\"size\": 1000000000000" + (how.empty() ? "" : ", " + how),
                {.max_document = 1'000'000});
  const Error error = failure_of([&] { mirror.fetch(); });
  CHECK(error.kind() == ErrorKind::Guard);
  CHECK(error.origin() == Origin::Source);
  CHECK_THAT(error.what(), Contains("max_document"));
}

TEST_CASE("a document of just that size is taken") {
  Mirror mirror("\"size\": 1000000", {.max_document = 1'000'000});
  CHECK(mirror.fetch()->bytes.size() == 1'000'000);
}

TEST_CASE("a document that trickles in ends, too") {
  Mirror mirror("\"size\": 1000000, \"rate\": 2000", {.max_document_time = 300ms});
  const Error error = failure_of([&] { mirror.fetch(); });
  CHECK(error.kind() == ErrorKind::Guard);
  CHECK(error.origin() == Origin::Source);
}

TEST_CASE("an item may take its time") {
  Mirror mirror("\"size\": 3000, \"rate\": 3000", {.max_document_time = 100ms});
  CHECK(mirror.stream().size() == 3000);
}

TEST_CASE("what is not signed is not fetched from elsewhere") {
  ScriptedServer elsewhere;
  const std::string redirect = "\"redirect\": \"" + elsewhere.url("/x?size=3") + "\"";
  Mirror mirror(redirect, {.redirects = Redirects::SameHost});
  CHECK(failure_of([&] { mirror.fetch(); }).kind() == ErrorKind::Untrusted);
  CHECK(failure_of([&] { mirror.stream(); }).kind() == ErrorKind::Untrusted);
  CHECK(elsewhere.finish_and_read_log("request").empty());
}

TEST_CASE("what will be verified may come from elsewhere") {
  ScriptedServer elsewhere;
  Mirror mirror("\"redirect\": \"" + elsewhere.url("/x?size=3") + "\"");
  CHECK(mirror.fetch()->bytes.size() == 3);
  CHECK(mirror.stream().size() == 3);
}

}  // namespace
}  // namespace streamsync
