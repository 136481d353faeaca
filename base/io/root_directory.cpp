#include "base/io/root_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <limits>
#include <utility>
#include <vector>

#include "base/io/block_writer.h"
#include "base/io/file_descriptor.h"
#include "base/io/local_error.h"
#include "base/text.h"

namespace streamsync {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

/// A state directory (0700) keeps files for its owner only, a published tree (0755) for all.
constexpr unsigned kReadAndWrite = 0666;

/// umask(2) tells it only by changing it for all threads; proc(5) has it since Linux 4.7.
unsigned umask_of_this_process() {
  constexpr unsigned kUsual = 022;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("Umask:"))
      return static_cast<unsigned>(std::stoul(line.substr(6), nullptr, 8));
  }
  return kUsual;
}

/// A name below the root, cut at its last '/'.
struct Place {
  std::string directory;  ///< empty: the root itself
  std::string leaf;
};

bool is_safe_segment(std::string_view segment) {
  return !segment.empty() && segment != "." && segment != ".." &&
         segment.find('\0') == std::string_view::npos;
}

void require_safe(std::string_view name) {
  for (std::string_view rest = name;;) {
    const std::size_t end = rest.find('/');
    if (!is_safe_segment(rest.substr(0, end))) {
      throw Error(ErrorKind::Untrusted, Origin::Local,
                  fmt::format("'{}' is no name below a directory", printable(name)));
    }
    if (end == std::string_view::npos) return;
    rest.remove_prefix(end + 1);
  }
}

Place place_of(std::string_view name) {
  require_safe(name);
  const std::size_t slash = name.rfind('/');
  if (slash == std::string_view::npos) return {"", std::string(name)};
  return {std::string(name.substr(0, slash)), std::string(name.substr(slash + 1))};
}

std::string partial(std::string_view name) { return std::string(name) + ".part"; }

/// Not a duplicate: those share the place where a listing has come to.
FileDescriptor reopen(int directory) {
  return FileDescriptor(::openat(directory, ".", kDirectoryFlags));
}

bool is_link(int directory, const std::string& leaf) {
  struct stat status {};
  return ::fstatat(directory, leaf.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISLNK(status.st_mode);
}

/// One step of the walk; not open with errno when there is no such directory.
FileDescriptor step_into(int directory, const std::string& segment) {
  FileDescriptor next(::openat(directory, segment.c_str(), kDirectoryFlags | O_NOFOLLOW));
  // With O_DIRECTORY the kernel says ENOTDIR for a link, too; openat2 tells it apart.
  if (!next.is_open() && errno == ENOTDIR) {
    errno = is_link(directory, segment) ? ELOOP : ENOTDIR;
  }
  return next;
}

/// The walk that openat2 does inside the kernel, for kernels before 5.6 and sandboxes that forbid
/// it: no segment is followed when it is a link.
FileDescriptor walk(int root, std::string_view directory) {
  require_safe(directory);
  FileDescriptor current = reopen(root);
  for (const std::string_view segment : split(directory, '/')) {
    if (!current.is_open()) break;
    FileDescriptor next = step_into(current.get(), std::string(segment));
    const int code = errno;
    current = std::move(next);
    errno = code;
  }
  return current;
}

/// The directory `directory` below `root`; not open with errno when it can't be had.
FileDescriptor find_directory(int root, const std::string& directory) {
  if (directory.empty()) return reopen(root);
  open_how how{};
  how.flags = kDirectoryFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  const long fd = ::syscall(SYS_openat2, root, directory.c_str(), &how, sizeof how);
  if (fd >= 0) return FileDescriptor(static_cast<int>(fd));
  // EPERM is what older container run-times answer for a system call they do not know.
  if (errno == ENOSYS || errno == EPERM) return walk(root, directory);
  return {};
}

/// Steps into `segment`, which is made first where it is missing.
FileDescriptor make_step(int directory, const std::string& segment, unsigned mode) {
  FileDescriptor next = step_into(directory, segment);
  if (next.is_open() || errno != ENOENT) return next;
  if (::mkdirat(directory, segment.c_str(), mode) == 0) {
    if (::fsync(directory) != 0) return {};
  } else if (errno != EEXIST) {
    return {};
  }
  return step_into(directory, segment);
}

FileDescriptor make_directory(int root, const std::string& directory, unsigned mode) {
  FileDescriptor current = find_directory(root, directory);
  if (current.is_open() || errno != ENOENT) return current;
  current = reopen(root);
  for (const std::string_view segment : split(directory, '/')) {
    FileDescriptor next = make_step(current.get(), std::string(segment), mode);
    if (!next.is_open()) return next;
    current = std::move(next);
  }
  return current;
}

/// Refuses what is no regular file of ours alone: a link to it under another name would let a
/// write here change a file elsewhere (threats-and-faults.md T14).
void require_own_file(int fd, const std::string& shown) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw local_error(errno, "looking at " + shown);
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1) {
    throw Error(ErrorKind::Untrusted, Origin::Local,
                fmt::format("{} is not a regular file with one name: remove it", shown));
  }
}

