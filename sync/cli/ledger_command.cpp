#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "sync/cli/commands.h"
#include "sync/state_directory.h"

namespace streamsync {
namespace {

std::optional<Time> time_option(const char* name, const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  if (const auto time = parse_date(*text)) return time;
  throw Error(ErrorKind::Config, Origin::Config,
              fmt::format("{} {}: is no time such as 2026-11-20T00:00:00Z", name, *text));
}

// By fingerprint or its end, as key ids are; case and blanks do not matter.
bool names_key(std::string_view wanted, const std::string& fingerprint) {
  std::string bare = to_lower_ascii(wanted);
  std::erase(bare, ' ');
  const std::string_view hex = std::string_view(bare).substr(bare.starts_with("0x") ? 2 : 0);
  return hex.size() >= 16 && to_lower_ascii(fingerprint).ends_with(hex);
}

class Wanted {
 public:
  explicit Wanted(const Options& options)
      : options_(options),
        since_(time_option("--since", options.since)),
        until_(time_option("--until", options.until)) {}

  bool takes(const LedgerEntry& entry) const {
    const auto& keys = entry.document.signed_by;
    const auto is = [](const std::optional<std::string>& wanted) {
      return [&wanted](const std::string& key) { return names_key(*wanted, key); };
    };
    if (options_.key && std::none_of(keys.begin(), keys.end(), is(options_.key))) return false;
    if (options_.only_key &&
        (keys.empty() || !std::all_of(keys.begin(), keys.end(), is(options_.only_key)))) {
      return false;
    }
    if (!options_.source.empty() && entry.mirror != options_.source &&
        entry.url.find(options_.source) == std::string::npos) {
      return false;
    }
    return (!since_ || entry.accepted_at >= *since_) && (!until_ || entry.accepted_at <= *until_);
  }

 private:
  const Options& options_;
  std::optional<Time> since_, until_;
};

std::string line_of(const LedgerEntry& entry) {
  const auto& document = entry.document;
  return fmt::format("{}\t{}\t{}\t{}\t{}\t{}", to_rfc3339(entry.accepted_at), printable(entry.url),
                     printable(entry.stream),
                     document.updated ? to_rfc3339(*document.updated) : "-", document.sha256,
                     document.signed_by.empty()
                         ? "unsigned"
                         : fmt::format("{}", fmt::join(document.signed_by, ",")));
}

}  // namespace

ExitStatus ledger_command(const Options& options) {
  const Wanted wanted(options);
  const Config config = effective_config(options);
  if (!std::filesystem::is_directory(config.state_dir)) {
    throw Error(ErrorKind::Config, Origin::Local,
                fmt::format("{}: there is no state directory; name it with --state-dir",
                            config.state_dir.string()));
  }
  for (const auto& entry : StateDirectory(config.state_dir).ledger()) {
    if (wanted.takes(entry)) {
      fmt::print("{}\n",
                 options.console.output == OutputFormat::Json ? to_json(entry) : line_of(entry));
    }
  }
  return ExitStatus::Done;
}

}  // namespace streamsync
