#include "sync/json_stream.h"

#include <algorithm>

#include "base/text.h"

namespace streamsync {

constexpr char kLeadOfC1 = '\xC2';

void JsonStream::put(std::string_view text) {
  while (!text.empty()) {
    const auto part = text.substr(0, room());
    part.copy(block_.data() + size_, part.size());
    size_ += part.size();
    text.remove_prefix(part.size());
  }
}

void JsonStream::put(std::size_t count, char c) {
  while (count != 0) {
    const auto part = std::min(count, room());
    std::fill_n(block_.data() + size_, part, c);
    size_ += part;
    count -= part;
  }
}

// Never 0.
std::size_t JsonStream::room() {
  if (size_ == kBlock) pass_on();
  return kBlock - size_;
}

// A control character of two bytes is not torn apart.
void JsonStream::pass_on() {
  const bool is_torn = block_.back() == kLeadOfC1;
  write(is_torn ? kBlock - 1 : kBlock);
  size_ = 0;
  if (is_torn) block_[size_++] = kLeadOfC1;
}

void JsonStream::write(std::size_t size) {
  sink_.write(as_bytes(without_raw_controls(std::string_view(block_).substr(0, size))));
}

}  // namespace streamsync
