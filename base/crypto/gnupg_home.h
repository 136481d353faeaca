#pragma once

#include <filesystem>

#include "base/io/file_descriptor.h"

namespace streamsync {

/// A private, temporary GnuPG home (threats-and-faults.md T5), gone with the object.
class GnupgHome {
 public:
  /// Those that killed processes left. A home whose process lives is locked.
  static void remove_abandoned() noexcept;

  GnupgHome();
  ~GnupgHome();
  GnupgHome(const GnupgHome&) = delete;
  GnupgHome& operator=(const GnupgHome&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
  FileDescriptor lock_;
};

}  // namespace streamsync
