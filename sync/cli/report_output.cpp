#include "sync/cli/report_output.h"

#include <fmt/format.h>

#include <exception>
#include <functional>
#include <optional>
#include <utility>

#include "base/time.h"
#include "sync/cli/report_file.h"
#include "sync/cli/standard_output.h"

namespace streamsync {
namespace {

constexpr std::string_view kReport = "the report is", kLines = "results are";

// The gravest one decides the status.
void note_lost(std::string_view what, const Error& error, RunReport& report, Console& console) {
  console.warn(fmt::format("{} not written: {}", what, error.what()));
  keep_gravest(report.unwritten, error);
}

void unless_lost(std::string_view what, RunReport& report, Console& console,
                 const std::function<void()>& write) {
  try {
    write();
  } catch (const Error& error) {
    note_lost(what, error, report, console);
  }
}

// Of a run that was cut short what counts is how far it had come, and it has a second to say so.
ReportedActions told_of(const RunReport& report) {
  return report.ended_early ? ReportedActions::News : ReportedActions::All;
}

// Then the file is that of the run which holds the lock.
bool is_busy(const RunReport& report) {
  return report.ended_early && report.ended_early->exit_code == static_cast<int>(ExitStatus::Busy);
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
  } catch (const std::exception& error) {
    report.ended_early = {static_cast<int>(ExitStatus::ItemsFailed), "defect", error.what()};
    end = std::current_exception();
  }
  report.finished = now();
  return end;
}

}  // namespace

ExitStatus reported(std::string command, const Options& options, Console& console,
                    const Interrupts& interrupts, const ReportedWork& work) {
  RunReport report = begin_report(std::move(command));
  std::optional<ReportFile> file;
  Recorder record;
  const auto end = do_work(
      [&] {
        if (options.report) file.emplace(*options.report);
        work(report, record);
      },
      interrupts, report);
  if (const int code = console.lost_results()) {
    note_lost(kLines, StandardOutput::lost(code), report, console);
  }
  if (file && !(is_busy(report) && file->may_be_of_others())) {
    unless_lost(kReport, report, console, [&] { file->write(report, told_of(report)); });
  }
  if (record && !report.ended_early) record(report);
  record = nullptr;  // whoever reads standard output may take any time
  if (options.console.output == OutputFormat::Json) {
    unless_lost(kReport, report, console, [&] {
      StandardOutput output;
      write_json(report, told_of(report), output);
      output.finish();
    });
  }
  if (end) std::rethrow_exception(end);
  const auto status = report.exit_status();
  if (status != ExitStatus::Done) console.error(report.verdict());
  return status;
}

void print_lines(std::string_view lines, RunReport& report, Console& console) {
  unless_lost(kLines, report, console, [&] {
    print_text(lines);
    StandardOutput().finish();
  });
}

}  // namespace streamsync
