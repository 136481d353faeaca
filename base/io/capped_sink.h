#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/io/bytes.h"

namespace streamsync {

/// Passes on at most `limit` bytes and then throws `Error{Guard}`: what nobody has promised a size
/// of must end all the same (threats-and-faults.md T10).
class CappedSink final : public ByteSink {
 public:
  /// `refusal` is what is told of too much.
  CappedSink(ByteSink& next, std::uint64_t limit, Origin origin, std::string refusal)
      : next_(next), left_(limit), origin_(origin), refusal_(std::move(refusal)) {}

  void write(Bytes bytes) override {
    if (bytes.size() > left_) throw Error(ErrorKind::Guard, origin_, refusal_);
    left_ -= bytes.size();
    next_.write(bytes);
  }
  void finish() override { next_.finish(); }

 private:
  ByteSink& next_;
  std::uint64_t left_;
  Origin origin_;
  std::string refusal_;
};

}  // namespace streamsync