/// Refuses a name whose present holder a rename would replace though it is no file.
void require_replaceable(int directory, const std::string& leaf, const std::string& shown) {
  struct stat status {};
  if (::fstatat(directory, leaf.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return;
    throw local_error(errno, "looking at " + shown);
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorKind::Untrusted, Origin::Local,
                fmt::format("{} is not a regular file: remove it", shown));
  }
}

class FileSource final : public ByteSource {
 public:
  FileSource(FileDescriptor file, std::string doing)
      : file_(std::move(file)), doing_(std::move(doing)) {}

  std::size_t read(MutableBytes buffer) override {
    const std::size_t count = read_some(file_.get(), buffer, offset_, doing_);
    offset_ += count;
    return count;
  }

 private:
  FileDescriptor file_;
  std::string doing_;
  std::uint64_t offset_ = 0;
};

/// The temporary name of a file, which has `begin` bytes already.
class Part {
 protected:
  Part(FileDescriptor directory, std::string leaf, std::string shown, unsigned mode,
       std::uint64_t begin)
      : directory_(std::move(directory)), leaf_(std::move(leaf)), shown_(std::move(shown)) {
    require_replaceable(directory_.get(), leaf_, shown_);
    // Not O_TRUNC: nothing is cut before it is known to be ours. O_NONBLOCK: a planted FIFO must
    // not hold us.
    file_ =
        FileDescriptor(::openat(directory_.get(), partial(leaf_).c_str(),
                                O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode));
    if (!file_.is_open()) throw local_error(errno, "creating " + partial(shown_));
    require_own_file(file_.get(), partial(shown_));
    require_bytes(begin);
    if (::ftruncate(file_.get(), static_cast<off_t>(begin)) != 0) {
      throw local_error(errno, "cutting " + partial(shown_));
    }
  }
  ~Part() = default;

  void flush() const {
    if (::fdatasync(file_.get()) != 0) throw local_error(errno, "syncing " + shown_);
  }

  int file() const noexcept { return file_.get(); }
  int directory() const noexcept { return directory_.get(); }
  const std::string& leaf() const noexcept { return leaf_; }
  const std::string& shown() const noexcept { return shown_; }
  std::string writing() const { return "writing " + shown_; }
  void unlink() noexcept { ::unlinkat(directory_.get(), partial(leaf_).c_str(), 0); }

 private:
  void require_bytes(std::uint64_t count) const {
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0) throw local_error(errno, "looking at " + shown_);
    if (static_cast<std::uint64_t>(status.st_size) >= count) return;
    throw Error(ErrorKind::Transient, Origin::Local,
                fmt::format("{}: lost some of its bytes meanwhile", partial(shown_)));
  }

  FileDescriptor directory_;
  std::string leaf_;
  std::string shown_;
  FileDescriptor file_;
};

void rename_part(int directory, const std::string& leaf, const std::string& shown) {
  if (::renameat(directory, partial(leaf).c_str(), directory, leaf.c_str()) != 0) {
    throw local_error(errno, "renaming " + partial(shown));
  }
}

enum class Durability { Synced, Unsynced };

