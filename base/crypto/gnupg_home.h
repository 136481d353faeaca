#pragma once

#include <filesystem>

#include "base/io/file_descriptor.h"

namespace streamsync {

/// A private, temporary GnuPG home (threats-and-faults.md T5), gone with the object. What a killed
/// process left is removed by the next one that makes a home: a home whose process lives is locked.
class GnupgHome {
 public:
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
