#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "sync/cli/commands.h"
#include "sync/cli/standard_output.h"
#include "sync/state_directory.h"

namespace streamsync {
namespace {

std::optional<Time> time_option(const char* name, const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  if (const auto time = parse_date(*text)) return time;
  throw Error(ErrorKind::Config, Origin::Config,
              fmt::format("{} {}: is no time such as 2026-11-20T00:00:00Z", name, *text));
}

// A fingerprint or its end, as key ids are, in lower case. A slip must not read as "none".
std::optional<std::string> key_option(const char* name, const std::optional<std::string>& text) {
  constexpr std::size_t kShortest = 16;
  if (!text) return std::nullopt;
  std::string hex = to_lower_ascii(*text);
  if (hex.starts_with("0x")) hex.erase(0, 2);
  std::erase_if(hex, [](char c) { return c == ' ' || c == ':'; });
  if (hex.size() >= kShortest && hex.find_first_not_of("0123456789abcdef") == std::string::npos) {
    return hex;
  }
  throw Error(
      ErrorKind::Config, Origin::Config,
      fmt::format("{} {}: is no fingerprint, nor its last {} digits", name, *text, kShortest));
}

class Wanted {
 public:
  explicit Wanted(const Options& options)
      : options_(options),
        key_(key_option("--key", options.key)),
        only_key_(key_option("--only-key", options.only_key)),
        since_(time_option("--since", options.since)),
        until_(time_option("--until", options.until)) {}

  bool takes(const LedgerEntry& entry) const {
    const auto& keys = entry.document.signed_by;
    const auto is = [](const std::string& wanted) {
      return [&wanted](const std::string& key) { return to_lower_ascii(key).ends_with(wanted); };
    };
    if (key_ && std::none_of(keys.begin(), keys.end(), is(*key_))) return false;
    if (only_key_ && (keys.empty() || !std::all_of(keys.begin(), keys.end(), is(*only_key_)))) {
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
  std::optional<std::string> key_, only_key_;
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
  std::error_code unknown;
  if (!std::filesystem::is_directory(config.state_dir, unknown)) {
    throw Error(ErrorKind::Config, Origin::Local,
                fmt::format("{}: there is no state directory; name it with --state-dir",
                            config.state_dir.string()));
  }
  for (const auto& entry : StateDirectory(config.state_dir).ledger()) {
    if (wanted.takes(entry)) {
      const bool as_json = options.console.output == OutputFormat::Json;
      print_text((as_json ? to_json(entry) : line_of(entry)) + "\n");
    }
  }
  return ExitStatus::Done;
}

}  // namespace streamsync
