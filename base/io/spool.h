#pragma once

#include <cstdint>
#include <memory>

#include "base/io/bytes.h"

namespace streamsync {

/// A metadata document on its way to the verifier and the parser, kept in a file without a name in
/// the temporary directory, so that a document of any size costs no memory and leaves nothing
/// behind. Item bytes never go through here. Move-only; readers are independent of each other and
/// must not outlive the spool.
class Spool final : public ByteSink {
 public:
  Spool();
  ~Spool() override;
  Spool(Spool&&) noexcept;
  Spool& operator=(Spool&&) noexcept;

  void write(Bytes bytes) override;
  void finish() override {}

  std::uint64_t size() const noexcept { return size_; }
  /// Any number at once, also from several threads.
  std::unique_ptr<ByteSource> reader() const { return reader(0, size_); }
  /// Of the bytes from `begin` to before `end`.
  std::unique_ptr<ByteSource> reader(std::uint64_t begin, std::uint64_t end) const;
  /// For interfaces that take a descriptor. Stays ours.
  int descriptor() const noexcept { return fd_; }

 private:
  int fd_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace streamsync