/// Gets its name when it is whole, and on the disk if it is synced, or is gone.
class AtomicFile final : public ByteSink, private Part {
 public:
  AtomicFile(FileDescriptor directory, std::string leaf, std::string shown, unsigned mode,
             Durability durability)
      : Part(std::move(directory), std::move(leaf), std::move(shown), mode, 0),
        durability_(durability) {}
  ~AtomicFile() override {
    if (!finished_) unlink();
  }

  void write(Bytes bytes) override {
    write_fully(file(), bytes, size_, writing());
    size_ += bytes.size();
  }

  void finish() override {
    if (durability_ == Durability::Synced) flush();
    rename_part(directory(), leaf(), shown());
    finished_ = true;
    if (durability_ == Durability::Unsynced) return;
    if (::fsync(directory()) != 0) throw local_error(errno, "syncing directory of " + shown());
  }

 private:
  Durability durability_;
  std::uint64_t size_ = 0;
  bool finished_ = false;
};

/// Keeps its temporary name, for somebody who goes on with it or shows it.
class KeptPart final : public PartialFile, private Part {
 public:
  KeptPart(FileDescriptor directory, std::string leaf, std::string shown, unsigned mode,
           std::uint64_t begin)
      : Part(std::move(directory), std::move(leaf), std::move(shown), mode, begin),
        writer_(file(), begin, writing()) {}
  ~KeptPart() override {
    if (!finished_ && writer_.size() == 0) unlink();
  }

  void write_all(ByteSource& bytes) override { writer_.write_all(bytes); }
  void sync() override { flush(); }
  void finish() override { finished_ = true; }

 private:
  BlockWriter writer_;
  bool finished_ = false;
};

bool means_absent(int code) { return code == ENOENT || code == ENOTDIR; }

/// The regular file `leaf`, not open when there is none.
FileDescriptor open_file(int directory, const std::string& leaf, const std::string& shown) {
  FileDescriptor file(
      ::openat(directory, leaf.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.is_open()) {
    if (means_absent(errno)) return {};
    throw local_error(errno, "opening " + shown);
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw local_error(errno, "looking at " + shown);
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorKind::Untrusted, Origin::Local, shown + " is not a regular file: remove it");
  }
  return file;
}

bool is_regular(int directory, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_REG;
  // Some file systems do not say.
  struct stat status {};
  return ::fstatat(directory, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISREG(status.st_mode);
}

void unlink_file(int directory, const std::string& leaf, const std::string& shown) {
  if (::unlinkat(directory, leaf.c_str(), 0) != 0 && errno != ENOENT) {
    throw local_error(errno, "removing " + shown);
  }
}

/// Removes `directory` and those above it as long as they are empty. That one stays for any other
/// reason is no failure: the file is gone.
void remove_empty_directories(int root, std::string directory) {
  while (!directory.empty()) {
    const Place place = place_of(directory);
    const FileDescriptor parent = find_directory(root, place.directory);
    if (!parent.is_open()) return;
    if (::unlinkat(parent.get(), place.leaf.c_str(), AT_REMOVEDIR) != 0) return;
    directory = place.directory;
  }
}

bool ends_a_line(int file, std::uint64_t size, const std::string& shown) {
  if (size == 0) return true;
  std::array<std::byte, 1> last{};
  read_some(file, last, size - 1, "reading " + shown);
  return last[0] == std::byte{'\n'};
}

std::filesystem::path parent_of(const std::filesystem::path& path) {
  const std::filesystem::path whole = std::filesystem::absolute(path).lexically_normal();
  // "state/" has an empty last element, and the parent of that would be the directory itself.
  return whole.has_filename() ? whole.parent_path() : whole.parent_path().parent_path();
}

}  // namespace

RootDirectory::RootDirectory(const std::filesystem::path& path, unsigned mode)
    : mode_(mode), path_(path) {
  std::error_code ignored;  // what matters shows when the directory is opened
  std::filesystem::create_directories(parent_of(path), ignored);
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    throw local_error(errno, "making directory " + path.string());
  }
  fd_ = ::open(path.c_str(), kDirectoryFlags);
  if (fd_ < 0) throw local_error(errno, "opening directory " + path.string());
}

