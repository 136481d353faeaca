#include "base/crypto/gnupg_home.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "base/io/local_error.h"

namespace streamsync {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "streamsync-gnupg-";
constexpr int kAttempts = 20;

/// The directory, if it is one of ours and no process has it locked; locked now.
FileDescriptor try_lock(const fs::path& directory) {
  FileDescriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!opened.is_open() || ::fstat(opened.get(), &status) != 0 || status.st_uid != ::geteuid()) {
    return {};
  }
  if (::flock(opened.get(), LOCK_EX | LOCK_NB) != 0) return {};
  return opened;
}

bool is_removed(const FileDescriptor& directory) {
  struct stat status {};
  return ::fstat(directory.get(), &status) != 0 || status.st_nlink == 0;
}

void discard(const fs::path& directory) noexcept {
  std::error_code ignored;  // a temporary directory that stays is no reason to fail
  fs::remove_all(directory, ignored);
}

fs::path make_directory(const fs::path& parent) {
  std::string name = (parent / fmt::format("{}XXXXXX", kPrefix)).string();
  if (::mkdtemp(name.data()) == nullptr) throw local_error(errno, "making directory " + name);
  return name;
}

/// Trust is ours to decide, so no trust database; public keys need no agent, and one that was
/// started would outlive us; nothing is fetched from anywhere. No locks: the home has one user, and
/// gpg removes them so late that they would come between us and the removal of the home.
void write_configuration(const fs::path& home) {
  constexpr std::string_view kConfiguration =
      "trust-model always\n"
      "no-auto-check-trustdb\n"
      "no-auto-key-retrieve\n"
      "no-autostart\n"
      "lock-never\n";
  const std::string name = (home / "gpg.conf").string();
  const FileDescriptor file(
      ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) throw local_error(errno, "making " + name);
  // So short a text is written at once or not at all.
  const auto written = ::write(file.get(), kConfiguration.data(), kConfiguration.size());
  if (written != static_cast<ssize_t>(kConfiguration.size())) {
    throw local_error(written < 0 ? errno : ENOSPC, "writing " + name);
  }
}

}  // namespace

void GnupgHome::remove_abandoned() noexcept {
  std::error_code ended;
  for (fs::directory_iterator entry(fs::temp_directory_path(ended), ended), end;
       !ended && entry != end; entry.increment(ended)) {
    if (!entry->path().filename().string().starts_with(kPrefix)) continue;
    const FileDescriptor locked = try_lock(entry->path());
    if (locked.is_open()) discard(entry->path());
  }
}

GnupgHome::GnupgHome() {
  const fs::path parent = fs::temp_directory_path();
  // Before it is locked, another process may take the new directory for an abandoned one.
  for (int attempt = 1; !lock_.is_open() || is_removed(lock_); ++attempt) {
    if (attempt > kAttempts) throw local_error(errno, "locking " + path_.string());
    path_ = make_directory(parent);
    lock_ = try_lock(path_);
  }
  try {
    write_configuration(path_);
  } catch (...) {
    discard(path_);
    throw;
  }
}

GnupgHome::~GnupgHome() { discard(path_); }

}  // namespace streamsync
