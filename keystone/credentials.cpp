#include "keystone/credentials.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "base/crypto/base64.h"
#include "base/error.h"
#include "base/text.h"
#include "keystone/settings.h"

namespace streamsync {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorKind::Config, Origin::Config, message);
}

std::optional<std::string> set_variable(const Environment& environment, const std::string& name) {
  auto value = environment(name);
  return value && !value->empty() ? value : std::nullopt;
}

fs::path expand_home(const std::string& path, const Environment& environment) {
  const auto home = set_variable(environment, "HOME");
  return home && path.rfind("~/", 0) == 0 ? fs::path(*home) / path.substr(2) : fs::path(path);
}

/// None when there is no such file. JSON is taken as the YAML that it is. The text is not read into
/// a string of ours, which would be one more place for secrets. yaml-cpp's own message is left out:
/// it may quote the file.
std::optional<YAML::Node> load_yaml(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::nullopt;
  try {
    return YAML::Load(in);
  } catch (const YAML::Exception& error) {
    refuse(fmt::format("{}:{}:{}: not valid YAML", file.string(), error.mark.line + 1,
                       error.mark.column + 1));
  }
}

std::vector<YAML::Node> merged_in_maps(const YAML::Node& value) {
  if (value.IsMap()) return {value};
  std::vector<YAML::Node> maps;
  if (value.IsSequence()) {
    std::copy_if(value.begin(), value.end(), std::back_inserter(maps),
                 [](const YAML::Node& one) { return one.IsMap(); });
  }
  return maps;
}

/// `<<` (yaml.org/type/merge.html), which PyYAML resolves and yaml-cpp leaves as a key: keys of the
/// map itself win, then those of the map that is merged in first. A map may refer to itself.
YAML::Node with_merge_keys(const YAML::Node& node, unsigned depth = 0) {
  constexpr unsigned kDeepest = 12;
  if (depth > kDeepest) {
    throw Error(ErrorKind::Config, Origin::Config,
                fmt::format("line {}: maps are nested too deep, or within themselves",
                            node.Mark().line + 1));
  }
  if (!node.IsMap()) return node;
  YAML::Node result(YAML::NodeType::Map);
  std::vector<YAML::Node> merged;
  for (const auto& entry : node) {
    if (entry.first.Scalar() == "<<") {
      merged = merged_in_maps(entry.second);
    } else {
      result[entry.first.Scalar()] = with_merge_keys(entry.second, depth + 1);
    }
  }
  for (const auto& map : merged) {
    for (const auto& entry : with_merge_keys(map, depth + 1)) {
      if (!result[entry.first.Scalar()]) result[entry.first.Scalar()] = entry.second;
    }
  }
  return result;
}

/// `over` laid over `base`, maps key by key.
YAML::Node deep_merged(const YAML::Node& base, const YAML::Node& over) {
  if (!base.IsMap() || !over.IsMap()) return over;
  YAML::Node result = YAML::Clone(base);
  for (const auto& entry : over) {
    const std::string key = entry.first.Scalar();
    const YAML::Node below = result[key];
    result[key] = below ? deep_merged(below, entry.second) : entry.second;
  }
  return result;
}

struct ConfigFile {
  fs::path path;
  YAML::Node root;
};

/// openstacksdk's order: the file that a variable names, then directory by directory, in each
/// yaml, yml, json. The first that can be read counts.
class ConfigSearch {
 public:
  ConfigSearch(const std::string& stem, const std::string& variable,
               const Environment& environment) {
    if (const auto named = set_variable(environment, variable)) candidates_.emplace_back(*named);
    for (const auto& directory : directories(environment)) {
      for (const char* suffix : {".yaml", ".yml", ".json"}) {
        candidates_.push_back(directory / (stem + suffix));
      }
    }
  }

  std::optional<ConfigFile> first() const {
    for (const auto& candidate : candidates_) {
      std::error_code unknown;
      if (fs::is_directory(candidate, unknown)) continue;
      if (const auto root = load_yaml(candidate)) {
        return with_context(candidate.string(), [&] {
          return std::optional(ConfigFile{candidate, with_merge_keys(*root)});
        });
      }
    }
    return std::nullopt;
  }

  /// For people.
  std::string places() const {
    std::vector<std::string> names;
    for (const auto& candidate : candidates_) {
      if (candidate.extension() == ".yml" || candidate.extension() == ".json") continue;
      names.push_back(candidate.string());
    }
    return fmt::format("{}", fmt::join(names, ", "));
  }

 private:
  static std::vector<fs::path> directories(const Environment& environment) {
    std::error_code gone;
    std::vector<fs::path> found{fs::current_path(gone)};
    if (const auto home = set_variable(environment, "XDG_CONFIG_HOME")) {
      found.push_back(fs::path(*home) / "openstack");
    }
    if (const auto home = set_variable(environment, "HOME")) {
      found.push_back(fs::path(*home) / ".config" / "openstack");
    }
    found.emplace_back("/etc/openstack");
    return found;
  }

