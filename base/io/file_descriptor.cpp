#include "base/io/file_descriptor.h"

#include <unistd.h>

#include <cerrno>

#include "base/io/local_error.h"

namespace streamsync {

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

void write_fully(int fd, Bytes bytes, std::uint64_t offset, std::string_view doing) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0) {
      if (errno == EINTR) continue;
      throw local_error(errno, doing);
    }
    const auto written = static_cast<std::size_t>(count);
    bytes = bytes.subspan(written);
    offset += written;
  }
}

std::size_t read_some(int fd, MutableBytes buffer, std::uint64_t offset, std::string_view doing) {
  for (;;) {
    const ssize_t count = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) throw local_error(errno, doing);
  }
}

}  // namespace streamsync
