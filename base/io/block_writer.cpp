#include "base/io/block_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/io/local_error.h"

namespace streamsync {
namespace {

/// What is to be written next, and whether the source has ended.
struct Filling {
  MutableBytes room;
  std::size_t filled = 0;
  Bytes whole{};  ///< a block that the source had in its own memory
  bool has_ended = false;

  void fill(ByteSource& source) {
    while (filled != room.size() && !has_ended) {
      const MutableBytes rest = room.subspan(filled);
      const Bytes bytes = source.next(rest);
      has_ended = bytes.empty();
      if (bytes.size() == BlockWriter::kBlockSize) {
        whole = bytes;
      } else if (bytes.data() != rest.data()) {
        std::copy(bytes.begin(), bytes.end(), rest.begin());
      }
      filled += bytes.size();
    }
  }

  Bytes bytes() const noexcept { return whole.empty() ? Bytes(room.first(filled)) : whole; }
};

}  // namespace

BlockWriter::BlockWriter(int file, std::uint64_t begin, std::string doing)
    : file_(file), size_(begin), doing_(std::move(doing)) {}

void BlockWriter::write_all(ByteSource& bytes) {
  const Block block;
  for (bool has_ended = false; !has_ended;) {
    Filling filling{block.bytes().first(kBlockSize - size_ % kBlockSize)};
    try {
      filling.fill(bytes);
    } catch (...) {
      try {
        write(filling.bytes());
      } catch (const Error&) {
        // What the source says is the cause.
      }
      throw;
    }
    write(filling.bytes());
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
