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
const std::string kDate = "Sun, 06 Nov 1994 08:49:37 GMT";

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
    ItemProgress progress;
    return stream(progress);
  }
  std::string stream(ItemProgress& progress) {
    KeptBytes bytes;
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

TEST_CASE("an item is gone on with behind what came of it") {
  const auto* settings = GENERATE(
      R"("body": "0123456789")", R"("body": "0123456789", "ignore_range": true)",
      R"("body": "0123456789", "range_shift": 1)", R"("body": "0123456789", "etag": "\"other\"")",
      R"("times": 1, "status": 501}, {"body": "0123456789")",
      R"("times": 1, "status": 403}, {"body": "0123456789")",
      R"("times": 1, "status": 206, "body": "x"}, {"body": "0123456789")",
      R"("times": 1, "status": 416}, {"body": "0123456789")");
  CAPTURE(settings);
  Mirror mirror(settings);
  ItemProgress progress{4, "\"first\"", true};
  CHECK(mirror.stream(progress) == "456789");
  CHECK(progress.offset == 10);
  CHECK_THAT(mirror.server().finish_and_read_log("request").at(0), Contains("bytes=4-"));
}

TEST_CASE("who does not give the part that was asked for is asked for none again") {
  Mirror mirror(R"("body": "0123456789", "range_shift": 1)");
  ItemProgress progress{4, {}, true};
  mirror.stream(progress);
  CHECK_FALSE(progress.takes_parts);
  progress.offset = 6;
  CHECK(mirror.stream(progress) == "6789");
  const auto requests = mirror.server().finish_and_read_log("request");
  REQUIRE(requests.size() == 3);
  CHECK_THAT(requests[0], Contains("bytes=4-"));
  CHECK_THAT(requests[1], !Contains("bytes="));
  CHECK_THAT(requests[2], !Contains("bytes="));
}

TEST_CASE("a part that nobody asked for is an error") {
  Mirror mirror(R"("status": 206, "body": "x")");
  const auto offset = GENERATE(as<std::uint64_t>(), 0, 4);
  ItemProgress progress{offset, {}, true};
  const Error error = failure_of([&] { mirror.stream(progress); });
  CHECK(error.kind() == ErrorKind::Protocol);
  CHECK(error.origin() == Origin::Source);
  CHECK(progress.offset == offset);
}

TEST_CASE("a rest that is of another file is not taken") {
  Mirror mirror(R"("body": "0123456789", "etag": "\"other\"", "ignore_if_range": true)");
  SECTION("by its tag") {
    ItemProgress progress{4, "\"first\"", true};
    CHECK(mirror.stream(progress) == "456789");
    CHECK_FALSE(progress.takes_parts);
    const auto requests = mirror.server().finish_and_read_log("request");
    REQUIRE(requests.size() == 2);
    CHECK_THAT(requests[0], Contains("bytes=4-"));
    CHECK_THAT(requests[1], !Contains("bytes="));
  }
  SECTION("where the beginning had none it may be the same") {
    ItemProgress progress{4, {}, true};
    CHECK(mirror.stream(progress) == "456789");
    CHECK(progress.validator == "\"other\"");
  }
}

TEST_CASE("a rest that is of a file of another date is not taken") {
  Mirror mirror(R"("body": "0123456789", "ignore_if_range": true,
                   "last_modified": "Sun, 06 Nov 1994 08:49:38 GMT")");
  ItemProgress progress{.offset = 4, .validator = kDate};
  CHECK(mirror.stream(progress) == "456789");
  CHECK_FALSE(progress.takes_parts);
  const auto requests = mirror.server().finish_and_read_log("request");
  REQUIRE(requests.size() == 2);
  CHECK_THAT(requests[0], Contains("bytes=4-"));
  CHECK_THAT(requests[1], !Contains("bytes="));
}

TEST_CASE("a rest of a file of that date, or of none, is taken") {
  const auto date = GENERATE_COPY(values({kDate, std::string()}));
  CAPTURE(date);
  Mirror mirror(R"("body": "0123456789", "ignore_if_range": true, "last_modified": ")" + date +
                '"');
  ItemProgress progress{.offset = 4, .validator = kDate};
  CHECK(mirror.stream(progress) == "456789");
  CHECK(progress.takes_parts);
  CHECK(progress.validator == kDate);
  CHECK(mirror.server().finish_and_read_log("request").size() == 1);
}

TEST_CASE("a rest is asked for by the validator of the beginning") {
  const auto [validator, asked] = GENERATE_COPY(table<std::string, std::string>({
      {R"("v1")", R"("if-range":"\"v1\"")"},
      {kDate, R"("if-range":")" + kDate + '"'},
  }));
  Mirror mirror(R"("body": "0123456789")");
  ItemProgress progress{.offset = 4, .validator = validator};
  mirror.stream(progress);
  CHECK_THAT(mirror.server().finish_and_read_log("request").at(0), Contains(asked));
}

TEST_CASE("a server that is busy is not one that gives no parts") {
  Mirror mirror(R"("status": 503)");
  ItemProgress progress{4, {}, true};
  CHECK(failure_of([&] { mirror.stream(progress); }).kind() == ErrorKind::Transient);
  CHECK(progress.takes_parts);
}

TEST_CASE("the validator of the beginning is kept for the next part where it is strong") {
  const std::string tag = R"(ETag: \"v1\"\r\n)", weak = R"(ETag: W/\"v1\"\r\n)",
                    modified = R"(Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n)",
                    a_while_later = R"(Date: Sun, 06 Nov 1994 08:49:39 GMT\r\n)",
                    too_close = R"(Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n)",
                    before = R"(Date: Sun, 06 Nov 1994 08:48:37 GMT\r\n)";
  const auto [said, kept] = GENERATE_COPY(table<std::string, std::string>({
      {tag, R"("v1")"},
      {weak, ""},
      {modified + a_while_later, kDate},
      {modified + too_close, ""},
      {modified + before, ""},
      {modified, ""},
      {modified + R"(Date: then\r\n)", ""},
      {R"(Last-Modified: then\r\n)" + a_while_later, ""},
      {tag + modified + a_while_later, R"("v1")"},
      {weak + modified + a_while_later, ""},
  }));
  CAPTURE(said);
  Mirror mirror(R"("raw": "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n)" + said + R"(\r\n0123")");
  ItemProgress progress;
  mirror.stream(progress);
  CHECK(progress.validator == kept);
}

TEST_CASE("a part that says nothing of its file leaves the validator, a whole file does not") {
  const auto [settings, kept] = GENERATE(table<std::string, std::string>({
      {R"("body": "0123456789", "ignore_if_range": true)", R"("v1")"},
      {R"("body": "0123456789")", ""},
  }));
  Mirror mirror(settings);
  ItemProgress progress{.offset = 4, .validator = R"("v1")"};
  mirror.stream(progress);
  CHECK(progress.validator == kept);
}

TEST_CASE("a document is taken as a whole or not at all") {
  const auto [settings, is_taken] = GENERATE(table<std::string, bool>({
      {R"("body": "{}", "status": 203)", true},
      {R"("body": "{}", "status": 206)", false},
      {R"("raw": "HTTP/1.1 204 No Content\r\n\r\n")", false},
  }));
  CAPTURE(settings);
  Mirror mirror(settings);
  if (is_taken) {
    CHECK(mirror.fetch()->bytes.size() == 2);
  } else {
    const auto failure = failure_of([&] { mirror.fetch(); });
    CHECK(failure.kind() == ErrorKind::Protocol);
    CHECK_THAT(failure.what(), Catch::Contains("which gives no whole document"));
  }
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
