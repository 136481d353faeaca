#include "sync/cli/report_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>

#include "base/error.h"
#include "base/io/local_error.h"
#include "base/io/root_directory.h"
#include "base/text.h"

namespace streamsync {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path& file, const std::string& why) {
  throw Error(ErrorKind::Config, Origin::Config,
              fmt::format("--report {}: {}; name a file that can be written, nothing was touched",
                          printable(file.string()), why));
}

std::string reason_of(int code) { return std::generic_category().message(code); }

// Not blocking: a pipe that nobody reads would hold the run up before it begins.
FileDescriptor open_stream(const fs::path& file) {
  FileDescriptor stream(::open(file.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!stream.is_open()) {
    refuse(file, errno == ENXIO ? "is a pipe that nobody reads" : reason_of(errno));
  }
  return stream;
}

// Whether a file can be made is found out by making one, of a name that no other run has.
void try_directory(const fs::path& file, const fs::path& whole) {
  std::error_code unknown;
  if (!fs::is_directory(whole.parent_path(), unknown)) {
    refuse(file, fmt::format("there is no directory {}", printable(whole.parent_path().string())));
  }
  try {
    static_cast<void>(RootDirectory(whole.parent_path())
                          .create(fmt::format("{}.{}", whole.filename().string(), ::getpid())));
  } catch (const Error& error) {
    refuse(file, error.what());
  }
}

/// A pipe or a device. Whoever reads it has to.
class StreamSink final : public ByteSink {
 public:
  explicit StreamSink(int stream) : stream_(stream) {}

  void write(Bytes bytes) override {
    while (!bytes.empty()) {
      const auto written = ::write(stream_, bytes.data(), bytes.size());
      if (written >= 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(written));
      } else if (errno == EAGAIN) {
        wait_for_reader();
      } else if (errno != EINTR) {
        throw local_error(errno, "writing the report");
      }
    }
  }
  void finish() override {}

 private:
  void wait_for_reader() const {
    constexpr int kPatience = 30'000;  // milliseconds; the state directory is locked meanwhile
    pollfd ready{stream_, POLLOUT, 0};
    if (::poll(&ready, 1, kPatience) == 0) {
      throw Error(ErrorKind::Transient, Origin::Local,
                  "writing the report: whoever reads it has stopped to; a file does not wait");
    }
  }

  int stream_;
};

std::unique_ptr<ByteSink> sink_for(const fs::path& file, const FileDescriptor& stream) {
  if (stream.is_open()) return std::make_unique<StreamSink>(stream.get());
  return RootDirectory(file.parent_path()).create(file.filename().string());
}

}  // namespace

ReportFile::ReportFile(const fs::path& file) {
  std::error_code unknown;
  const auto status = fs::status(file, unknown);
  if (status.type() == fs::file_type::none) refuse(file, unknown.message());
  if (fs::is_directory(status)) refuse(file, "is a directory");
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    stream_ = open_stream(file);
    return;
  }
  // A name that leads to a file is kept, and the file replaced.
  file_ = fs::is_regular_file(status) ? fs::canonical(file, unknown) : fs::absolute(file, unknown);
  try_directory(file, file_);
}

void ReportFile::write(const RunReport& report, ReportedActions actions) const {
  const auto to = sink_for(file_, stream_);
  write_json(report, actions, *to);
  to->finish();
}

}  // namespace streamsync
