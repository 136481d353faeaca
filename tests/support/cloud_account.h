#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "keystone/keystone_session.h"
#include "tests/support/loopback_server.h"

namespace streamsync::testing {

inline std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

/// OS_* of another user of tests/cloud, whose project is called as the user is.
inline Environment variables_of(std::string user) {
  return [user = std::move(user)](const std::string& name) {
    const bool is_theirs = name == "OS_USERNAME" || name == "OS_PROJECT_NAME";
    return is_theirs ? std::optional(user) : variable(name);
  };
}

/// None, with a warning, when OS_* name no cloud.
inline std::optional<Credentials> cloud_credentials(const Environment& environment = variable) {
  start_process();
  auto credentials = credentials_from_environment(environment);
  if (!credentials) WARN("OS_AUTH_URL is not set: nothing tested");
  return credentials;
}

inline KeystoneSession session_with(Credentials credentials) {
  return KeystoneSession(std::move(credentials), HttpOptions{}, RetryPolicy{}, {});
}

}  // namespace streamsync::testing
