#pragma once

#include <optional>
#include <string_view>

#include "sync/cli/console.h"
#include "sync/cli/options.h"
#include "sync/cli/report_file.h"
#include "sync/exit_status.h"
#include "sync/report.h"

namespace streamsync {

/// Where `--report` goes; none when it was not asked for.
std::optional<ReportFile> report_file(const Options& options);

/// What keeps the report from its file counts among the run's errors and takes the place of none of
/// them.
void deliver(RunReport& report, const std::optional<ReportFile>& file, Console& console);

/// The same for standard output: the report, or lines that a command prints.
void print_json(RunReport& report, Console& console);
void print_text(std::string_view lines, RunReport& report, Console& console);

/// Ends a run with its verdict.
ExitStatus conclude(const RunReport& report, Console& console);

}  // namespace streamsync
