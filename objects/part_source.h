#pragma once

#include <algorithm>
#include <cstdint>

#include "base/crypto/digest.h"
#include "base/io/bytes.h"

namespace streamsync {

/// The next `size` bytes of a source, with their MD5, which is what stores say of what they have
/// got.
class PartSource final : public ByteSource {
 public:
  PartSource(ByteSource& source, std::uint64_t size) : source_(source), left_(size) {}

  std::size_t read(MutableBytes buffer) override {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left_));
    if (wanted == 0) return 0;
    const std::size_t count = source_.read(buffer.first(wanted));
    hasher_.update(Bytes(buffer).first(count));
    left_ -= count;
    return count;
  }

  /// Of all that was read; once.
  Digest md5() { return hasher_.finish(); }

 private:
  ByteSource& source_;
  std::uint64_t left_;
  Hasher hasher_{DigestAlgorithm::Md5};
};

}  // namespace streamsync
