#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "keystone/credentials.h"
#include "sync/cli/console.h"
#include "sync/config.h"

namespace streamsync {

/// What the command line says (`cli.md` §1). Values as they were typed; `effective_config` applies
/// them to the configuration.
struct Options {
  std::optional<std::filesystem::path> config;
  std::optional<std::filesystem::path> state_dir;
  Console::Options console;
  std::optional<std::size_t> jobs;
  std::optional<std::string> limit_rate;

  std::optional<std::filesystem::path> keyring;
  std::optional<std::size_t> max;
  bool keep = false;
  std::optional<std::string> path;
  bool no_verify = false;

  std::optional<std::filesystem::path> identity;
  std::vector<std::string> mirrors;
  std::optional<std::filesystem::path> report;
  std::optional<std::string> max_delete;
  std::optional<std::filesystem::path> plan_file;  ///< of `plan --out` and `sync --plan`
  bool dry_run = false;
  std::optional<std::string> accept_rollback, accept_unsigned;

  std::optional<std::string> key, only_key, since, until;  ///< of `ledger`

  std::string target;                 ///< of `verify`
  std::optional<std::string> repair;  ///< SOURCE that it fetches from

  std::string source;
  std::vector<std::string> filters;
  std::optional<std::string> index_filter;
  std::optional<std::string> format;

  Environment environment;  ///< of the process; its secrets are in here and not there any more
};

ConfigDefaults config_defaults();
/// The configuration file, or the defaults without one, with the command line's say over it.
Config effective_config(const Options& options);
/// A source that chooses the paths of a tree must not choose our own files
/// (threats-and-faults.md T13): throws `Error{Config, Config}`.
void require_state_outside_trees(const Config& config);
/// Says which keys of the charm's are accepted and do nothing.
void warn_of_keys_without_effect(const Config& config, Console& console);
void warn_of_no_verify(const Options& options, Console& console);
/// The same say over one entry.
void apply(const Options& options, MirrorEntry& entry);

}  // namespace streamsync
