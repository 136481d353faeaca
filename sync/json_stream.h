#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/io/bytes.h"

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
  void put(std::string_view text);
  void put(std::size_t count, char c);
  void Flush() {
    write(size_);
    size_ = 0;
  }

 private:
  std::size_t room();
  void pass_on();
  void write(std::size_t size);

  ByteSink& sink_;
  std::string block_;
  std::size_t size_ = 0;
};

}  // namespace streamsync
