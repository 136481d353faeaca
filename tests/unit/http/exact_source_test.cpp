#include "base/http/exact_source.h"

#include <catch2/catch.hpp>
#include <vector>

#include "base/http/answer_text.h"
#include "tests/unit/base/failure.h"

namespace streamsync {
namespace {

/// Says that what it gave is bad where it should say that it is all.
class BadAtItsEnd final : public ByteSource {
 public:
  explicit BadAtItsEnd(std::string_view text) : text_(text) {}

  std::size_t read(MutableBytes buffer) override {
    const std::size_t count = text_.read(buffer);
    if (count == 0) throw Error(ErrorKind::Corrupt, Origin::Source, "wrong digest");
    return count;
  }

 private:
  TextSource text_;
};

/// Gives from its own memory, and uses that again.
class UsesItsMemoryAgain final : public ByteSource {
 public:
  explicit UsesItsMemoryAgain(std::string_view text) : text_(text) {}

  std::size_t read(MutableBytes buffer) override {
    memory_.assign(memory_.size(), std::byte{0});
    return text_.read(buffer);
  }
  Bytes next(MutableBytes buffer) override {
    memory_.resize(buffer.size());
    return Bytes(memory_).first(text_.read(memory_));
  }

 private:
  TextSource text_;
  std::vector<std::byte> memory_;
};

std::string read_with_buffer_of(ByteSource& source, std::size_t size) {
  std::vector<std::byte> buffer(size);
  std::string all;
  while (const std::size_t count = source.read(buffer)) all += as_text(Bytes(buffer).first(count));
  return all;
}

TEST_CASE("ExactSource gives what was promised") {
  const std::string text = GENERATE(as<std::string>{}, "", "a", "abcdefgh");
  const std::size_t buffer = GENERATE(1U, 3U, 8U, 100U);
  TextSource inner(text);
  ExactSource source(inner, text.size());
  CHECK(read_with_buffer_of(source, buffer) == text);
}

TEST_CASE("ExactSource gives its last bytes although it has asked for the end") {
  const std::size_t size = GENERATE(1U, 3U, 8U, 100U);
  UsesItsMemoryAgain inner("abcdefgh");
  ExactSource source(inner, 8);
  std::vector<std::byte> buffer(size);
  std::string came;
  for (Bytes bytes = source.next(buffer); !bytes.empty(); bytes = source.next(buffer)) {
    came += as_text(bytes);
  }
  CHECK(came == "abcdefgh");
}

TEST_CASE("ExactSource refuses less and more than was promised") {
  const std::string text = GENERATE(as<std::string>{}, "", "abc", "abcdefgh");
  const std::uint64_t size = GENERATE(0U, 2U, 4U, 7U, 9U);
  if (size == text.size()) return;
  CAPTURE(text, size);
  TextSource inner(text);
  const Error error = failure_of([&] {
    ExactSource source(inner, size);
    read_with_buffer_of(source, 4);
  });
  CHECK(error.kind() == ErrorKind::Corrupt);
}

TEST_CASE("ExactSource withholds its last bytes from a source that ends badly") {
  const std::size_t buffer_size = GENERATE(1U, 3U, 8U, 100U);
  BadAtItsEnd inner("abcdefgh");
  ExactSource source(inner, 8);
  std::vector<std::byte> buffer(buffer_size);
  std::size_t seen = 0;
  CHECK_THROWS_AS(
      [&] {
        while (const std::size_t count = source.read(buffer)) seen += count;
      }(),
      Error);
  CHECK(seen < 8);
}

TEST_CASE("ExactSource asks for the end also when nothing was promised") {
  BadAtItsEnd inner("");
  CHECK_THROWS_AS(ExactSource(inner, 0), Error);
}

TEST_CASE("AnswerText keeps what fits") {
  AnswerText text(5);
  text.write(as_bytes("abc"));
  text.write(as_bytes("de"));
  CHECK_FALSE(text.is_cut());
  text.write(as_bytes("f"));
  text.write(as_bytes("g"));
  CHECK(text.is_cut());
  CHECK(text.release() == "abcde");
}

}  // namespace
}  // namespace streamsync
