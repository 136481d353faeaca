#pragma once

#include <cstdint>

#include "base/io/bytes.h"

namespace streamsync {

/// Exactly `size` bytes of another source. The last of them are given only after that source has
/// said that it is complete and verified, so a server that was promised `size` bytes never has all
/// of a body that turns out to be bad. Throws `Error{Corrupt, Source}` when the source ends too
/// early or too late.
class ExactSource final : public ByteSource {
 public:
  /// With a `size` of 0 the source is asked for its end at once.
  ExactSource(ByteSource& source, std::uint64_t size);

  std::size_t read(MutableBytes buffer) override;
  Bytes next(MutableBytes buffer) override;

 private:
  void take(std::size_t count);
  void expect_end();

  ByteSource& source_;
  std::uint64_t size_;
  std::uint64_t left_;
};

}  // namespace streamsync
