#include "base/io/spool.h"

#include <array>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace streamsync;

namespace {

constexpr std::uint64_t kPlenty = 100'000'000;

Spool filled(std::string_view text) {
  Spool spool;
  spool.write(as_bytes(text));
  return spool;
}

}  // namespace

TEST_CASE("a spool gives back what it took, to any number of readers") {
  Spool spool = filled("hello ");
  spool.write(as_bytes("world"));
  CHECK(spool.size() == 11);

  const auto first = spool.reader();
  const auto second = spool.reader();
  std::array<std::byte, 5> buffer{};
  REQUIRE(first->read(buffer) == 5);
  CHECK(read_all(*second, kPlenty) == "hello world");
  CHECK(read_all(*first, kPlenty) == " world");
}

TEST_CASE("readers in several threads do not disturb each other") {
  const std::string text(1'000'000, 'z');
  const Spool spool = filled(text);
  std::array<std::string, 4> copies;
  {
    std::vector<std::jthread> threads;
    threads.reserve(copies.size());
    for (std::string& copy : copies) {
      threads.emplace_back([&] { copy = read_all(*spool.reader(), kPlenty); });
    }
  }
  for (const std::string& copy : copies) CHECK(copy == text);
}

TEST_CASE("a spool moves with its content, and its readers stay good") {
  Spool first = filled("one");
  const auto reader = first.reader();
  Spool second = std::move(first);
  CHECK(second.size() == 3);
  CHECK(read_all(*reader, kPlenty) == "one");

  Spool third = filled("three");
  third = std::move(second);
  CHECK(read_all(*third.reader(), kPlenty) == "one");
}

TEST_CASE("an empty spool is at its end") {
  const Spool spool;
  CHECK(read_all(*spool.reader(), 0).empty());
}
