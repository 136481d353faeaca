#include "base/io/block_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <new>
#include <utility>

#include "base/io/local_error.h"

namespace streamsync {
namespace {

/// O_DIRECT wants memory, offset and size in multiples of the device's blocks, which are no larger.
constexpr std::align_val_t kAlignment{4096};

struct FreeBlock {
  void operator()(std::byte* block) const noexcept { ::operator delete[](block, kAlignment); }
};

using Block = std::unique_ptr<std::byte[], FreeBlock>;

Block make_block() {
  return Block(static_cast<std::byte*>(::operator new[](BlockWriter::kBlockSize, kAlignment)));
}

/// A block that is being filled, how far it has come, and whether the source has ended.
struct Filling {
  MutableBytes room;
  std::size_t filled = 0;
  bool has_ended = false;

  void fill(ByteSource& source) {
    while (filled != room.size() && !has_ended) {
      const std::size_t count = source.read(room.subspan(filled));
      filled += count;
      has_ended = count == 0;
    }
  }
};

}  // namespace

BlockWriter::BlockWriter(int file, std::uint64_t begin, std::string doing)
    : file_(file), size_(begin), doing_(std::move(doing)) {}

void BlockWriter::write_all(ByteSource& bytes) {
  const Block block = make_block();
  for (bool has_ended = false; !has_ended;) {
    Filling filling{{block.get(), kBlockSize - size_ % kBlockSize}};
    try {
      filling.fill(bytes);
    } catch (...) {
      try {
        write(filling.room.first(filling.filled));
      } catch (const Error&) {
        // What the source says is the cause.
      }
      throw;
    }
    write(filling.room.first(filling.filled));
    has_ended = filling.has_ended;
  }
}

void BlockWriter::write(Bytes bytes) {
  while (!bytes.empty()) {
    const bool is_whole = bytes.size() == kBlockSize;
    take(is_whole && can_go_direct_ ? Way::Direct : Way::Cached);
    const std::size_t count = write_some(bytes);
    bytes = bytes.subspan(count);
    size_ += count;
  }
}

std::size_t BlockWriter::write_some(Bytes bytes) {
  for (;;) {
    const ssize_t count = ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EINVAL && way_ == Way::Direct) {
      // Some file systems say so only now.
      can_go_direct_ = false;
      take(Way::Cached);
    } else if (errno != EINTR) {
      throw local_error(errno, doing_);
    }
  }
}

void BlockWriter::take(Way way) {
  if (way == way_) return;
  const int flags = ::fcntl(file_, F_GETFL);
  const int wanted = way == Way::Direct ? flags | O_DIRECT : flags & ~O_DIRECT;
  if (flags >= 0 && ::fcntl(file_, F_SETFL, wanted) == 0) {
    way_ = way;
  } else if (way == Way::Direct) {
    can_go_direct_ = false;
  } else {
    throw local_error(errno, doing_);
  }
}

}  // namespace streamsync
