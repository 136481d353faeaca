#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/io/block.h"
#include "base/io/bytes.h"

namespace streamsync {

/// Writes the bytes of a file, whole blocks from memory to the disk and not through the page
/// cache where the file system can do that (open(2), O_DIRECT; docs/adr/0022). One thread at a
/// time. Failures to write throw `Error` with origin Local.
class BlockWriter {
 public:
  static constexpr std::size_t kBlockSize = Block::kSize;

  /// Goes on behind `begin` bytes of `file`, which stays the caller's; `doing` is for messages.
  BlockWriter(int file, std::uint64_t begin, std::string doing);

  /// All that `bytes` gives. When `bytes` fails, what came before is written all the same.
  void write_all(ByteSource& bytes);

  /// Of the file, as far as it was written.
  std::uint64_t size() const noexcept { return size_; }

 private:
  enum class Way { Cached, Direct };

  void write(Bytes bytes);
  std::size_t write_some(Bytes bytes);
  void take(Way way);

  int file_;
  std::uint64_t size_;
  std::string doing_;
  Way way_ = Way::Cached;
  bool can_go_direct_ = true;
};

}  // namespace streamsync