  std::vector<fs::path> candidates_;
};

struct CloudEntry {
  std::string place;
  YAML::Node node;
};

std::string names_of(const YAML::Node& clouds) {
  std::vector<std::string> names;
  for (const auto& entry : clouds) names.push_back(printable(entry.first.Scalar()));
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

CloudEntry find_cloud(std::string_view cloud, const Environment& environment) {
  const ConfigSearch search("clouds", "OS_CLIENT_CONFIG_FILE", environment);
  const auto clouds_file = search.first();
  const auto secure_file = ConfigSearch("secure", "OS_CLIENT_SECURE_FILE", environment).first();
  if (!clouds_file && !secure_file) {
    refuse(fmt::format("cloud \"{}\": there is no clouds.yaml that can be read; looked for {}",
                       printable(cloud), search.places()));
  }

  YAML::Node root = clouds_file ? clouds_file->root : YAML::Node(YAML::NodeType::Map);
  std::string files = clouds_file ? clouds_file->path.string() : secure_file->path.string();
  if (secure_file) {
    if (secure_file->root.IsMap()) root = deep_merged(root, secure_file->root);
    if (clouds_file) files += " with " + secure_file->path.string();
  }
  if (!root.IsMap() || !root["clouds"] || !root["clouds"].IsMap()) {
    refuse(fmt::format("{}: a mapping \"clouds\" is missing", files));
  }
  const YAML::Node clouds = root["clouds"];
  const YAML::Node entry = clouds[std::string(cloud)];
  if (!entry || !entry.IsMap()) {
    refuse(fmt::format("cloud \"{}\" is not in {}; the clouds there: {}", printable(cloud), files,
                       names_of(clouds)));
  }
  return {fmt::format("cloud \"{}\" in {}", printable(cloud), files), entry};
}

using Values = std::map<std::string, std::string>;

/// The settings of one place, by key.
struct Given {
  Values values;
  std::map<std::string, Secret> secrets{};
};

/// Upstream's name for a password (`upstream-gss.md` §5.3).
constexpr std::string_view kCharmPassword = "admin_password";

bool is_secret(std::string_view key) {
  return key == kCharmPassword ||
         std::find(kSecretSettings.begin(), kSecretSettings.end(), key) != kSecretSettings.end();
}

void take_scalars(const YAML::Node& map, Given& given) {
  for (const auto& entry : map) {
    if (!entry.second.IsScalar()) continue;
    std::string key = entry.first.Scalar();
    std::replace(key.begin(), key.end(), '-', '_');
    if (is_secret(key)) {
      given.secrets[key] = Secret(entry.second.Scalar());
    } else {
      given.values[key] = entry.second.Scalar();
    }
  }
}

/// The cloud's first region with the settings that hold for it alone.
YAML::Node in_first_region(const YAML::Node& cloud) {
  const YAML::Node regions = cloud["regions"];
  if (!regions || !regions.IsSequence() || regions.size() == 0) return cloud;
  const YAML::Node first = regions[0];
  YAML::Node result = YAML::Clone(cloud);
  if (first.IsScalar()) {
    result["region_name"] = first.Scalar();
  } else if (first.IsMap() && first["name"]) {
    if (first["values"]) result = deep_merged(result, first["values"]);
    result["region_name"] = first["name"].Scalar();
  }
  return result;
}

Given given_for(const YAML::Node& entry, const Environment& environment) {
  const YAML::Node cloud = in_first_region(entry);
  Given given;
  take_scalars(cloud, given);
  if (const YAML::Node auth = cloud["auth"]; auth && auth.IsMap()) take_scalars(auth, given);

  Values& values = given.values;
  if (const auto region = values.find("region_name"); region != values.end()) {
    region->second = trimmed(split(region->second, ',').front());
  }
  if (const auto ca = values.find("cacert"); ca != values.end()) {
    ca->second = expand_home(ca->second, environment).string();
  }
  return given;
}

/// `verify` as `insecure`, which is the stronger of the two.
void read_verify(Values& values, const std::string& place) {
  const auto verify = values.find("verify");
  if (verify == values.end()) return;
  const std::string word = to_lower_ascii(verify->second);
  if (means_no(word)) {
    values["insecure"] = "true";
  } else if (word != "true" && word != "yes" && word != "on" && word != "1") {
    refuse(fmt::format("verify in {} must be true or false; a CA file goes into cacert", place));
  }
}

/// Vendor profiles come with openstacksdk; who relies on one learns why something is missing.
std::string place_with_profile(const std::string& place, const Values& values) {
  const auto profile = values.find("profile");
  if (profile == values.end()) return place;
  return fmt::format("{} (its profile \"{}\" is not read)", place, printable(profile->second));
}

std::optional<std::string> value_of(const Values& values, const std::string& key) {
  const auto found = values.find(key);
  return found == values.end() ? std::nullopt : std::optional(found->second);
}

Settings settings_of(std::string place, Given given,
                     std::function<std::string(const std::string& key)> spelled) {
  const auto secret_of = [secrets = std::move(given.secrets)](const std::string& key) {
    const auto found = secrets.find(key);
    return found == secrets.end() ? Secret() : found->second;
  };
  return Settings{
      std::move(place),
      [values = std::move(given.values)](const std::string& key) { return value_of(values, key); },
      secret_of, std::move(spelled)};
}

std::string spelled_in_clouds_yaml(const std::string& key) {
  static constexpr std::array kBesideAuth{"auth_type", "identity_api_version", "interface",
                                          "cacert"};
  const bool beside = std::find(kBesideAuth.begin(), kBesideAuth.end(), key) != kBesideAuth.end();
  return beside ? key : "auth." + key;
}

/// Where clouds.yaml and identity.yaml differ in names. Upstream's charm has no other method than
/// the password of a service user (`upstream-gss.md` §5.3, §6.2).
const Values& identity_names() {
  static const Values kNames{
      {"auth_url", "service_protocol, service_host and service_port"},
      {"identity_api_version", "api_version"},
      {"username", "admin_user"},
      {"user_id", "admin_user_id"},
      {"password", "admin_password"},
      {"project_name", "admin_tenant_name"},
      {"project_id", "admin_tenant_id"},
      {"user_domain_name", "admin_domain_name"},
      {"project_domain_name", "admin_domain_name"},
  };
  return kNames;
}

std::optional<std::string> identity_url(const Values& given) {
  const auto get = [&](const std::string& key) { return value_of(given, key).value_or(""); };
  const bool internal = get("interface").rfind("internal", 0) == 0;
  for (const std::string prefix : {"internal", "service", "auth"}) {
    if (prefix == "internal" && !internal) continue;
    std::string host = get(prefix + "_host");
    const std::string protocol = get(prefix + "_protocol");
    const std::string port = get(prefix + "_port");
    if (host.empty() || protocol.empty() || port.empty()) continue;
    if (host.find(':') != std::string::npos && host.front() != '[') host = '[' + host + ']';
    return fmt::format("{}://{}:{}/v3", protocol, host, port);
  }
  return std::nullopt;
}

/// `ssl_ca` of the charm: PEM, or that in base64, over several lines (`upstream-gss.md` §5.3).
std::optional<std::string> inline_ca(const Values& given, const fs::path& file) {
  const auto text = value_of(given, "ssl_ca").value_or("");
  if (trimmed(text).empty()) return std::nullopt;
  constexpr std::string_view kPem = "-----BEGIN CERTIFICATE-----";
  if (text.find(kPem) != std::string::npos) return text;
  auto pem = decode_base64(text);
  if (!pem || pem->find(kPem) == std::string::npos) {
    refuse(fmt::format("{}: ssl_ca is neither a certificate in PEM nor that in base64",
                       file.string()));
  }
  return pem;
}

}  // namespace

