#include "base/relative_path.h"

#include <catch2/catch.hpp>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "tests/unit/base/failure.h"

using namespace streamsync;
using std::string_literals::operator""s;

TEST_CASE("paths as streams have them are taken as they are") {
  const auto path = GENERATE(
      as<std::string>(), "streams/v1/index.sjson", "index.json",
      "streams/v1/com.ubuntu.cloud:released:download.sjson",
      "server/releases/xenial/release-20161104/ubuntu-16.04-server-cloudimg-amd64-disk1.img",
      "a/b%20c/d+e", "a/..b", "a/b..", ".../x", ".hidden/x", "a/%252e%252e/b", "part/a.parts",
      "data/.datax", "a~1/@b", "100%25", "Grüße/日本", std::string(255, 'x'));
  CHECK(RelativePath::parse(path).str() == path);
}

TEST_CASE("hostile paths are refused") {
  const auto path = GENERATE(
      as<std::string>(), "", ".", "..", "../x", "a/..", "a/../../b", "a/../b", "./a", "a/./b",
      "a/.", "/", "/etc/x", "//h/x", "a//b", "a/", "%2e%2e/x", "%2E%2E/x", "a/%2e%2e", ".%2e/x",
      "a/%2e/b", "..%2fx", "a%2f..%2fb", "%2fetc%2fx", "a%2f%2fb", "a\\..\\b", "..\\x", "a%5cb",
      "C:\\x", "C:/x", "nul\0x"s, "nul%00x", "a\nb", "a%0ab", "a\rb", "a\tb", "\x1b[2J/x", "a\x7f",
      "a\xc2\x85z", "a\xffz", "a/%ff", "%c0%ae%c0%ae/x", "http://evil/x", "file:///etc/x",
      "javascript:x", "a?b", "a/b?c=d", "a#b", "a%", "a%4", "a%zz", ".data/x", "a/.data", ".DATA/x",
      "%2edata/x", ".streamsync/x", "a/.streamsync", "x.part", "a.part/b", "x.PART", "x%2epart",
      std::string(256, 'x'), "a/" + std::string(256, 'x') + "/b",
      std::string(4997, 'a').append("/b"), "%41" + std::string(255, 'x'));
  CAPTURE(path);
  const Error error = failure_of([&] { RelativePath::parse(path); });
  CHECK(error.kind() == ErrorKind::Malformed);
  CHECK(error.origin() == Origin::Source);
}

TEST_CASE("rules hold for every path that is made of difficult parts") {
  // As the rules are written, for a path that is decoded already.
  const auto is_safe_name = [](const std::string& path) {
    if (path.empty() || path.size() > 4096 || path.front() == '/') return false;
    if (path.find('\\') != std::string::npos || printable(path) != path) return false;
    for (const auto segment : split(path, '/')) {
      const std::string lower = to_lower_ascii(segment);
      if (lower.empty() || lower == "." || lower == ".." || lower.size() > 255) return false;
      if (lower == ".data" || lower == ".streamsync" || lower.ends_with(".part")) return false;
    }
    return true;
  };
  const std::vector<std::pair<std::string, std::string>> parts = {
      {"a", "a"},
      {"/", "/"},
      {".", "."},
      {"..", ".."},
      {"%2e", "."},
      {"%2F", "/"},
      {"%41", "A"},
      {".dAtA", ".dAtA"},
      {".streamsync", ".streamsync"},
      {".Part", ".Part"},
      {"%2epart", ".part"},
      {"\\", "\\"},
      {"%5c", "\\"},
      {" ", " "},
      {"\x7f", "\x7f"},
      {"%7f", "\x7f"},
      {"é", "é"},
      {"%c3%a9", "é"},
      {"\xc3", "\xc3"},
      {"%c3", "\xc3"},
      {std::string(255, 'x'), std::string(255, 'x')},
      {"%25", "%"},
      {"-_~+@,;=!$&'()*", "-_~+@,;=!$&'()*"}};
  for (const auto& first : parts) {
    for (const auto& second : parts) {
      for (const auto& third : parts) {
        const std::string text = first.first + second.first + third.first;
        const bool is_safe =
            is_safe_name(text) && is_safe_name(first.second + second.second + third.second);
        CAPTURE(text);
        bool is_taken = true;
        try {
          RelativePath::check(text);
        } catch (const Error&) {
          is_taken = false;
        }
        REQUIRE(is_taken == is_safe);
      }
    }
  }
}

TEST_CASE("checking refuses as parsing does") {
  for (const std::string path : {"../x", "a?b", "a:b/c", "%zz", ".DATA", "a//b"}) {
    CHECK(std::string(failure_of([&] { RelativePath::check(path); }).what()) ==
          failure_of([&] { RelativePath::parse(path); }).what());
  }
  CHECK_NOTHROW(RelativePath::check("a/b:c"));
}

TEST_CASE("4096 bytes are taken, one more is not") {
  std::string path(100, 'x');
  while (path.size() < 4096 - 101) path += "/" + std::string(100, 'x');
  path += "/" + std::string(4096 - path.size() - 1, 'x');
  REQUIRE(path.size() == 4096);
  CHECK(RelativePath::parse(path).str().size() == 4096);
  CHECK_THROWS_AS(RelativePath::parse(path + "x"), Error);
}

TEST_CASE("the message names path and rule and is safe for a terminal") {
  CHECK_THROWS_WITH(RelativePath::parse("a/../b"),
                    Catch::Contains("'a/../b'") && Catch::Contains("'..'"));
  CHECK_THROWS_WITH(RelativePath::parse("\x1b[2J"), Catch::Contains("\\x1B[2J"));
  CHECK_THROWS_WITH(RelativePath::parse(std::string(5000, 'x')),
                    !Catch::Contains(std::string(200, 'x')));
}

TEST_CASE("a path gives and changes its file name") {
  const RelativePath deep = RelativePath::parse("a/b/index.sjson");
  CHECK(deep.file_name() == "index.sjson");
  CHECK(deep.with_file_name("index.json").str() == "a/b/index.json");
  CHECK_THROWS_AS(deep.with_file_name("../x"), Error);
  CHECK_THROWS_AS(deep.with_file_name(""), Error);

  const RelativePath flat = RelativePath::parse("index.sjson");
  CHECK(flat.file_name() == "index.sjson");
  CHECK(flat.with_file_name("x").str() == "x");
}

TEST_CASE("paths have an order") {
  const std::set<RelativePath> paths = {RelativePath::parse("b"), RelativePath::parse("a"),
                                        RelativePath::parse("b")};
  CHECK(paths.size() == 2);
  CHECK(paths.begin()->str() == "a");
}
