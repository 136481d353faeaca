#include "base/io/capped_sink.h"

#include <catch2/catch.hpp>

#include "tests/unit/base/failure.h"

namespace streamsync {
namespace {

class Kept final : public ByteSink {
 public:
  void write(Bytes bytes) override { text += as_text(bytes); }
  void finish() override { is_finished = true; }

  std::string text;
  bool is_finished = false;
};

TEST_CASE("up to its limit a capped sink passes all on") {
  Kept kept;
  CappedSink capped(kept, 5, Origin::Source, "too much");
  capped.write(as_bytes("abc"));
  capped.write(as_bytes(""));
  capped.write(as_bytes("de"));
  CHECK_FALSE(kept.is_finished);
  capped.finish();
  CHECK(kept.text == "abcde");
  CHECK(kept.is_finished);
}

TEST_CASE("past its limit a capped sink refuses, and passes nothing of it on") {
  Kept kept;
  CappedSink capped(kept, 5, Origin::Target, "too much");
  capped.write(as_bytes("abc"));
  const Error error = failure_of([&] { capped.write(as_bytes("def")); });
  CHECK(error.kind() == ErrorKind::Guard);
  CHECK(error.origin() == Origin::Target);
  CHECK(std::string(error.what()) == "too much");
  CHECK(kept.text == "abc");
}

}  // namespace
}  // namespace streamsync
