#include "base/io/bytes.h"

#include <array>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/io/spool.h"
#include "tests/unit/base/failure.h"

using namespace streamsync;

TEST_CASE("a source over text gives it in pieces, then the end for ever") {
  TextSource source("abcde");
  std::array<std::byte, 2> buffer{};
  std::string text;
  while (const std::size_t count = source.read(buffer)) {
    text += as_text(Bytes(buffer).first(count));
  }
  CHECK(text == "abcde");
  CHECK(source.read(buffer) == 0);
}

TEST_CASE("read_all takes up to the limit") {
  const std::string text(100'000, 'x');
  TextSource exact(text);
  CHECK(read_all(exact, 100'000) == text);
  TextSource empty("");
  CHECK(read_all(empty, 0).empty());

  TextSource longer(text);
  const Error error = failure_of([&] { read_all(longer, 99'999); });
  CHECK(error.kind() == ErrorKind::Guard);
  CHECK_THAT(error.what(), Catch::Contains("99999"));
}

TEST_CASE("copy moves all bytes") {
  const std::string text(200'001, 'y');
  TextSource source(text);
  Spool spool;
  copy(source, spool);
  CHECK(read_all(*spool.reader(), 1'000'000) == text);
}
