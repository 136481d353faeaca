#include "sync/cli/report_output.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <functional>

#include "base/io/local_error.h"

namespace streamsync {
namespace {

class StandardOutput final : public ByteSink {
 public:
  void write(Bytes bytes) override {
    if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size()) {
      throw local_error(errno, "writing to standard output");
    }
  }
  void finish() override {
    if (std::fflush(stdout) != 0) throw local_error(errno, "writing to standard output");
  }
};

void unless_lost(RunReport& report, Console& console, const std::function<void()>& write) {
  try {
    write();
  } catch (const Error& error) {
    console.warn(fmt::format("the report is not written: {}", error.what()));
    report.unwritten = error;
  }
}

}  // namespace

std::optional<ReportFile> report_file(const Options& options) {
  if (!options.report) return std::nullopt;
  return std::optional<ReportFile>(*options.report);
}

void deliver(RunReport& report, const std::optional<ReportFile>& file, Console& console) {
  if (file) unless_lost(report, console, [&] { file->write(report); });
}

void print_json(RunReport& report, Console& console) {
  unless_lost(report, console, [&] {
    StandardOutput output;
    write_json(report, ReportedActions::All, output);
    output.finish();
  });
}

void print_text(std::string_view lines, RunReport& report, Console& console) {
  unless_lost(report, console, [&] {
    StandardOutput output;
    output.write(as_bytes(lines));
    output.finish();
  });
}

ExitStatus conclude(const RunReport& report, Console& console) {
  const auto status = report.exit_status();
  if (status != ExitStatus::Done) {
    console.error(report.verdict());
  }
  return status;
}

}  // namespace streamsync
