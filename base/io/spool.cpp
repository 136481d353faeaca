#include "base/io/spool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>

#include "base/io/local_error.h"

namespace streamsync {
namespace {

/// For file systems that know no O_TMPFILE.
FileDescriptor open_unlinked(const std::string& directory) {
  std::string name = directory + "/streamsync-XXXXXX";
  FileDescriptor file(::mkostemp(name.data(), O_CLOEXEC));
  if (!file.is_open()) throw local_error(errno, "making a file in " + directory);
  ::unlink(name.c_str());
  return file;
}

FileDescriptor open_nameless() {
  const std::string directory = std::filesystem::temp_directory_path().string();
  FileDescriptor file(
      ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, S_IRUSR | S_IWUSR));
  return file.is_open() ? std::move(file) : open_unlinked(directory);
}

class SpoolReader final : public ByteSource {
 public:
  SpoolReader(int fd, SharedText doing, std::uint64_t begin, std::uint64_t end)
      : fd_(fd), doing_(std::move(doing)), offset_(begin), end_(end) {}

  // With an offset of its own: readers must not move each other.
  std::size_t read(MutableBytes buffer) override {
    const auto wanted = std::min<std::uint64_t>(buffer.size(), end_ - offset_);
    if (wanted == 0) return 0;
    const std::size_t count =
        read_some(fd_, buffer.first(static_cast<std::size_t>(wanted)), offset_, doing_.str());
    offset_ += count;
    return count;
  }

 private:
  int fd_;
  SharedText doing_;
  std::uint64_t offset_;
  std::uint64_t end_;
};

}  // namespace

Spool::Spool(FileDescriptor file, SharedText reading)
    : file_(std::move(file)), doing_(std::move(reading)) {
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) throw local_error(errno, doing_.str());
  size_ = static_cast<std::uint64_t>(status.st_size);
}

void Spool::swap(Spool& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(doing_, other.doing_);
  std::swap(begin_, other.begin_);
  std::swap(size_, other.size_);
}

void Spool::write(Bytes bytes) {
  if (!file_.is_open()) {
    file_ = open_nameless();
    doing_ = "keeping a document in the temporary directory";
  }
  write_fully(file_.get(), bytes, begin_ + size_, doing_.str());
  size_ += bytes.size();
}

void Spool::drop(std::uint64_t count) noexcept {
  begin_ += count;
  size_ -= count;
}

std::unique_ptr<ByteSource> Spool::reader(std::uint64_t begin, std::uint64_t end) const {
  return std::make_unique<SpoolReader>(file_.get(), doing_, begin_ + begin, begin_ + end);
}

}  // namespace streamsync
