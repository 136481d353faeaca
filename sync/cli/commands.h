#pragma once

#include "sync/cli/interrupts.h"
#include "sync/cli/options.h"
#include "sync/exit_status.h"

namespace streamsync {

/// The commands of `cli.md` §1, one function each. What they throw ends the process with the status
/// that the error stands for.
ExitStatus sync_command(const Options& options, Console& console, Interrupts& interrupts);
ExitStatus plan_command(const Options& options, Console& console, Interrupts& interrupts);
ExitStatus verify_command(const Options& options, Console& console, Interrupts& interrupts);
ExitStatus query_command(const Options& options, Console& console, const Interrupts& interrupts);
ExitStatus ledger_command(const Options& options);
ExitStatus config_check_command(const Options& options, Console& console);
ExitStatus config_show_command(const Options& options);
ExitStatus config_example_command();

}  // namespace streamsync
