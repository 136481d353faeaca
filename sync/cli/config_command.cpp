#include <fmt/format.h>

#include "sync/cli/commands.h"
#include "sync/cli/standard_output.h"

namespace streamsync {

ExitStatus config_check_command(const Options& options, Console& console) {
  const Config config = effective_config(options);
  warn_of_keys_without_effect(config, console);
  console.log(LogLevel::Info,
              fmt::format("{}: valid, {} in mirror_list",
                          options.config ? options.config->string() : "built-in defaults",
                          config.mirrors.size()));
  return ExitStatus::Done;
}

ExitStatus config_show_command(const Options& options) {
  print_text(show_config(effective_config(options)));
  return ExitStatus::Done;
}

ExitStatus config_example_command() {
  print_text(example_config());
  return ExitStatus::Done;
}

}  // namespace streamsync
