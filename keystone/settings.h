#pragma once

#include <array>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "keystone/credentials.h"

namespace streamsync {

/// The settings that are kept apart from the others, in guarded memory.
inline constexpr std::array<std::string_view, 4> kSecretSettings = {
    "password", "token", "auth_token", "application_credential_secret"};

/// What an operator has said about one cloud, under the names of clouds.yaml ("auth_url",
/// "username" …), wherever it was said.
struct Settings {
  std::string place;  ///< for people: `cloud "x" in /etc/openstack/clouds.yaml`
  std::function<std::optional<std::string>(const std::string& key)> lookup;
  std::function<Secret(const std::string& key)> secret;        ///< of `kSecretSettings`
  std::function<std::string(const std::string& key)> spelled;  ///< how `key` is written there

  /// The value of the first of `keys` that has one; an empty value is none.
  std::optional<std::string> find(std::initializer_list<std::string_view> keys) const;
  Secret find_secret(std::initializer_list<std::string_view> keys) const;
};

/// The variable for a setting: OS_AUTH_URL for auth_url.
std::string variable_of(std::string_view key);

/// Throws `Error{Config, Config}`; all that is missing is named in one message.
Credentials credentials_from(const Settings& settings);

/// What upstream takes for no in OS_INSECURE (`upstream-gss.md` §3.3).
bool means_no(std::string_view value);

}  // namespace streamsync
