#include "base/http/exact_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace streamsync {

ExactSource::ExactSource(ByteSource& source, std::uint64_t size)
    : source_(source), size_(size), left_(size) {
  if (left_ == 0) expect_end();
}

std::size_t ExactSource::read(MutableBytes buffer) {
  if (left_ == 0) return 0;
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left_));
  const std::size_t got = source_.read(buffer.first(wanted));
  take(got);
  if (left_ == 0) expect_end();
  return got;
}

Bytes ExactSource::next(MutableBytes buffer) {
  // The last bytes would not outlive the question for the end.
  if (left_ <= buffer.size()) return buffer.first(read(buffer));
  const Bytes bytes = source_.next(buffer);
  take(bytes.size());
  return bytes;
}

void ExactSource::take(std::size_t count) {
  if (count == 0) {
    throw Error(ErrorKind::Corrupt, Origin::Source,
                fmt::format("only {} of {} bytes came", size_ - left_, size_));
  }
  left_ -= count;
}

void ExactSource::expect_end() {
  std::array<std::byte, 1> beyond;
  if (source_.read(beyond) != 0) {
    throw Error(ErrorKind::Corrupt, Origin::Source,
                fmt::format("more than the {} bytes that were promised came", size_));
  }
}

}  // namespace streamsync
