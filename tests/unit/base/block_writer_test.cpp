#include "base/io/block_writer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/io/file_descriptor.h"
#include "tests/unit/base/temporary_directory.h"

namespace streamsync {
namespace {

constexpr std::size_t kBlock = BlockWriter::kBlockSize;

std::string counted(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t at = 0; at < size; ++at) text[at] = static_cast<char>(at * 7 + at / 251);
  return text;
}

std::string content(const std::filesystem::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY));
  std::string text(std::filesystem::file_size(path), '\0');
  REQUIRE(::pread(file.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  return text;
}

FileDescriptor made(const std::filesystem::path& path) {
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(file.is_open());
  return file;
}

bool can_go_direct(const std::filesystem::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDWR | O_DIRECT));
  return file.is_open();
}

std::size_t cached_pages(int file, std::size_t offset, std::size_t size) {
  void* const place =
      ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file, static_cast<off_t>(offset));
  REQUIRE(place != MAP_FAILED);
  std::vector<unsigned char> pages(size / static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)));
  REQUIRE(::mincore(place, size, pages.data()) == 0);
  ::munmap(place, size);
  return static_cast<std::size_t>(std::count_if(
      pages.begin(), pages.end(), [](unsigned char page) { return (page & 1U) != 0; }));
}

class EndsTooEarly final : public ByteSource {
 public:
  explicit EndsTooEarly(std::string_view text) : text_(text) {}
  std::size_t read(MutableBytes buffer) override {
    const std::size_t count = text_.read(buffer);
    if (count == 0) throw Error(ErrorKind::Transient, Origin::Source, "cut off");
    return count;
  }

 private:
  TextSource text_;
};

/// Has whole blocks at hand, and copies what is less.
class OwnMemory final : public ByteSource {
 public:
  explicit OwnMemory(std::string_view text) : rest_(text), text_(text) {}

  std::size_t read(MutableBytes buffer) override {
    const std::size_t count = text_.read(buffer);
    rest_.remove_prefix(count);
    copied_ += count;
    return count;
  }
  Bytes next(MutableBytes buffer) override {
    if (buffer.size() < kBlock || rest_.size() < kBlock) return buffer.first(read(buffer));
    const Bytes block = as_bytes(rest_.substr(0, kBlock));
    rest_.remove_prefix(kBlock);
    text_ = TextSource(rest_);
    return block;
  }
  std::size_t copied() const { return copied_; }

 private:
  std::string_view rest_;
  TextSource text_;
  std::size_t copied_ = 0;
};

}  // namespace

TEST_CASE("a block writer writes every byte where it belongs") {
  const TemporaryDirectory place;
  const auto path = place / "file";
  const auto size = GENERATE(std::size_t{0}, std::size_t{1}, kBlock - 1, kBlock, kBlock + 1,
                             2 * kBlock, 3 * kBlock + 4096, 3 * kBlock + 12345);
  const auto begin =
      GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{4096}, kBlock - 1, kBlock, kBlock + 777);
  const std::string whole = counted(begin + size);
  const auto file = made(path);
  write_fully(file.get(), as_bytes(whole).first(begin), 0, "beginning");
  BlockWriter writer(file.get(), begin, "writing");
  TextSource rest(std::string_view(whole).substr(begin));
  writer.write_all(rest);
  CHECK(writer.size() == whole.size());
  CHECK(content(path) == whole);
}

TEST_CASE("whole blocks pass by the page cache where the file system can do that") {
  const TemporaryDirectory place;
  const auto path = place / "file";
  const auto file = made(path);
  if (!can_go_direct(path)) {
    WARN("skipped: the file system of " << path << " has no direct writes");
    return;
  }
  const std::string whole = counted(4 * kBlock + 100);
  BlockWriter writer(file.get(), 0, "writing");
  TextSource bytes(whole);
  writer.write_all(bytes);
  CHECK(cached_pages(file.get(), 0, 4 * kBlock) == 0);
  CHECK(content(path) == whole);
}

TEST_CASE("a block that its source has in memory is written from there") {
  const TemporaryDirectory place;
  const auto file = made(place / "file");
  const std::string whole = counted(2 * kBlock + 5);
  OwnMemory bytes(whole);
  BlockWriter(file.get(), 0, "writing").write_all(bytes);
  CHECK(content(place / "file") == whole);
  CHECK(bytes.copied() == 5);
}

TEST_CASE("blocks that are not where blocks begin in the file are put together anew") {
  const TemporaryDirectory place;
  const auto file = made(place / "file");
  const std::string whole = counted(3 * kBlock + 5);
  write_fully(file.get(), as_bytes(whole).first(4711), 0, "beginning");
  OwnMemory bytes(std::string_view(whole).substr(4711));
  BlockWriter(file.get(), 4711, "writing").write_all(bytes);
  CHECK(content(place / "file") == whole);
}

TEST_CASE("what came before a source failed is written") {
  const TemporaryDirectory place;
  const auto path = place / "file";
  const auto file = made(path);
  const std::string whole = counted(2 * kBlock + 4711);
  BlockWriter writer(file.get(), 0, "writing");
  EndsTooEarly bytes(whole);
  CHECK_THROWS_WITH(writer.write_all(bytes), "cut off");
  CHECK(content(path) == whole);
  TextSource more("the rest");
  BlockWriter(file.get(), writer.size(), "writing").write_all(more);
  CHECK(content(path) == whole + "the rest");
}

TEST_CASE("a file that can't be written says so") {
  const TemporaryDirectory place;
  made(place / "file");
  const FileDescriptor file(::open((place / "file").c_str(), O_RDONLY));
  const std::string whole = counted(kBlock);
  TextSource bytes(whole);
  BlockWriter writer(file.get(), 0, "writing place/file");
  CHECK_THROWS_AS(writer.write_all(bytes), Error);
}

}  // namespace streamsync
