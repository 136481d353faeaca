#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/io/bytes.h"
#include "base/io/file_descriptor.h"
#include "base/io/spool.h"
#include "base/relative_path.h"

namespace streamsync {

/// A file that is being written under its temporary name.
class PartialFile {
 public:
  virtual ~PartialFile() = default;
  /// Adds all that `bytes` gives; when that fails, what came before stays.
  virtual void write_all(ByteSource& bytes) = 0;
  /// What was written so far is on the disk when this returns.
  virtual void sync() = 0;
  /// It stays, even if it is empty.
  virtual void finish() = 0;
};

/// A directory below which we read and write, and never outside: no symbolic link below the root
/// is followed (openat2 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS; threats-and-faults.md T14). Used for
/// tree targets and for the state directory. Names given as text are ours, not a document's.
/// Thread-safe: holds only the descriptor of the root. Failures throw `Error` with origin Local
/// (ENOSPC and EDQUOT: NoRoom; a symbolic link, or no regular file where one is to be: Untrusted)
/// and the path in the message.
class RootDirectory {
 public:
  /// Opens `path`, creating it and its parents where missing, with `mode` for the last and for what
  /// is made below it (files without the bits for execution).
  explicit RootDirectory(const std::filesystem::path& path, unsigned mode = 0755);
  ~RootDirectory();
  RootDirectory(RootDirectory&&) noexcept;
  RootDirectory& operator=(RootDirectory&&) noexcept;

  const std::filesystem::path& path() const noexcept { return path_; }

  /// Nobody else of this machine who asks for that writes below it as long as this lives. Throws
  /// `Error{Busy, Local}` at once where somebody does. Where the file system knows no locks nobody
  /// is kept out.
  void claim() const;

  /// Size of a regular file, none when there is none.
  std::optional<std::uint64_t> size_of(std::string_view name) const;
  /// Whether everybody may read the file who might read one that is made here.
  bool is_as_readable_as_ours(std::string_view name) const;
  /// Whole content, none when there is no such file.
  std::optional<std::string> read(std::string_view name) const;
  std::unique_ptr<ByteSource> open(std::string_view name) const;
  /// A document in its file, none when there is no such file. What takes its name later is another.
  std::optional<Spool> document(std::string_view name) const;

  /// Names of the regular files in the directory `name`, sorted; none when there is no such
  /// directory.
  std::vector<std::string> names_in(std::string_view name) const;

  /// A file that appears under `name` only by `finish`: written beside it as `part_of(name)`,
  /// synced, renamed, directory synced. Missing parent directories are made.
  std::unique_ptr<ByteSink> create(std::string_view name) const;
  /// The same for what nothing goes by: a power failure may take it, or damage it.
  std::unique_ptr<ByteSink> create_unsynced(std::string_view name) const;
  void write(std::string_view name, std::string_view content) const;

  /// Writes `part_of(name)` behind its first `begin` bytes, which an earlier one left there, as a
  /// `BlockWriter` does. It stays, finished or not, if it has a byte. Throws `Error{Transient,
  /// Local}` when there are fewer bytes.
  std::unique_ptr<PartialFile> resume(std::string_view name, std::uint64_t begin) const;
  /// Gives `part_of(name)` its name; nothing is synced. False when there is no such part.
  bool show_part(std::string_view name) const;
  /// As far as it can be: it is only in the way.
  void remove_part(std::string_view name) const noexcept;
  static std::string part_of(std::string_view name);

  /// Makes `name` a second name of the file `existing`; nothing is synced.
  void link(std::string_view existing, std::string_view name) const;

  /// All that was written to the file system of this directory is on the disk when this returns.
  void sync() const;

  /// Adds whole lines at the end, in one write, synced. A line that an earlier write left torn is
  /// closed first, so that it spoils no other.
  void append_lines(std::string_view name, std::string_view lines) const;

  /// Removes the file and its `.part`, then directories above it that became empty. No error when
  /// there is nothing.
  void remove(std::string_view name) const;

 private:
  friend class FileSizes;

  FileDescriptor find(std::string_view name) const;
  std::string shown(std::string_view name) const;
  FileDescriptor directory_for(std::string_view name) const;

  int fd_ = -1;
  unsigned mode_ = 0;
  std::filesystem::path path_;
};

/// Sizes of many files below a root, best asked for directory by directory: the one that was looked
/// into last stays open. As it was when it was opened, should somebody move it. The root must
/// outlive this. One thread.
class FileSizes {
 public:
  explicit FileSizes(const RootDirectory& root) : root_(root) {}

  /// As `RootDirectory::size_of`.
  std::optional<std::uint64_t> of(std::string_view name);

 private:
  const RootDirectory& root_;
  std::optional<std::string> directory_;  ///< none: none was looked into
  FileDescriptor open_;
  int failure_ = 0;  ///< why it is not open
};

/// The lock of a state directory: flock on a file that is never unlinked, so that no two runs can
/// hold different files of one name (threats-and-faults.md T27). Throws `Error{Busy, Local}` at
/// once when another process has it. Released by the destructor, or by the kernel.
class FileLock {
 public:
  explicit FileLock(const std::filesystem::path& file);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int fd_ = -1;
};

}  // namespace streamsync
