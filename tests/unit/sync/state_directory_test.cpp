#include "sync/state_directory.h"

#include <catch2/catch.hpp>

#include "tests/unit/base/temporary_directory.h"

namespace streamsync {
namespace {

const std::string kUrl = "http://mirror/streams/v1/index.sjson";
const std::string kSeal(64, 'a');

std::string text_of(const CachedDocument& document) {
  return read_all(*document.bytes.reader(), 1 << 20);
}

}  // namespace

TEST_CASE("a document is kept with its validator and with what was found in it") {
  const TemporaryDirectory place;
  StateDirectory state(place.path());
  CHECK_FALSE(state.find(kUrl));
  state.store(kUrl, {"\"one\"", "yesterday"}, spool_of("text\nof it"), kSeal);
  const auto found = state.find(kUrl);
  REQUIRE(found);
  CHECK(found->validator.etag == "\"one\"");
  CHECK(found->validator.last_modified == "yesterday");
  CHECK(found->examination == kSeal);
  CHECK(text_of(*found) == "text\nof it");
}

TEST_CASE("a document of any size is kept, behind a header of any size") {
  const TemporaryDirectory place;
  StateDirectory state(place.path());
  const auto header = GENERATE(as<std::size_t>(), 1, 4095);
  const auto size = GENERATE(as<std::size_t>(), 0, 1, 3 * 4096 - 1, 3 * 4096, 100'000);
  CAPTURE(header, size);
  std::string text(size, '\n');
  for (std::size_t at = 0; at < size; at += 7) text[at] = static_cast<char>('a' + at % 26);
  const std::string line(header, 'h');
  state.store(kUrl, {line, line}, spool_of(text), line);
  const auto found = state.find(kUrl);
  REQUIRE(found);
  CHECK(found->validator.last_modified == line);
  CHECK(found->examination == line);
  CHECK(text_of(*found) == text);
}

TEST_CASE("a validator can't be so long that it is taken for what was found") {
  const TemporaryDirectory place;
  StateDirectory state(place.path());
  const auto length = GENERATE(as<std::size_t>(), 4095, 4096, 2 * 4096, 3 * 4096);
  CAPTURE(length);
  const std::string etag = std::string(length, 'e') + "forged";
  state.store(kUrl, {etag, ""}, spool_of("text"), kSeal);
  CHECK_FALSE(state.find(kUrl));
}

TEST_CASE("a header that is not whole is none") {
  const TemporaryDirectory place;
  StateDirectory state(place.path());
  state.store(kUrl, {"e", "l"}, spool_of(""), kSeal);
  const auto file = std::filesystem::directory_iterator(place / "verified")->path();
  std::filesystem::resize_file(file, 10);
  CHECK_FALSE(state.find(kUrl));
}

}  // namespace streamsync
