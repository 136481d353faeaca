#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/crypto/secret.h"
#include "base/environment.h"
#include "base/http/http_client.h"
#include "base/http/url.h"

namespace streamsync {

/// A user or project in a domain; id or name, as the operator gave it.
struct KeystoneName {
  std::string id, name;
  std::string domain_id, domain_name;
};

struct PasswordAuth {
  KeystoneName user;
  Secret password;
  KeystoneName project;
};
struct TokenAuth {
  Secret token;
  KeystoneName project;
};
struct ApplicationCredentialAuth {
  std::string id, name;
  KeystoneName user;  ///< only with `name`
  Secret secret;
};

enum class Interface { Public, Internal, Admin };
std::string_view to_string(Interface interface) noexcept;

/// What is needed to talk to one cloud. Only Identity v3.
struct Credentials {
  Url auth_url;                     ///< ends in /v3
  std::string auth_url_as_given{};  ///< the same, spelled as the operator did, without user info
  std::variant<PasswordAuth, TokenAuth, ApplicationCredentialAuth> auth;
  std::optional<std::string> region;
  Interface interface = Interface::Public;
  std::optional<std::filesystem::path> ca_file;
  std::optional<std::string> ca_pem{};  ///< a CA that stands in the file of credentials itself
  TlsVerification tls = TlsVerification::Required;
};

/// A clouds.yaml entry: OS_CLIENT_CONFIG_FILE, ./clouds.yaml, ~/.config/openstack, /etc/openstack,
/// the first found, with secure.yaml of the same search merged over it (openstacksdk's rules).
/// Throws `Error{Config, Config}` naming file and missing key.
Credentials credentials_from_cloud(std::string_view cloud, const Environment& environment);

/// OS_* variables; none when OS_AUTH_URL is not set. OS_CLOUD is for the caller.
std::optional<Credentials> credentials_from_environment(const Environment& environment);

/// Upstream's identity.yaml (`upstream-gss.md` §5.3).
Credentials credentials_from_identity_file(const std::filesystem::path& file);

}  // namespace streamsync
