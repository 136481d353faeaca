#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "sync/cli/console.h"
#include "sync/cli/interrupts.h"
#include "sync/cli/options.h"
#include "sync/exit_status.h"
#include "sync/report.h"

namespace streamsync {

/// Records a run that came to its end. As long as it lives nobody else does the same work.
using Recorder = std::function<void(const RunReport&)>;
/// Fills a report, and gives a recorder where there is one, before it changes anything.
using ReportedWork = std::function<void(RunReport&, Recorder&)>;

/// Does the work of a command that makes a report, delivers that, to `--report` and with
/// `--output json` to standard output, and ends with its verdict. What ends the work early is in
/// the report and is thrown again: standard output gets its one document all the same (`cli.md`
/// §1), the file but where another run is at work. What keeps the report of a run that came to its
/// end, or its results, from their reader counts among its errors and takes the place of none.
ExitStatus reported(std::string command, const Options& options, Console& console,
                    const Interrupts& interrupts, const ReportedWork& work);

/// Lines of results. They count as the report does.
void print_lines(std::string_view lines, RunReport& report, Console& console);

}  // namespace streamsync
