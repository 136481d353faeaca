#include "keystone/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace streamsync {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorKind::Config, Origin::Config, message);
}

/// Values that are needed, and the names of those that are not there.
class Requirements {
 public:
  explicit Requirements(const Settings& settings) : settings_(settings) {}

  std::string text(std::initializer_list<std::string_view> keys) {
    auto value = settings_.find(keys);
    if (!value) note(*keys.begin());
    return std::move(value).value_or("");
  }

  Secret secret(std::initializer_list<std::string_view> keys) {
    Secret value = settings_.find_secret(keys);
    if (value.empty()) note(*keys.begin());
    return value;
  }

  void note(std::string_view key) { missing_.push_back(settings_.spelled(std::string(key))); }

  /// For what either of two keys can say.
  void note(const std::string& key, const std::string& alternative) {
    missing_.push_back(
        fmt::format("{} (or {})", settings_.spelled(key), settings_.spelled(alternative)));
  }

  void check() const {
    if (missing_.empty()) return;
    refuse(fmt::format("can't log in to the cloud: {} lacks {}; Identity v3 needs {}",
                       settings_.place, fmt::join(missing_, ", "),
                       missing_.size() == 1 ? "it" : "them"));
  }

 private:
  const Settings& settings_;
  std::vector<std::string> missing_;
};

void check_identity_version(const Settings& settings) {
  const auto version = settings.find({"identity_api_version"});
  if (!version) return;
  std::string_view number = *version;
  if (number.substr(0, 1) == "v") number.remove_prefix(1);
  if (number == "3" || number.substr(0, 2) == "3.") return;
  refuse(fmt::format("{} in {} is \"{}\", but only Identity v3 is supported: set it to 3",
                     settings.spelled("identity_api_version"), settings.place,
                     printable(*version)));
}

enum class Method { Password, Token, ApplicationCredential };

/// Names of keystoneauth's plugins. Without one the credentials tell: who has a secret of an
/// application credential or a token wants it used, also when OS_USERNAME is left over.
Method method_of(const Settings& settings) {
  static constexpr std::array<std::pair<std::string_view, Method>, 5> kMethods{{
      {"password", Method::Password},
      {"v3password", Method::Password},
      {"token", Method::Token},
      {"v3token", Method::Token},
      {"v3applicationcredential", Method::ApplicationCredential},
  }};
  const auto type = settings.find({"auth_type", "auth_plugin"});
  if (!type) {
    const auto has = [&](std::initializer_list<std::string_view> keys) {
      return !settings.find_secret(keys).empty();
    };
    if (has({"application_credential_secret"})) return Method::ApplicationCredential;
    return has({"token", "auth_token"}) ? Method::Token : Method::Password;
  }
  const auto* known = std::find_if(kMethods.begin(), kMethods.end(),
                                   [&](const auto& method) { return method.first == *type; });
  if (known == kMethods.end()) {
    refuse(
        fmt::format("{} \"{}\" in {} is not supported: use v3password, v3token or "
                    "v3applicationcredential",
                    settings.spelled("auth_type"), printable(*type), settings.place));
  }
  return known->second;
}

/// The rules of openstacksdk and of the OpenStack client: its own domain, else the one for both,
/// else the default domain.
void read_domain(const Settings& settings, const std::string& prefix, KeystoneName& owner) {
  const auto take = [&](std::initializer_list<std::string_view> id_keys,
                        std::initializer_list<std::string_view> name_keys) {
    owner.domain_id = settings.find(id_keys).value_or("");
    owner.domain_name = settings.find(name_keys).value_or("");
    return !owner.domain_id.empty() || !owner.domain_name.empty();
  };
  const std::string own_id = prefix + "_domain_id";
  const std::string own_name = prefix + "_domain_name";
  if (take({own_id}, {own_name}) || take({"domain_id"}, {"domain_name"}) ||
      take({"default_domain_id", "default_domain"}, {"default_domain_name"})) {
    return;
  }
  owner.domain_id = "default";
}

KeystoneName read_user(const Settings& settings, Requirements& needs) {
  KeystoneName user{settings.find({"user_id"}).value_or(""),
                    settings.find({"username", "user_name"}).value_or(""), "", ""};
  if (user.id.empty() && user.name.empty()) needs.note("username", "user_id");
  if (user.id.empty()) read_domain(settings, "user", user);
  return user;
}

KeystoneName read_project(const Settings& settings, Requirements& needs) {
  KeystoneName project{settings.find({"project_id", "tenant_id"}).value_or(""),
                       settings.find({"project_name", "tenant_name"}).value_or(""), "", ""};
  if (project.id.empty() && project.name.empty()) needs.note("project_name", "project_id");
  if (project.id.empty()) read_domain(settings, "project", project);
  return project;
}

