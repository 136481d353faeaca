#pragma once

#include <filesystem>

#include "base/io/file_descriptor.h"
#include "sync/report.h"

namespace streamsync {

/// Where `--report` goes. What can be seen before a run is seen then, when nothing was touched yet:
/// a report that can't be written must not take the place of what a run has done.
class ReportFile {
 public:
  /// Throws `Error{Config, Config}` where no report can be written.
  explicit ReportFile(const std::filesystem::path& file);

  /// Another run may write it, too: it is no pipe or device.
  bool may_be_of_others() const noexcept { return !stream_.is_open(); }

  /// A regular file is replaced by rename; a pipe or a device, as /dev/stdout may be, is written
  /// to.
  void write(const RunReport& report, ReportedActions actions) const;

 private:
  std::filesystem::path file_;  ///< links followed
  FileDescriptor stream_;       ///< of a pipe or device
};

}  // namespace streamsync
