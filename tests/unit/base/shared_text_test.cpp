#include "base/shared_text.h"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <utility>

using namespace streamsync;

TEST_CASE("A shared text is the text that it was made from") {
  const std::string text = GENERATE("", "short", "longer than what a std::string has room for");
  const SharedText shared = text;
  CHECK(shared.str() == text);
  CHECK(shared.empty() == text.empty());
  CHECK(std::string_view(shared) == text);
}

TEST_CASE("Copies of a shared text are one text") {
  const SharedText text = std::string("com.ubuntu.cloud:released:download");
  const SharedText copy = text;
  CHECK(&copy.str() == &text.str());
}

TEST_CASE("A shared text that was moved from is empty") {
  SharedText text = "a";
  const SharedText moved = std::move(text);
  CHECK(moved == "a");
  text = {};
  CHECK(text.str().empty());
}

TEST_CASE("Shared texts compare as texts do, by their bytes") {
  const SharedText one = "20240101.10";
  const SharedText other = "20240101.2";
  CHECK(one < other);
  CHECK_FALSE(one == other);
  CHECK(SharedText("a") == SharedText(std::string("a")));
  CHECK(SharedText() == "");
  CHECK(SharedText() < SharedText("a"));
  CHECK(one == std::string("20240101.10"));
  CHECK(std::string("20240101.1") < one);
  CHECK(SharedText("\xff") > "a");
}
