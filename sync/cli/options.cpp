#include "sync/cli/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"

namespace streamsync {
namespace {

const std::filesystem::path kUbuntuKeyring = "/usr/share/keyrings/ubuntu-cloudimage-keyring.gpg";

std::optional<std::filesystem::path> directory_from(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value == '/' ? std::optional<std::filesystem::path>(value)
                                           : std::nullopt;
}

// /var/lib for root, else by the XDG base directory specification.
std::filesystem::path default_state_dir() {
  if (geteuid() == 0) {
    return "/var/lib/streamsync";
  }
  if (const auto state = directory_from("XDG_STATE_HOME")) {
    return *state / "streamsync";
  }
  return directory_from("HOME").value_or("/tmp") / ".local/state/streamsync";
}

// Beside the binary, wherever it was installed to: bin/streamsync, share/streamsync/….
std::filesystem::path installed_keyring() {
  std::error_code unknown;
  const auto binary = std::filesystem::read_symlink("/proc/self/exe", unknown);
  return binary.parent_path().parent_path() / "share/streamsync/ubuntu-cloudimage-keyring.gpg";
}

}  // namespace

void require_state_outside_trees(const Config& config) {
  std::error_code unknown;  // what can't be looked at is told when it is opened
  const auto state = std::filesystem::weakly_canonical(config.state_dir, unknown);
  for (const auto& tree : config.trees()) {
    const auto root = std::filesystem::weakly_canonical(tree, unknown);
    if (root.empty()) continue;
    if (std::mismatch(root.begin(), root.end(), state.begin(), state.end()).first == root.end()) {
      throw Error(ErrorKind::Config, Origin::Config,
                  fmt::format("the state directory {} lies in the tree {}; name another with "
                              "--state-dir or state_dir",
                              config.state_dir.string(), tree.string()));
    }
  }
}

ConfigDefaults config_defaults() {
  return {default_state_dir(),
          std::filesystem::exists(kUbuntuKeyring) ? kUbuntuKeyring : installed_keyring()};
}

void apply(const Options& options, MirrorEntry& entry) {
  if (options.keyring) {
    entry.keyring = *options.keyring;
    entry.keys.reset();
  }
  if (options.max) {
    entry.retention.max = options.max;
  }
  if (options.keep) {
    entry.retention.keep = true;
  }
  if (options.path) {
    entry.path = RelativePath::parse(*options.path);
  }
}

Config effective_config(const Options& options) {
  const auto defaults = config_defaults();
  Config config = options.config ? load_config(*options.config, defaults)
                                 : parse_config("", "(no configuration file)", defaults);
  for (auto& entry : config.mirrors) {
    apply(options, entry);
  }
  if (options.state_dir) {
    config.state_dir = *options.state_dir;
  }
  require_state_outside_trees(config);
  if (options.jobs) {
    config.jobs = *options.jobs;
  }
  if (options.limit_rate) {
    config.limit_rate = parse_rate(*options.limit_rate);
    if (!config.limit_rate) {
      throw Error(ErrorKind::Config, Origin::Config,
                  fmt::format("--limit-rate {}: is not a number of bytes such as 500K or 10M",
                              *options.limit_rate));
    }
  }
  if (options.max_delete) {
    const auto cap = DeletionCap::parse(*options.max_delete);
    if (!cap) {
      throw Error(ErrorKind::Config, Origin::Config,
                  fmt::format("--max-delete {}: is neither a number nor a share such as 50%",
                              *options.max_delete));
    }
    config.max_delete = *cap;
  }
  return config;
}

void warn_of_keys_without_effect(const Config& config, Console& console) {
  if (config.without_effect.empty()) return;
  console.warn(fmt::format("{}: for the machine of the charm, and without effect here",
                           fmt::join(config.without_effect, ", ")));
}

void warn_of_no_verify(const Options& options, Console& console) {
  if (options.no_verify) console.warn("--no-verify: signatures are not checked in this run");
}

}  // namespace streamsync
