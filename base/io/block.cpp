#include "base/io/block.h"

#include <new>

namespace streamsync {
namespace {

// No device has larger blocks.
constexpr std::align_val_t kAlignment{4096};

}  // namespace

Block::Block(std::size_t size)
    : size_(size), memory_(static_cast<std::byte*>(::operator new[](size, kAlignment))) {}

void Block::Free::operator()(std::byte* memory) const noexcept {
  ::operator delete[](memory, kAlignment);
}

}  // namespace streamsync
