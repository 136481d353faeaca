#include "sync/cli/report_output.h"

#include <fmt/format.h>
#include <pthread.h>

#include <csignal>
#include <ctime>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

#include "base/time.h"
#include "sync/cli/report_file.h"
#include "sync/cli/standard_output.h"

namespace streamsync {
namespace {

// A reader that goes away is told by EPIPE, not by the signal that would end the run. Threads that
// are made meanwhile do as this one.
class BrokenPipeSignal {
 public:
  BrokenPipeSignal() {
    ::sigemptyset(&signal_);
    ::sigaddset(&signal_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  ~BrokenPipeSignal() {
    const timespec at_once{};
    ::sigtimedwait(&signal_, nullptr, &at_once);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  BrokenPipeSignal(const BrokenPipeSignal&) = delete;
  BrokenPipeSignal& operator=(const BrokenPipeSignal&) = delete;

 private:
  sigset_t signal_{}, before_{};
};

void lost(const Error& error, RunReport& report, Console& console) {
  console.warn(fmt::format("the report is not written: {}", error.what()));
  report.unwritten = error;
}

void unless_lost(RunReport& report, Console& console, const std::function<void()>& write) {
  try {
    write();
  } catch (const Error& error) {
    lost(error, report, console);
  }
}

void print_json(RunReport& report, Console& console) {
  unless_lost(report, console, [&] {
    StandardOutput output;
    write_json(report, ReportedActions::All, output);
    output.finish();
  });
}

Ending ending_of(const Error& error) {
  return {static_cast<int>(exit_status_of(error)), std::string(to_string(error.kind())),
          error.what()};
}

Ending ending_of(const Interrupts& interrupts) {
  const bool is_guard = interrupts.exit_status() == static_cast<int>(ExitStatus::Guard);
  return {interrupts.exit_status(), is_guard ? "guard" : "interrupted", interrupts.why()};
}

// What ended it early; null when nothing did.
std::exception_ptr do_work(const std::function<void()>& work, const Interrupts& interrupts,
                           RunReport& report) {
  std::exception_ptr end;
  try {
    work();
    return end;
  } catch (const Cancelled&) {
    report.ended_early = ending_of(interrupts);
    end = std::current_exception();
  } catch (const Error& error) {
    report.ended_early = ending_of(error);
    end = std::current_exception();
  }
  report.finished = now();
  return end;
}

}  // namespace

ExitStatus reported(std::string command, const Options& options, Console& console,
                    const Interrupts& interrupts, const std::function<void(RunReport&)>& work) {
  const BrokenPipeSignal held_back;
  RunReport report = begin_report(std::move(command));
  std::optional<ReportFile> file;
  const auto end = do_work(
      [&] {
        if (options.report) file.emplace(*options.report);
        work(report);
      },
      interrupts, report);
  if (file) unless_lost(report, console, [&] { file->write(report); });
  if (const int code = console.lost_results()) {
    lost(StandardOutput::lost(code), report, console);
  }
  if (options.console.output == OutputFormat::Json) print_json(report, console);
  if (end) std::rethrow_exception(end);
  const auto status = report.exit_status();
  if (status != ExitStatus::Done) console.error(report.verdict());
  return status;
}

void print_lines(std::string_view lines, RunReport& report, Console& console) {
  unless_lost(report, console, [&] {
    print_text(lines);
    StandardOutput().finish();
  });
}

}  // namespace streamsync
