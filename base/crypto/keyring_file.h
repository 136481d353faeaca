#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace streamsync {

/// Public keys as an operator has them in a file, armored or not, all read at once: what is
/// imported is what was digested. By us, not by gpg: some characters of a path mean something to
/// it (threats-and-faults.md T5).
struct KeyringFile {
  std::filesystem::path path;  ///< for messages
  std::string content;
};

/// Throws `Error{Config, Config}` when it can't be read, does not begin like keys, or is larger
/// than keys can be.
KeyringFile read_keyring(const std::filesystem::path& path);

Error unusable_keyring(const std::filesystem::path& path, std::string_view why);

}  // namespace streamsync
