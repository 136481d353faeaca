#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "keystone/credentials.h"

namespace streamsync {

/// What an operator has said about one cloud, under the names of clouds.yaml ("auth_url",
/// "username" …), wherever it was said. Values may be secret: they go nowhere but into
/// `Credentials`.
struct Settings {
  std::string place;  ///< for people: `cloud "x" in /etc/openstack/clouds.yaml`
  std::function<std::optional<std::string>(const std::string& key)> lookup;
  std::function<std::string(const std::string& key)> spelled;  ///< how `key` is written there

  /// The value of the first of `keys` that has one; an empty value is none.
  std::optional<std::string> find(std::initializer_list<std::string_view> keys) const;
};

/// Throws `Error{Config, Config}`; all that is missing is named in one message.
Credentials credentials_from(const Settings& settings);

/// What upstream takes for no in OS_INSECURE (`upstream-gss.md` §3.3).
bool means_no(std::string_view value);

}  // namespace streamsync
