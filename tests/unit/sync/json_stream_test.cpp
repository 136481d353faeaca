#include "sync/json_stream.h"

#include <catch2/catch.hpp>
#include <string>

#include "tests/unit/http/kept_bytes.h"

namespace streamsync {
namespace {

std::string passed_on(const std::string& text) {
  KeptBytes kept;
  JsonStream stream(kept);
  for (const char c : text) stream.Put(c);
  stream.Flush();
  return kept.text();
}

}  // namespace

TEST_CASE("texts are put as their bytes are, one by one") {
  // Of every length around that of a block, so that each part of one is torn once.
  for (std::size_t more = 0; more < 40; ++more) {
    const std::string text(JsonStream::kBlock - 20 + more, 'x');
    const std::string other = text + "end";
    KeptBytes kept;
    JsonStream stream(kept);
    stream.put(text);
    stream.put("");
    stream.put(3 * JsonStream::kBlock + more, ' ');
    stream.Put('"');
    stream.put(other);
    stream.Flush();
    const std::string blanks(3 * JsonStream::kBlock + more, ' ');
    CHECK((kept.text() == text + blanks + '"' + other));
  }
}

TEST_CASE("a stream of JSON passes all on, however long it is") {
  for (const auto size : {std::size_t{0}, JsonStream::kBlock - 1, JsonStream::kBlock,
                          JsonStream::kBlock + 1, 3 * JsonStream::kBlock}) {
    std::string text;
    for (std::size_t at = 0; at < size; ++at) text += static_cast<char>('a' + at % 23);
    CHECK(passed_on(text) == text);
  }
}

TEST_CASE("a stream of JSON holds a block, and the rest is with the sink") {
  KeptBytes kept;
  JsonStream stream(kept);
  for (std::size_t at = 0; at < 2 * JsonStream::kBlock; ++at) stream.Put('x');
  CHECK(kept.text().size() == JsonStream::kBlock);
  stream.Flush();
  CHECK(kept.text().size() == 2 * JsonStream::kBlock);
  CHECK_FALSE(kept.is_finished());
}

TEST_CASE("no control character goes through between two blocks") {
  for (const auto before : {JsonStream::kBlock - 2, JsonStream::kBlock - 1, JsonStream::kBlock}) {
    const std::string text(before, 'x');
    CHECK(passed_on(text + "\xC2\x9B" + "y") == text + "\\u009by");
    CHECK(passed_on(text + "\xC2\xA0" + "y") == text + "\xC2\xA0y");
    CHECK(passed_on(text + "\x7F") == text + "\\u007f");
  }
}

}  // namespace streamsync
