#include "keystone/process_environment.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "keystone/settings.h"

namespace streamsync {
namespace {

/// Empty where there is no such variable.
Secret take_variable(const std::string& name) {
  char* value = std::getenv(name.c_str());
  if (value == nullptr) return {};
  Secret secret(value);
  // Where the kernel has put it; unsetenv only forgets where that is.
  wipe(std::span<char>(value, std::strlen(value)));
  ::unsetenv(name.c_str());
  return secret;
}

}  // namespace

Environment take_process_environment() {
  std::map<std::string, Secret> secrets;
  for (const std::string_view key : kSecretSettings) {
    std::string name = variable_of(key);
    if (Secret secret = take_variable(name); !secret.empty()) secrets.emplace(name, secret);
  }
  return [secrets = std::move(secrets)](const std::string& name) -> std::optional<std::string> {
    if (const auto found = secrets.find(name); found != secrets.end()) {
      return std::string(found->second.reveal());
    }
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

}  // namespace streamsync
