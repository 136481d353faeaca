#include "base/crypto/secret.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

using namespace streamsync;

namespace {

template <typename T, typename = void>
struct IsPrintable : std::false_type {};
template <typename T>
struct IsPrintable<T, std::void_t<decltype(std::declval<std::ostream&>() << std::declval<T>())>>
    : std::true_type {};

}  // namespace

TEST_CASE("a secret is revealed as it was given") {
  start_crypto();
  const Secret secret(std::string_view("pass\0word", 9));
  CHECK(secret.reveal() == std::string_view("pass\0word", 9));
  CHECK_FALSE(secret.empty());
}

TEST_CASE("no secret and an empty secret are the same") {
  start_crypto();
  CHECK(Secret().empty());
  CHECK(Secret("").empty());
  CHECK(Secret().reveal().empty());
}

TEST_CASE("copies of a secret share its memory and outlive it") {
  start_crypto();
  Secret copy;
  {
    const Secret secret("token");
    copy = secret;
    CHECK(copy.reveal().data() == secret.reveal().data());
  }
  CHECK(copy.reveal() == "token");
}

TEST_CASE("a secret that was moved away is empty") {
  start_crypto();
  Secret secret("token");
  const Secret moved = std::move(secret);
  CHECK(moved.reveal() == "token");
  // What is left is what is tested here.
  CHECK(secret.empty());           // NOLINT(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
  CHECK(secret.reveal().empty());  // NOLINT(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
}

TEST_CASE("a secret that is taken from text is nowhere else") {
  start_crypto();
  std::string text = GENERATE(as<std::string>{}, "short", "longer than what a string holds inside");
  const std::string given = text;
  const Secret secret = Secret::taken_from(text);
  CHECK(secret.reveal() == given);
  CHECK(text.empty());
}

TEST_CASE("wiped text holds nothing of what was there") {
  std::string text = "longer than what a string holds inside";
  text.resize(10);
  const std::size_t capacity = text.capacity();
  const char* memory = text.data();
  wipe(text);
  CHECK(text.empty());
  text.reserve(capacity);
  REQUIRE(text.data() == memory);
  CHECK(std::all_of(memory, memory + capacity, [](char c) { return c == 0; }));
}

TEST_CASE("a secret is built from pieces") {
  start_crypto();
  SecretBuilder builder;
  CHECK(builder.finish().empty());
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    const std::string piece = std::to_string(i);
    builder.append(piece);
    builder.append("");
    expected += piece;
  }
  CHECK((builder.finish().reveal() == expected));
}

TEST_CASE("nothing prints or converts a secret by accident") {
  STATIC_REQUIRE_FALSE(IsPrintable<Secret>::value);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<Secret, std::string_view>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<Secret, std::string>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<std::string_view, Secret>);
}