RootDirectory::~RootDirectory() {
  if (fd_ >= 0) ::close(fd_);
}

RootDirectory::RootDirectory(RootDirectory&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), mode_(other.mode_), path_(std::move(other.path_)) {}

RootDirectory& RootDirectory::operator=(RootDirectory&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(mode_, other.mode_);
  path_.swap(other.path_);
  return *this;
}

// The directory itself is locked: no file of ours lies in a tree that is published for that.
void RootDirectory::claim() const {
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  throw Error(ErrorKind::Busy, Origin::Local,
              fmt::format("{}: somebody else is writing there, another run or who holds a lock on "
                          "that directory: wait for it to end",
                          printable(path_.string())));
}

std::string RootDirectory::shown(std::string_view name) const {
  return printable((path_ / name).string());
}

std::optional<std::uint64_t> RootDirectory::size_of(std::string_view name) const {
  return FileSizes(*this).of(name);
}

std::optional<std::uint64_t> FileSizes::of(std::string_view name) {
  Place place = place_of(name);
  if (directory_ != place.directory) {
    open_ = find_directory(root_.fd_, place.directory);
    failure_ = open_.is_open() ? 0 : errno;
    directory_ = std::move(place.directory);
  }
  struct stat status {};
  int failure = failure_;
  if (failure == 0 &&
      ::fstatat(open_.get(), place.leaf.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    failure = errno;
  }
  if (failure == 0 && S_ISLNK(status.st_mode)) failure = ELOOP;
  if (means_absent(failure)) return std::nullopt;
  if (failure != 0) throw local_error(failure, "looking at " + root_.shown(name));
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

FileDescriptor RootDirectory::find(std::string_view name) const {
  const Place place = place_of(name);
  const FileDescriptor directory = find_directory(fd_, place.directory);
  if (!directory.is_open()) {
    if (means_absent(errno)) return {};
    throw local_error(errno, "opening " + shown(name));
  }
  return open_file(directory.get(), place.leaf, shown(name));
}

std::optional<std::string> RootDirectory::read(std::string_view name) const {
  auto file = find(name);
  if (!file.is_open()) return std::nullopt;
  FileSource source(std::move(file), "reading " + shown(name));
  return read_all(source, std::numeric_limits<std::uint64_t>::max());
}

std::unique_ptr<ByteSource> RootDirectory::open(std::string_view name) const {
  auto file = find(name);
  if (!file.is_open()) throw local_error(ENOENT, "opening " + shown(name));
  return std::make_unique<FileSource>(std::move(file), "reading " + shown(name));
}

std::optional<Spool> RootDirectory::document(std::string_view name) const {
  auto file = find(name);
  if (!file.is_open()) return std::nullopt;
  return Spool(std::move(file), "reading " + shown(name));
}

std::vector<std::string> RootDirectory::names_in(std::string_view name) const {
  FileDescriptor directory = find_directory(fd_, std::string(name));
  if (!directory.is_open()) {
    if (means_absent(errno)) return {};
    throw local_error(errno, "listing " + shown(name));
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(directory.get()), &::closedir);
  if (!stream) throw local_error(errno, "listing " + shown(name));
  directory.release();  // the stream closes it
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    if (is_regular(::dirfd(stream.get()), *entry)) names.emplace_back(entry->d_name);
    errno = 0;
  }
  if (errno != 0) throw local_error(errno, "listing " + shown(name));
  std::sort(names.begin(), names.end());
  return names;
}

bool RootDirectory::is_as_readable_as_ours(std::string_view name) const {
  constexpr unsigned kRead = 0444;
  const FileDescriptor file = find(name);
  struct stat status {};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0) return false;
  return (mode_ & kRead & ~umask_of_this_process() & ~status.st_mode) == 0;
}

std::unique_ptr<ByteSink> RootDirectory::create(std::string_view name) const {
  const Place place = place_of(name);
  return std::make_unique<AtomicFile>(directory_for(name), place.leaf, shown(name),
                                      mode_ & kReadAndWrite, Durability::Synced);
}

