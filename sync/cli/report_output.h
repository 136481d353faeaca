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

/// Does the work of a command that makes a report, delivers that, to `--report` and with
/// `--output json` to standard output, and ends with its verdict. What ends the work early is in
/// the report and is thrown again: standard output gets its one document all the same (`cli.md`
/// §1). What keeps a report or other results from their reader counts among the run's errors and
/// takes the place of none of them; a reader that goes away does not end the run.
ExitStatus reported(std::string command, const Options& options, Console& console,
                    const Interrupts& interrupts, const std::function<void(RunReport&)>& work);

/// Lines of results. They count as the report does.
void print_lines(std::string_view lines, RunReport& report, Console& console);

}  // namespace streamsync
