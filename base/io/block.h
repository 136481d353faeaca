#pragma once

#include <cstddef>
#include <memory>

#include "base/io/bytes.h"

namespace streamsync {

/// Memory in which item bytes wait, for one thread at a time. A disk takes it as it is: O_DIRECT
/// wants memory, offset and size in multiples of the device's blocks (open(2)).
class Block {
 public:
  static constexpr std::size_t kSize = 1024 * 1024;

  explicit Block(std::size_t size = kSize);

  MutableBytes bytes() const noexcept { return {memory_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* memory) const noexcept;
  };

  std::size_t size_;
  std::unique_ptr<std::byte[], Free> memory_;
};

}  // namespace streamsync
