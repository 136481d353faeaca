#pragma once

#include <cstdint>
#include <memory>

#include "base/io/bytes.h"
#include "base/io/file_descriptor.h"
#include "base/shared_text.h"

namespace streamsync {

/// A metadata document on its way to the verifier and the parser. One of any size costs no memory:
/// it is written to a file without a name in the temporary directory, which leaves nothing behind,
/// or read from the file of ours that has it. Item bytes never go through here. Move-only; readers
/// are independent of each other and must not outlive the spool.
class Spool final : public ByteSink {
 public:
  Spool() = default;
  /// All of an open file that only ever is replaced as a whole, by another that takes its name.
  /// Nothing is written to it. `reading` is for messages.
  Spool(FileDescriptor file, SharedText reading);
  Spool(Spool&& other) noexcept { swap(other); }
  Spool& operator=(Spool&& other) noexcept {
    swap(other);
    return *this;
  }

  void write(Bytes bytes) override;
  /// The first `count` bytes are no part of the document.
  void drop(std::uint64_t count) noexcept;
  void finish() override {}

  std::uint64_t size() const noexcept { return size_; }
  /// Any number at once, also from several threads.
  std::unique_ptr<ByteSource> reader() const { return reader(0, size_); }
  /// Of the bytes from `begin` to before `end`.
  std::unique_ptr<ByteSource> reader(std::uint64_t begin, std::uint64_t end) const;

 private:
  void swap(Spool& other) noexcept;

  FileDescriptor file_;  ///< not open before the first byte is written
  SharedText doing_;
  std::uint64_t begin_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace streamsync
