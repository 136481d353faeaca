#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/http/http_client.h"
#include "tests/unit/base/temporary_directory.h"
#include "tests/unit/http/kept_bytes.h"

namespace streamsync {
namespace {

Request request_for(const std::filesystem::path& path, std::string method = "GET") {
  return {std::move(method), Url::parse(path.string()), {}};
}

TEST_CASE("file URLs are answered as by a server") {
  const TemporaryDirectory directory;
  HttpClient client({}, {});
  KeptBytes body;

  SECTION("a file") {
    const std::string content(700'000, 'x');
    write_file(directory / "a b%20c?d#e", content);
    const Response response = client.get(request_for(directory / "a b%20c?d#e"), body);
    CHECK(response.status == 200);
    CHECK(response.headers.find("content-length") == "700000");
    CHECK(response.body.empty());
    CHECK(body.text() == content);
    CHECK_FALSE(body.is_finished());
  }
  SECTION("an escaped name in a URL") {
    write_file(directory / "a b", "content");
    const Url url = Url::parse("file://" + directory.path().string() + "/a%20b");
    CHECK(client.get({"GET", url, {}}, body).status == 200);
    CHECK(body.text() == "content");
  }
  SECTION("an empty file") {
    write_file(directory / "empty", "");
    CHECK(client.get(request_for(directory / "empty"), body).status == 200);
    CHECK(body.text().empty());
  }
  SECTION("nothing there") {
    CHECK(client.get(request_for(directory / "missing"), body).status == 404);
    write_file(directory / "file", "x");
    CHECK(client.get(request_for(directory / "file" / "below"), body).status == 404);
    CHECK(client.get({"GET", Url::parse("file:///etc/passwd%00x"), {}}, body).status == 404);
    CHECK(body.text().empty());
  }
  SECTION("a directory") {
    CHECK(client.get(request_for(directory.path()), body).status == 403);
    CHECK(client.get(request_for(directory.path() / ""), body).status == 403);
  }
  SECTION("a FIFO, without waiting for its writer") {
    REQUIRE(::mkfifo((directory / "fifo").c_str(), 0600) == 0);
    CHECK(client.get(request_for(directory / "fifo"), body).status == 403);
  }
  SECTION("a file that may not be read") {
    write_file(directory / "secret", "x");
    REQUIRE(::chmod((directory / "secret").c_str(), 0) == 0);
    const int expected = ::geteuid() == 0 ? 200 : 403;
    CHECK(client.get(request_for(directory / "secret"), body).status == expected);
  }
}

TEST_CASE("send reads files as well, and changes none") {
  const TemporaryDirectory directory;
  write_file(directory / "file", "content");
  HttpClient client({}, {});

  CHECK(client.send(request_for(directory / "file")).body == "content");
  const Response head = client.send(request_for(directory / "file", "HEAD"));
  CHECK(head.status == 200);
  CHECK(head.body.empty());
  CHECK(head.headers.find("Content-Length") == "7");

  CHECK(client.send(request_for(directory / "file", "DELETE")).status == 405);
  CHECK(client.send(request_for(directory / "file", "PUT")).status == 405);
  TextSource other("other");
  CHECK(client.put(request_for(directory / "file", "PUT"), other, 5).status == 405);
  CHECK(read_file(directory / "file") == "content");
}

TEST_CASE("reading a file ends when asked to") {
  const TemporaryDirectory directory;
  write_file(directory / "file", "content");
  std::stop_source stop;
  stop.request_stop();
  HttpClient client({}, stop.get_token());
  KeptBytes body;
  CHECK_THROWS_AS(client.get(request_for(directory / "file"), body), Cancelled);
}

TEST_CASE("what the sink of a file throws comes out") {
  const TemporaryDirectory directory;
  write_file(directory / "file", "content");
  HttpClient client({}, {});
  KeptBytes body;
  body.on_write([] { throw std::domain_error("mine"); });
  CHECK_THROWS_AS(client.get(request_for(directory / "file"), body), std::domain_error);
}

}  // namespace
}  // namespace streamsync
