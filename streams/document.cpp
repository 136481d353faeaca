#include "streams/document.h"

#include <array>
#include <cstddef>
#include <span>

namespace streamsync {
namespace {

// Fills the buffer but at the end, so that equal documents give equal blocks however they are read.
std::size_t read_block(ByteSource& source, MutableBytes buffer) {
  std::size_t size = 0;
  while (size != buffer.size()) {
    const std::size_t more = source.read(buffer.subspan(size));
    if (more == 0) break;
    size += more;
  }
  return size;
}

}  // namespace

Spool spool_of(std::string_view text) {
  Spool spool;
  spool.write(as_bytes(text));
  spool.finish();
  return spool;
}

bool same_bytes(const Spool& one, const Spool& other) {
  if (one.size() != other.size()) return false;
  const auto left = one.reader();
  const auto right = other.reader();
  std::array<std::byte, 16 * 1024> left_block;
  std::array<std::byte, 16 * 1024> right_block;
  for (;;) {
    const std::size_t size = read_block(*left, left_block);
    if (size != read_block(*right, right_block)) return false;
    if (size == 0) return true;
    if (as_text(Bytes(left_block).first(size)) != as_text(Bytes(right_block).first(size))) {
      return false;
    }
  }
}

}  // namespace streamsync
