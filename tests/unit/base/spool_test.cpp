#include "base/io/spool.h"

#include <fcntl.h>

#include <array>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/io/root_directory.h"
#include "tests/unit/base/temporary_directory.h"

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

TEST_CASE("a document is read from its file, whatever takes its name") {
  const TemporaryDirectory directory;
  const RootDirectory root(directory.path());
  CHECK_FALSE(root.document("a"));
  root.write("a", "head\nthe document");
  auto document = root.document("a");
  REQUIRE(document);
  root.write("a", "another");
  CHECK(document->size() == 17);
  CHECK(read_all(*document->reader(), kPlenty) == "head\nthe document");
  document->drop(5);
  CHECK(document->size() == 12);
  CHECK(read_all(*document->reader(), kPlenty) == "the document");
  CHECK(read_all(*document->reader(4, 7), kPlenty) == "doc");

  const Spool moved = std::move(*document);
  root.remove("a");
  CHECK(read_all(*moved.reader(), kPlenty) == "the document");
}

TEST_CASE("what can't be read of a document says which") {
  const Spool document(FileDescriptor(::open("/proc/self/mem", O_RDONLY | O_CLOEXEC)), "reading x");
  std::array<std::byte, 5> buffer{};
  CHECK_THROWS_WITH(document.reader(0, 5)->read(buffer), Catch::Contains("reading x"));
}

TEST_CASE("a spool without a byte is an empty document") {
  CHECK(Spool().size() == 0);
  CHECK(read_all(*Spool().reader(), kPlenty).empty());
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
