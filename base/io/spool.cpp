#include "base/io/spool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>

#include "base/io/file_descriptor.h"
#include "base/io/local_error.h"

namespace streamsync {
namespace {

constexpr std::string_view kDoing = "keeping a document in the temporary directory";

/// For file systems that know no O_TMPFILE.
int open_unlinked(const std::string& directory) {
  std::string name = directory + "/streamsync-XXXXXX";
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) throw local_error(errno, "making a file in " + directory);
  ::unlink(name.c_str());
  return fd;
}

int open_nameless() {
  const std::string directory = std::filesystem::temp_directory_path().string();
  const int fd =
      ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, S_IRUSR | S_IWUSR);
  return fd >= 0 ? fd : open_unlinked(directory);
}

class SpoolReader final : public ByteSource {
 public:
  SpoolReader(int fd, std::uint64_t begin, std::uint64_t end)
      : fd_(fd), offset_(begin), end_(end) {}

  // With an offset of its own: readers must not move each other.
  std::size_t read(MutableBytes buffer) override {
    const auto wanted = std::min<std::uint64_t>(buffer.size(), end_ - offset_);
    const std::size_t count =
        read_some(fd_, buffer.first(static_cast<std::size_t>(wanted)), offset_, kDoing);
    offset_ += count;
    return count;
  }

 private:
  int fd_;
  std::uint64_t offset_;
  std::uint64_t end_;
};

}  // namespace

Spool::Spool() : fd_(open_nameless()) {}

Spool::~Spool() {
  if (fd_ >= 0) ::close(fd_);
}

Spool::Spool(Spool&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), size_(std::exchange(other.size_, 0)) {}

Spool& Spool::operator=(Spool&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  return *this;
}

void Spool::write(Bytes bytes) {
  write_fully(fd_, bytes, size_, kDoing);
  size_ += bytes.size();
}

std::unique_ptr<ByteSource> Spool::reader(std::uint64_t begin, std::uint64_t end) const {
  return std::make_unique<SpoolReader>(fd_, begin, end);
}

}  // namespace streamsync
