#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/io/bytes.h"
#include "base/text.h"

namespace streamsync {

/// Where a writer of RapidJSON puts its text (an output stream, as that library calls it): a block
/// after the other goes to a sink, `without_raw_controls`. The sink outlives this and is not
/// finished by it. What was put and not flushed is lost.
class JsonStream {
 public:
  using Ch = char;
  static constexpr std::size_t kBlock = 65536;

  explicit JsonStream(ByteSink& sink) : sink_(sink), block_(kBlock, '\0') {}

  void Put(char c) {
    if (size_ == kBlock) pass_on();
    block_[size_++] = c;
  }
  void Flush() {
    write(size_);
    size_ = 0;
  }

 private:
  static constexpr char kLeadOfC1 = '\xC2';

  // A control character of two bytes is not torn apart.
  void pass_on() {
    const bool is_torn = block_.back() == kLeadOfC1;
    write(is_torn ? kBlock - 1 : kBlock);
    size_ = 0;
    if (is_torn) block_[size_++] = kLeadOfC1;
  }
  void write(std::size_t size) {
    sink_.write(as_bytes(without_raw_controls(std::string_view(block_).substr(0, size))));
  }

  ByteSink& sink_;
  std::string block_;
  std::size_t size_ = 0;
};

}  // namespace streamsync