std::unique_ptr<ByteSink> RootDirectory::create_unsynced(std::string_view name) const {
  const Place place = place_of(name);
  return std::make_unique<AtomicFile>(directory_for(name), place.leaf, shown(name),
                                      mode_ & kReadAndWrite, Durability::Unsynced);
}

std::unique_ptr<PartialFile> RootDirectory::resume(std::string_view name,
                                                   std::uint64_t begin) const {
  const Place place = place_of(name);
  return std::make_unique<KeptPart>(directory_for(name), place.leaf, shown(name),
                                    mode_ & kReadAndWrite, begin);
}

bool RootDirectory::show_part(std::string_view name) const {
  if (!size_of(part_of(name))) return false;
  const Place place = place_of(name);
  const FileDescriptor directory = directory_for(name);
  require_replaceable(directory.get(), place.leaf, shown(name));
  rename_part(directory.get(), place.leaf, shown(name));
  return true;
}

void RootDirectory::link(std::string_view existing, std::string_view name) const {
  const Place from = place_of(existing);
  const Place to = place_of(name);
  const FileDescriptor from_directory = find_directory(fd_, from.directory);
  const FileDescriptor to_directory = directory_for(name);
  if (!from_directory.is_open() || ::linkat(from_directory.get(), from.leaf.c_str(),
                                            to_directory.get(), to.leaf.c_str(), 0) != 0) {
    throw local_error(errno, fmt::format("linking {} to {}", shown(name), shown(existing)));
  }
}

void RootDirectory::sync() const {
  if (::syncfs(fd_) != 0) throw local_error(errno, "syncing " + printable(path_.string()));
}

void RootDirectory::remove_part(std::string_view name) const noexcept {
  try {
    const Place place = place_of(name);
    const FileDescriptor directory = find_directory(fd_, place.directory);
    if (directory.is_open()) ::unlinkat(directory.get(), partial(place.leaf).c_str(), 0);
  } catch (const std::exception&) {
    // Whoever removes it has an error to tell already.
  }
}

std::string RootDirectory::part_of(std::string_view name) { return partial(name); }

FileDescriptor RootDirectory::directory_for(std::string_view name) const {
  FileDescriptor directory = make_directory(fd_, place_of(name).directory, mode_);
  if (!directory.is_open()) throw local_error(errno, "making the directory of " + shown(name));
  return directory;
}

void RootDirectory::write(std::string_view name, std::string_view content) const {
  const auto sink = create(name);
  sink->write(as_bytes(content));
  sink->finish();
}

void RootDirectory::append_lines(std::string_view name, std::string_view lines) const {
  const Place place = place_of(name);
  const FileDescriptor directory = directory_for(name);
  const FileDescriptor file(::openat(directory.get(), place.leaf.c_str(),
                                     O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                                     mode_ & kReadAndWrite));
  if (!file.is_open()) throw local_error(errno, "opening " + shown(name));
  require_own_file(file.get(), shown(name));
  const std::uint64_t end = size_of(name).value_or(0);
  const std::string start = ends_a_line(file.get(), end, shown(name)) ? "" : "\n";
  write_fully(file.get(), as_bytes(start + std::string(lines)), end, "writing " + shown(name));
  if (::fdatasync(file.get()) != 0 || ::fsync(directory.get()) != 0) {
    throw local_error(errno, "syncing " + shown(name));
  }
}

void RootDirectory::remove(std::string_view name) const {
  const Place place = place_of(name);
  const FileDescriptor directory = find_directory(fd_, place.directory);
  if (!directory.is_open()) {
    if (means_absent(errno)) return;
    throw local_error(errno, "removing " + shown(name));
  }
  unlink_file(directory.get(), place.leaf, shown(name));
  unlink_file(directory.get(), partial(place.leaf), shown(name));
  remove_empty_directories(fd_, place.directory);
}

FileLock::FileLock(const std::filesystem::path& file) {
  FileDescriptor opened(
      ::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!opened.is_open()) throw local_error(errno, "opening the lock " + file.string());
  if (::flock(opened.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) throw local_error(errno, "locking " + file.string());
    throw Error(ErrorKind::Busy, Origin::Local,
                fmt::format("another run holds {}: wait for it to end", file.string()));
  }
  fd_ = opened.release();
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace streamsync
