#include "keystone/process_environment.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "keystone/settings.h"

namespace streamsync {
namespace {

constexpr const char* kSecretsOfS3[] = {"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"};

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
  const auto take = [&secrets](const std::string& name) {
    if (Secret secret = take_variable(name); !secret.empty()) secrets.emplace(name, secret);
  };
  for (const std::string_view key : kSecretSettings) take(variable_of(key));
  for (const char* name : kSecretsOfS3) take(name);
  return [secrets = std::move(secrets)](const std::string& name) -> std::optional<std::string> {
    if (const auto found = secrets.find(name); found != secrets.end()) {
      return std::string(found->second.reveal());
    }
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

}  // namespace streamsync
