#include "base/http/url.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "base/error.h"
#include "tests/unit/base/failure.h"

namespace streamsync {
namespace {

TEST_CASE("Url::parse gives one spelling to equal URLs") {
  const auto [given, expected] = GENERATE(table<std::string, std::string>({
      {"HTTP://Cloud-Images.Ubuntu.COM/Releases", "http://cloud-images.ubuntu.com/Releases"},
      {"http://h:80", "http://h/"},
      {"https://h:443/", "https://h/"},
      {"http://h:8080/", "http://h:8080/"},
      {"http://h/a/./b/../c", "http://h/a/c"},
      {"http://h/a#part", "http://h/a"},
      {"http://h/caf\xC3\xA9", "http://h/caf%C3%A9"},
      {"http://h/a\"b<c>", "http://h/a%22b%3Cc%3E"},
      {"http://h/a%2Fb%zz", "http://h/a%2Fb%25zz"},
      {"http://h/?a=\"", "http://h/?a=%22"},
      {"http://[::1]:8080/x", "http://[::1]:8080/x"},
      {"http://user:pa%40ss@h/x", "http://user:pa%40ss@h/x"},
      {"file:///srv/a", "file:///srv/a"},
      {"file:/srv/a", "file:///srv/a"},
      {"file://localhost/srv/a", "file:///srv/a"},
      {"file:///srv/a:b", "file:///srv/a:b"},
      {"file:///../c:/a", "file:///c%3A/a"},
      {"/srv/my mirror/100%/?#", "file:///srv/my%20mirror/100%25/%3F%23"},
  }));
  CAPTURE(given);
  CHECK(Url::parse(given).str() == expected);
  CHECK(Url::parse(expected).str() == expected);
}

TEST_CASE("Url::parse takes relative file names from the working directory") {
  const auto here = std::filesystem::current_path().string();
  const Url url = Url::parse("mirror/index.json");
  CHECK(url.scheme() == "file");
  CHECK(url.path() == percent_encode_path(here + "/mirror/index.json"));
}

TEST_CASE("Url::parse takes the root directory") {
  CHECK(Url::parse("/").str() == "file:///");
  CHECK(Url::parse("file:///").str() == "file:///");
}

TEST_CASE("Url::parse refuses what is no URL of ours") {
  const auto text =
      GENERATE(as<std::string>{}, "", "ftp://h/", "gopher://h/", "bundle://x", "http://", "http:h",
               "http://h:99999/", "http://h o/", "http://u@/x", "http://h/a b",
               "file://elsewhere/a", "http://h/\x01", std::string("http://h/a\0b", 12), "://h");
  CAPTURE(text);
  const Error error = failure_of([&] { Url::parse(text); });
  CHECK(error.kind() == ErrorKind::Config);
  CHECK(error.origin() == Origin::Config);
}

TEST_CASE("messages about bad URLs show no secrets") {
  const auto text =
      GENERATE(as<std::string>{}, "ftp://user:secret@h/", "http://user:sec/ret@h:x/",
               "http://user:secret@h o/", "gopher://h/?token=secret", "http:///user:secret@h o/",
               "http:user:secret@h/", "http://secret@h:80x/", "gopher://u:secret?x@h",
               "ftp://h?t=a@secret", "gopher://u:secret@h/?x=a@b");
  CAPTURE(text);
  const std::string message = failure_of([&] { Url::parse(text); }).what();
  CHECK(message.find("secret") == std::string::npos);
  CHECK(message.find("sec/ret") == std::string::npos);
}

TEST_CASE("the parts of a URL") {
  const Url url = Url::parse("https://user:password@Mirror.example:8443/a/b%20c?x=1");
  CHECK(url.scheme() == "https");
  CHECK(url.host() == "mirror.example");
  CHECK(url.origin() == "https://mirror.example:8443");
  CHECK(url.path() == "/a/b%20c");
}

TEST_CASE("origins differ by scheme, host and port only") {
  const auto [left, right, same] = GENERATE(table<std::string, std::string, bool>({
      {"http://h/a", "http://h:80/b?c", true},
      {"https://H/a", "https://u:p@h:443/", true},
      {"http://h/", "https://h/", false},
      {"http://h/", "http://h:8080/", false},
      {"http://h/", "http://h.example/", false},
      {"file:///a", "file:///b", true},
  }));
  CAPTURE(left, right);
  CHECK((Url::parse(left).origin() == Url::parse(right).origin()) == same);
}

TEST_CASE("redacted() is fit for logs and metadata") {
  const auto [given, expected] = GENERATE(table<std::string, std::string>({
      {"http://user:password@h/a", "http://h/a"},
      {"http://user@h/a@b", "http://h/a@b"},
      {"http://h/a@b", "http://h/a@b"},
      {"http://h/?a@b=c", "http://h/?a@b=c"},
      {"http://h/o?temp_url_sig=abc&temp_url_expires=5",
       "http://h/o?temp_url_sig=\u2026&temp_url_expires=5"},
      {"http://h/?X-Amz-Signature=1&x-amz-security-token=2&limit=3&AWSAccessKeyId=4",
       "http://h/"
       "?X-Amz-Signature=\u2026&x-amz-security-token=\u2026&limit=3&AWSAccessKeyId=\u2026"},
      {"http://h/?%74oken=abc", "http://h/?%74oken=\u2026"},
      {"http://h/?token", "http://h/?token"},
      {"http://h/?&&a=b&", "http://h/?&&a=b&"},
      {"file:///srv/a", "file:///srv/a"},
  }));
  CAPTURE(given);
  CHECK(Url::parse(given).redacted() == expected);
}

TEST_CASE("user and password of a URL") {
  const auto [given, userinfo] = GENERATE(table<std::string, std::string>({
      {"http://h/a@b", ""},
      {"http://h/?a@b", ""},
      {"http://user@h/", "user"},
      {"http://user:pa%40ss@h:80/a@b", "user:pa%40ss"},
      {"file:///srv/a@b", ""},
  }));
  CAPTURE(given);
  CHECK(Url::parse(given).userinfo() == userinfo);
}

TEST_CASE("user and password can be given to another URL") {
  CHECK(Url::parse("http://h:8080/b").with_userinfo("u:pa%40ss").str() ==
        "http://u:pa%40ss@h:8080/b");
  CHECK(Url::parse("http://h/b").with_userinfo("").str() == "http://h/b");
}

TEST_CASE("resolve() tells where a Location leads") {
  const auto [reference, expected] = GENERATE(table<std::string, std::string>({
      {"c", "http://h:8080/a/c"},
      {"../c?x=1", "http://h:8080/c?x=1"},
      {"/c", "http://h:8080/c"},
      {"?x=1", "http://h:8080/a/b?x=1"},
      {"//g/c", "http://g/c"},
      {"https://g:443/c", "https://g/c"},
      {"HTTPS://G/my file", "https://g/my%20file"},
      {"http://u:p@g/c", "http://u:p@g/c"},
      {"file:///etc/passwd", "file:///etc/passwd"},
      {"http://2130706433/", "http://127.0.0.1/"},
      {"http://0x7f.1/", "http://127.0.0.1/"},
      {"/../../c", "http://h:8080/c"},
  }));
  CAPTURE(reference);
  // What the server sends is its choice, so none of our password is in it.
  CHECK(Url::parse("http://user:secret@h:8080/a/b").resolve(reference).str() == expected);
}

TEST_CASE("resolve() refuses what leads nowhere") {
  const auto reference = GENERATE(as<std::string>{}, "ftp://h/", "gopher://h/", "http://",
                                  "http://h:99999/", "ht\x01");
  CAPTURE(reference);
  CHECK(failure_of([&] { Url::parse("http://h/").resolve(reference); }).kind() ==
        ErrorKind::Config);
}

TEST_CASE("without_userinfo() leaves all else as it was written") {
  CHECK(without_userinfo("https://Keystone.Example:443/v3") == "https://Keystone.Example:443/v3");
  CHECK(without_userinfo("https://user:pa@ss@h:443/v3") == "https://h:443/v3");
  CHECK(without_userinfo("http://h/a@b") == "http://h/a@b");
  CHECK(without_userinfo("http://u@h") == "http://h");
  CHECK(without_userinfo("file:///a@b") == "file:///a@b");
}

TEST_CASE("user info is found behind any slashes that libcurl takes") {
  const auto text =
      GENERATE(as<std::string>{}, "http:/user:secret@h/v3", "http:///user:secret@h/v3");
  CAPTURE(text);
  CHECK(Url::parse(text).userinfo() == "user:secret");
  CHECK(without_userinfo(text).find("secret") == std::string::npos);
  CHECK(Url::parse(without_userinfo(text)).str() == "http://h/v3");
}

TEST_CASE("join() keeps scheme, host, port and prefix") {
  const auto [base, path, expected] = GENERATE(table<std::string, std::string, std::string>({
      {"http://h/releases/", "streams/v1/index.sjson", "http://h/releases/streams/v1/index.sjson"},
      {"http://h/releases", "streams/v1/index.sjson", "http://h/releases/streams/v1/index.sjson"},
      {"http://h", "a", "http://h/a"},
      {"http://u:p@h:81/x", "a", "http://u:p@h:81/x/a"},
      {"http://h/x/?sig=1", "a/b", "http://h/x/a/b?sig=1"},
      {"http://h/", "streams/com.ubuntu.cloud:released:download.sjson",
       "http://h/streams/com.ubuntu.cloud:released:download.sjson"},
      {"http://h/", "a b/c%20d/\xC3\xA9[1]", "http://h/a%20b/c%20d/%C3%A9%5B1%5D"},
      {"http://h/", "a/b@c;d=e,f+g!$&'()*~", "http://h/a/b@c;d=e,f+g!$&'()*~"},
      {"http://h/a//", "b", "http://h/a//b"},
      {"file:///srv/my%20mirror", "a b", "file:///srv/my%20mirror/a%20b"},
      {"file:///", "a/b:c", "file:///a/b:c"},
  }));
  CAPTURE(base, path);
  CHECK(Url::parse(base).join(RelativePath::parse(path)).str() == expected);
}

TEST_CASE("append() puts exactly one slash between") {
  const auto [base, rest, expected] = GENERATE(table<std::string, std::string, std::string>({
      {"http://h/v3", "auth/tokens", "http://h/v3/auth/tokens"},
      {"http://h/v3/", "/auth/tokens", "http://h/v3/auth/tokens"},
      {"http://h", "v2/images?limit=5", "http://h/v2/images?limit=5"},
      {"http://h/a?x=1", "b?y=2", "http://h/a/b?y=2&x=1"},
      {"http://h/a", "", "http://h/a/"},
  }));
  CAPTURE(base, rest);
  CHECK(Url::parse(base).append(rest).str() == expected);
}

TEST_CASE("with_query() encodes both sides") {
  const Url url = Url::parse("http://u:p@h/a");
  CHECK(url.with_query("limit", "5").str() == "http://u:p@h/a?limit=5");
  CHECK(url.with_query("limit", "5").with_query("name", "a b&c=d/e+\xC3\xA9").str() ==
        "http://u:p@h/a?limit=5&name=a%20b%26c%3Dd%2Fe%2B%C3%A9");
  CHECK(url.with_query("a=b", "").str() == "http://u:p@h/a?a%3Db=");
}

TEST_CASE("percent_encode_path() leaves only unreserved characters and slashes") {
  CHECK(percent_encode_path("a-b.c_d~e/F9") == "a-b.c_d~e/F9");
  CHECK(percent_encode_path("a b:c%20?\xFF") == "a%20b%3Ac%2520%3F%FF");
}

}  // namespace
}  // namespace streamsync
