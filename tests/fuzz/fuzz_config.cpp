// Configurations: whatever is taken is within bounds and can be shown, and what is shown is a
// configuration that says the same.

#include <set>
#include <string>

#include "sync/config.h"
#include "tests/fuzz/property.h"

namespace streamsync {
namespace {

const ConfigDefaults kDefaults{"/state", "/keys.gpg"};

void check_bounds(const Config& config) {
  std::set<std::string> names;
  for (const MirrorEntry& entry : config.mirrors) {
    require(names.insert(entry.name).second, "entries can be told apart by name");
    require(!entry.bases.empty(), "an entry has a source");
    require(entry.signatures.threshold > 0, "an entry wants signatures");
  }
  require(config.jobs >= 1 && config.jobs <= 64, "jobs is within its bounds");
  require(config.retries.attempts >= 1, "there is a first attempt");
  for (const auto wait : {config.timeouts.connect, config.timeouts.first_byte,
                          config.timeouts.stall, config.retries.budget, config.retries.max_wait}) {
    require(wait.count() >= 0, "a duration is not negative");
  }
  require(!config.run_timeout || config.run_timeout->count() > 0, "a run has time");
}

void check(const std::string& text) {
  const bool is_read = taken(ErrorKind::Config, Origin::Config,
                             [&] { parse_config(text, "streamsync.yaml", kDefaults); });
  if (!is_read) return;
  const Config config = parse_config(text, "streamsync.yaml", kDefaults);
  check_bounds(config);
  const std::string shown = show_config(config);
  const Config again = parse_config(shown, "shown.yaml", kDefaults);
  require(show_config(again) == shown, "what is shown says the same");
}

}  // namespace
}  // namespace streamsync

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  streamsync::check(std::string(streamsync::input(data, size)));
  return 0;
}