Credentials credentials_from_cloud(std::string_view cloud, const Environment& environment) {
  const CloudEntry entry = find_cloud(cloud, environment);
  Given given = given_for(entry.node, environment);
  read_verify(given.values, entry.place);
  std::string place = place_with_profile(entry.place, given.values);
  return credentials_from(settings_of(std::move(place), std::move(given), spelled_in_clouds_yaml));
}

std::optional<Credentials> credentials_from_environment(const Environment& environment) {
  if (!set_variable(environment, "OS_AUTH_URL")) return std::nullopt;
  const auto lookup = [environment](const std::string& key) {
    auto value = environment(variable_of(key));
    if (value && key == "cacert") value = expand_home(*value, environment).string();
    return value;
  };
  const auto secret = [environment](const std::string& key) {
    auto value = environment(variable_of(key));
    return value ? Secret::taken_from(*value) : Secret();
  };
  return credentials_from(Settings{"the environment", lookup, secret, variable_of});
}

Credentials credentials_from_identity_file(const std::filesystem::path& file) {
  const auto root = load_yaml(file);
  if (!root) refuse(fmt::format("can't read the identity file {}", file.string()));
  if (!root->IsMap()) refuse(fmt::format("{}: not a mapping", file.string()));
  Given charm;
  take_scalars(*root, charm);
  const Values& given = charm.values;

  Values values;
  for (const auto& [key, charm_key] : identity_names()) {
    if (auto value = value_of(given, charm_key)) values[key] = *std::move(value);
  }
  for (const char* key : {"interface", "cacert"}) {
    if (auto value = value_of(given, key)) values[key] = *std::move(value);
  }
  if (const auto url = identity_url(given)) values["auth_url"] = *url;
  Given named{std::move(values), {{"password", charm.secrets[std::string(kCharmPassword)]}}};
  auto credentials =
      credentials_from(settings_of(file.string(), std::move(named), [](const std::string& key) {
        return value_of(identity_names(), key).value_or(key);
      }));
  credentials.ca_pem = inline_ca(given, file);
  return credentials;
}

}  // namespace streamsync
