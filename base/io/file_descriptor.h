#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "base/io/bytes.h"

namespace streamsync {

/// Owns an open descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int get() const noexcept { return fd_; }
  bool is_open() const noexcept { return fd_ >= 0; }
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/// Writes all of `bytes` at `offset`; `doing` is for the message.
void write_fully(int fd, Bytes bytes, std::uint64_t offset, std::string_view doing);

/// Reads what is there at `offset`, at most `buffer`; 0 is the end.
std::size_t read_some(int fd, MutableBytes buffer, std::uint64_t offset, std::string_view doing);

}  // namespace streamsync