ApplicationCredentialAuth read_application_credential(const Settings& settings,
                                                      Requirements& needs) {
  ApplicationCredentialAuth auth;
  auth.id = settings.find({"application_credential_id"}).value_or("");
  auth.name = settings.find({"application_credential_name"}).value_or("");
  if (auth.id.empty() && auth.name.empty()) {
    needs.note("application_credential_id", "application_credential_name");
  }
  if (auth.id.empty() && !auth.name.empty()) auth.user = read_user(settings, needs);
  auth.secret = needs.secret({"application_credential_secret"});
  return auth;
}

decltype(Credentials::auth) read_auth(const Settings& settings, Requirements& needs) {
  switch (method_of(settings)) {
    case Method::Password: {
      PasswordAuth auth;
      auth.user = read_user(settings, needs);
      auth.password = needs.secret({"password"});
      auth.project = read_project(settings, needs);
      return auth;
    }
    case Method::Token: {
      TokenAuth auth;
      auth.token = needs.secret({"token", "auth_token"});
      auth.project = read_project(settings, needs);
      return auth;
    }
    case Method::ApplicationCredential:
      break;
  }
  return read_application_credential(settings, needs);
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

/// `text` is not quoted: where it isn't a URL nobody could redact it.
Url identity_v3_url(const std::string& text, const Settings& settings) {
  const std::string name = fmt::format("{} in {}", settings.spelled("auth_url"), settings.place);
  std::string_view base = trimmed(text);
  while (ends_with(base, "/")) base.remove_suffix(1);
  const std::string lower = to_lower_ascii(base);
  if (lower.rfind("http://", 0) != 0 && lower.rfind("https://", 0) != 0) {
    refuse(name + " must be a URL that begins with http:// or https://");
  }
  if (base.find_first_of("?#") != std::string_view::npos) {
    refuse(name + " must not have a query or a fragment");
  }
  if (ends_with(lower, "/v2.0") || ends_with(lower, "/v2")) {
    refuse(name + " names Identity v2.0, but only v3 is supported: end it in /v3");
  }
  const Url url = with_context(name, [&] { return Url::parse(base); });
  return ends_with(lower, "/v3") ? url : url.append("v3");
}

std::string identity_v3_text(std::string_view text) {
  std::string base = without_userinfo(trimmed(text));
  while (ends_with(base, "/")) base.pop_back();
  return ends_with(to_lower_ascii(base), "/v3") ? base : base + "/v3";
}

Interface read_interface(const Settings& settings) {
  const auto given = settings.find({"interface", "endpoint_type"});
  if (!given) return Interface::Public;
  std::string name = to_lower_ascii(trimmed(*given));
  if (ends_with(name, "url")) name.resize(name.size() - 3);
  for (const auto interface : {Interface::Public, Interface::Internal, Interface::Admin}) {
    if (name == to_string(interface)) return interface;
  }
  refuse(fmt::format("{} \"{}\" in {} must be public, internal or admin",
                     settings.spelled("interface"), printable(*given), settings.place));
}

std::optional<std::filesystem::path> read_ca_file(const Settings& settings, TlsVerification tls) {
  const auto file = settings.find({"cacert"});
  if (!file || tls == TlsVerification::Off) return std::nullopt;
  if (!std::ifstream(*file)) {
    refuse(fmt::format("{} in {}: can't read the CA file {}", settings.spelled("cacert"),
                       settings.place, printable(*file)));
  }
  return std::filesystem::path(*file);
}

}  // namespace

std::optional<std::string> Settings::find(std::initializer_list<std::string_view> keys) const {
  for (const auto key : keys) {
    auto value = lookup(std::string(key));
    if (value && !value->empty()) return value;
  }
  return std::nullopt;
}

Secret Settings::find_secret(std::initializer_list<std::string_view> keys) const {
  for (const auto key : keys) {
    Secret value = secret(std::string(key));
    if (!value.empty()) return value;
  }
  return {};
}

std::string variable_of(std::string_view key) {
  std::string name = "OS_";
  for (const char c : key) name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

bool means_no(std::string_view value) {
  const std::string word = to_lower_ascii(trimmed(value));
  return word.empty() || word == "0" || word == "no" || word == "off" || word == "false";
}

Credentials credentials_from(const Settings& settings) {
  check_identity_version(settings);
  Requirements needs(settings);
  const std::string auth_url = needs.text({"auth_url"});
  auto auth = read_auth(settings, needs);
  needs.check();
  const auto tls = means_no(settings.find({"insecure"}).value_or("")) ? TlsVerification::Required
                                                                      : TlsVerification::Off;
  return Credentials{.auth_url = identity_v3_url(auth_url, settings),
                     .auth_url_as_given = identity_v3_text(auth_url),
                     .auth = std::move(auth),
                     .region = settings.find({"region_name"}),
                     .interface = read_interface(settings),
                     .ca_file = read_ca_file(settings, tls),
                     .tls = tls};
}

std::string_view to_string(Interface interface) noexcept {
  switch (interface) {
    case Interface::Public:
      return "public";
    case Interface::Internal:
      return "internal";
    case Interface::Admin:
      break;
  }
  return "admin";
}

}  // namespace streamsync
