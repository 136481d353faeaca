#include "base/io/bytes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "base/error.h"

namespace streamsync {

std::size_t TextSource::read(MutableBytes buffer) {
  const std::size_t count = std::min(buffer.size(), rest_.size());
  if (count == 0) return 0;  // memcpy must not see a null pointer, not even for 0 bytes
  std::memcpy(buffer.data(), rest_.data(), count);
  rest_.remove_prefix(count);
  return count;
}

std::string read_all(ByteSource& source, std::uint64_t limit) {
  std::array<std::byte, 16 * 1024> buffer;
  std::string text;
  while (const std::size_t count = source.read(buffer)) {
    if (count > limit - text.size()) {
      throw Error(ErrorKind::Guard, Origin::Local,
                  fmt::format("more than {} bytes where that is the limit", limit));
    }
    text += as_text(Bytes(buffer).first(count));
  }
  return text;
}

void copy(ByteSource& from, ByteSink& to) {
  constexpr std::size_t kBlock = 256 * 1024;
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kBlock);
  while (const std::size_t count = from.read({buffer.get(), kBlock})) {
    to.write({buffer.get(), count});
  }
}

}  // namespace streamsync
