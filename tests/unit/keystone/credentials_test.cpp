#include "keystone/credentials.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "tests/support/loopback_server.h"
#include "tests/unit/base/temporary_directory.h"

using namespace streamsync;

namespace {

namespace fs = std::filesystem;
using Variables = std::map<std::string, std::string>;
using Catch::Matchers::Contains;

Environment environment_of(Variables variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

/// A directory that is also the working directory and the home, as long as it lives.
class TemporaryHome {
 public:
  TemporaryHome() : before_(fs::current_path()) {
    testing::start_process();
    fs::create_directory(directory_ / "work");
    fs::current_path(directory_ / "work");
  }
  ~TemporaryHome() { fs::current_path(before_); }

  fs::path write(std::string_view name, const std::string& text) const {
    const fs::path file = directory_ / name;
    fs::create_directories(file.parent_path());
    write_file(file, text);
    return file;
  }

  Environment environment(Variables more = {}) const {
    more.emplace("HOME", directory_.path().string());
    return environment_of(more);
  }

 private:
  TemporaryDirectory directory_;
  fs::path before_;
};

Variables password_variables() {
  return {{"OS_AUTH_URL", "https://keystone.example:5000/v3"},
          {"OS_USERNAME", "demo"},
          {"OS_PASSWORD", "hunter2"},
          {"OS_PROJECT_NAME", "images"},
          {"OS_USER_DOMAIN_NAME", "Users"},
          {"OS_PROJECT_DOMAIN_ID", "projects"}};
}

Variables with(Variables variables, const Variables& more) {
  for (const auto& [name, value] : more) variables[name] = value;
  return variables;
}

Credentials from_variables(const Variables& variables) {
  testing::start_process();
  return credentials_from_environment(environment_of(variables)).value();
}

/// The message of the Config error that `action` ends with.
template <typename Action>
std::string config_error(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Config);
    CHECK(error.origin() == Origin::Config);
    const std::string message = error.what();
    CHECK_THAT(message, !Contains("hunter2"));
    return message;
  }
  FAIL("no error");
  return {};
}

const PasswordAuth& password_of(const Credentials& credentials) {
  return std::get<PasswordAuth>(credentials.auth);
}

constexpr const char* kCloudsYaml = R"(
clouds:
  first:
    region_name: North
    interface: internal
    identity_api_version: 3
    auth:
      auth_url: http://one.example:5000
      username: demo
      password: hunter2
      project_name: images
      user_domain_name: Users
      project_domain_name: Projects
)";

}  // namespace

TEST_CASE("environment: nothing without OS_AUTH_URL") {
  CHECK_FALSE(credentials_from_environment(environment_of({{"OS_USERNAME", "demo"}})));
  CHECK_FALSE(credentials_from_environment(environment_of({{"OS_AUTH_URL", ""}})));
}

TEST_CASE("environment: password") {
  const auto credentials = from_variables(password_variables());
  CHECK(credentials.auth_url.str() == "https://keystone.example:5000/v3");
  const auto& auth = password_of(credentials);
  CHECK(auth.user.name == "demo");
  CHECK(auth.user.domain_name == "Users");
  CHECK(auth.user.domain_id.empty());
  CHECK(auth.password.reveal() == "hunter2");
  CHECK(auth.project.name == "images");
  CHECK(auth.project.domain_id == "projects");
  CHECK(credentials.interface == Interface::Public);
  CHECK(credentials.tls == TlsVerification::Required);
  CHECK_FALSE(credentials.region);
  CHECK_FALSE(credentials.ca_file);
}

TEST_CASE("auth_url gets its version") {
  const auto [given, expected] = GENERATE(table<std::string, std::string>(
      {{"http://k.example:5000", "http://k.example:5000/v3"},
       {"http://k.example:5000/", "http://k.example:5000/v3"},
       {"http://k.example:5000/v3/", "http://k.example:5000/v3"},
       {" http://k.example/identity ", "http://k.example/identity/v3"},
       {"https://k.example/identity/v3", "https://k.example/identity/v3"}}));
  CHECK(from_variables(with(password_variables(), {{"OS_AUTH_URL", given}})).auth_url.str() ==
        expected);
}

TEST_CASE("what is not Identity v3 is refused") {
  const auto [name, value, said] = GENERATE(table<std::string, std::string, std::string>(
      {{"OS_AUTH_URL", "http://k.example:5000/v2.0", "only v3 is supported"},
       {"OS_AUTH_URL", "http://k.example:5000/v2.0/", "only v3 is supported"},
       {"OS_AUTH_URL", "k.example:5000/v3", "http:// or https://"},
       {"OS_AUTH_URL", "/etc/passwd", "http:// or https://"},
       {"OS_AUTH_URL", "http://k.example/v3?x=y", "query"},
       {"OS_IDENTITY_API_VERSION", "2", "only Identity v3"},
       {"OS_IDENTITY_API_VERSION", "2.0", "only Identity v3"},
       {"OS_AUTH_TYPE", "v2password", "\"v2password\" in the environment is not supported"},
       {"OS_AUTH_TYPE", "v3oidcpassword", "OS_AUTH_TYPE"},
       {"OS_INTERFACE", "private", "public, internal or admin"}}));
  const auto variables = with(password_variables(), {{name, value}});
  CHECK_THAT(config_error([&] { from_variables(variables); }), Contains(said));
}

TEST_CASE("a URL with a password is not quoted") {
  const auto message = config_error([] {
    from_variables(with(password_variables(), {{"OS_AUTH_URL", "demo:hunter2@k.example"}}));
  });
  CHECK_THAT(message, Contains("OS_AUTH_URL"));
}

TEST_CASE("Identity v3 by its other spellings is taken") {
  const auto version = GENERATE("3", "3.14", "v3");
  CHECK_NOTHROW(from_variables(with(password_variables(), {{"OS_IDENTITY_API_VERSION", version}})));
}

TEST_CASE("all that is missing is named at once") {
  const auto message = config_error([] { from_variables({{"OS_AUTH_URL", "http://k.example"}}); });
  CHECK_THAT(message, Contains("the environment lacks OS_USERNAME (or OS_USER_ID), OS_PASSWORD, "
                               "OS_PROJECT_NAME (or OS_PROJECT_ID)"));
}

TEST_CASE("an empty variable is as good as none") {
  const auto message = config_error([] {
    from_variables(with(password_variables(), {{"OS_PASSWORD", ""}}));
  });
  CHECK_THAT(message, Contains("OS_PASSWORD") && !Contains("OS_USERNAME"));
}

TEST_CASE("methods") {
  SECTION("token, by its type and without") {
    const auto type = GENERATE("", "token", "v3token");
    const auto credentials = from_variables({{"OS_AUTH_URL", "http://k.example"},
                                             {"OS_AUTH_TYPE", type},
                                             {"OS_TOKEN", "hunter2"},
                                             {"OS_PROJECT_ID", "p1"}});
    const auto& auth = std::get<TokenAuth>(credentials.auth);
    CHECK(auth.token.reveal() == "hunter2");
    CHECK(auth.project.id == "p1");
  }
  SECTION("a type decides against what else is there") {
    const auto credentials = from_variables(
        with(password_variables(), {{"OS_TOKEN", "old"}, {"OS_AUTH_TYPE", "password"}}));
    CHECK(std::holds_alternative<PasswordAuth>(credentials.auth));
  }
  SECTION("application credential by id") {
    const auto type = GENERATE("", "v3applicationcredential");
    const auto credentials = from_variables({{"OS_AUTH_URL", "http://k.example"},
                                             {"OS_AUTH_TYPE", type},
                                             {"OS_APPLICATION_CREDENTIAL_ID", "ac"},
                                             {"OS_APPLICATION_CREDENTIAL_SECRET", "hunter2"}});
    const auto& auth = std::get<ApplicationCredentialAuth>(credentials.auth);
    CHECK(auth.id == "ac");
    CHECK(auth.secret.reveal() == "hunter2");
  }
  SECTION("application credential by name needs its user") {
    Variables variables{{"OS_AUTH_URL", "http://k.example"},
                        {"OS_APPLICATION_CREDENTIAL_NAME", "ac"},
                        {"OS_APPLICATION_CREDENTIAL_SECRET", "hunter2"}};
    CHECK_THAT(config_error([&] { from_variables(variables); }),
               Contains("OS_USERNAME (or OS_USER_ID)"));
    variables["OS_USER_ID"] = "u1";
    const auto credentials = from_variables(variables);
    const auto& auth = std::get<ApplicationCredentialAuth>(credentials.auth);
    CHECK(auth.name == "ac");
    CHECK(auth.user.id == "u1");
  }
  SECTION("an application credential without its secret") {
    const auto message = config_error([] {
      from_variables(
          {{"OS_AUTH_URL", "http://k.example"}, {"OS_AUTH_TYPE", "v3applicationcredential"}});
    });
    CHECK_THAT(message, Contains("OS_APPLICATION_CREDENTIAL_ID (or OS_APPLICATION_CREDENTIAL_NAME)"
                                 ", OS_APPLICATION_CREDENTIAL_SECRET"));
  }
}

TEST_CASE("domains") {
  Variables variables{{"OS_AUTH_URL", "http://k.example"},
                      {"OS_USERNAME", "demo"},
                      {"OS_PASSWORD", "hunter2"},
                      {"OS_TENANT_NAME", "images"}};
  SECTION("the default domain when nothing is said") {
    const auto credentials = from_variables(variables);
    CHECK(password_of(credentials).project.name == "images");
    CHECK(password_of(credentials).user.domain_id == "default");
    CHECK(password_of(credentials).project.domain_id == "default");
  }
  SECTION("OS_DEFAULT_DOMAIN fills in what is not said") {
    variables["OS_DEFAULT_DOMAIN"] = "d1";
    variables["OS_USER_DOMAIN_NAME"] = "Users";
    const auto credentials = from_variables(variables);
    CHECK(password_of(credentials).user.domain_id.empty());
    CHECK(password_of(credentials).user.domain_name == "Users");
    CHECK(password_of(credentials).project.domain_id == "d1");
  }
  SECTION("ids need none") {
    variables["OS_USER_ID"] = "u1";
    variables["OS_PROJECT_ID"] = "p1";
    const auto credentials = from_variables(variables);
    CHECK(password_of(credentials).user.id == "u1");
    CHECK(password_of(credentials).user.domain_id.empty());
    CHECK(password_of(credentials).project.id == "p1");
  }
}

TEST_CASE("interface and region") {
  const auto [name, value, expected] = GENERATE(table<std::string, std::string, Interface>(
      {{"OS_INTERFACE", "internal", Interface::Internal},
       {"OS_INTERFACE", "internalURL", Interface::Internal},
       {"OS_ENDPOINT_TYPE", "adminURL", Interface::Admin},
       {"OS_ENDPOINT_TYPE", "publicURL", Interface::Public}}));
  const auto credentials =
      from_variables(with(password_variables(), {{name, value}, {"OS_REGION_NAME", "North"}}));
  CHECK(credentials.interface == expected);
  CHECK(credentials.region == "North");
}

TEST_CASE("OS_INSECURE") {
  const auto [value, expected] =
      GENERATE(table<std::string, TlsVerification>({{"", TlsVerification::Required},
                                                    {"0", TlsVerification::Required},
                                                    {"no", TlsVerification::Required},
                                                    {"Off", TlsVerification::Required},
                                                    {"false", TlsVerification::Required},
                                                    {"1", TlsVerification::Off},
                                                    {"true", TlsVerification::Off},
                                                    {"yes", TlsVerification::Off}}));
  CHECK(from_variables(with(password_variables(), {{"OS_INSECURE", value}})).tls == expected);
}

TEST_CASE("OS_CACERT") {
  const TemporaryHome home;
  SECTION("a file") {
    const auto file = home.write("ca.pem", "PEM");
    auto variables = with(password_variables(), {{"OS_CACERT", file.string()}});
    CHECK(from_variables(variables).ca_file == file);
    variables["OS_INSECURE"] = "1";
    CHECK_FALSE(from_variables(variables).ca_file);
  }
  SECTION("below the home directory") {
    const auto file = home.write("ca.pem", "PEM");
    const auto credentials = credentials_from_environment(
        home.environment(with(password_variables(), {{"OS_CACERT", "~/ca.pem"}})));
    CHECK(credentials.value().ca_file == file);
  }
  SECTION("no file") {
    const auto message = config_error([] {
      from_variables(with(password_variables(), {{"OS_CACERT", "/nowhere/ca.pem"}}));
    });
    CHECK_THAT(message, Contains("OS_CACERT") && Contains("/nowhere/ca.pem"));
  }
}

TEST_CASE("clouds.yaml: an entry") {
  const TemporaryHome home;
  home.write("work/clouds.yaml", kCloudsYaml);
  const auto credentials = credentials_from_cloud("first", home.environment());
  CHECK(credentials.auth_url.str() == "http://one.example:5000/v3");
  CHECK(credentials.region == "North");
  CHECK(credentials.interface == Interface::Internal);
  CHECK(password_of(credentials).user.domain_name == "Users");
  CHECK(password_of(credentials).project.domain_name == "Projects");
  CHECK(password_of(credentials).password.reveal() == "hunter2");
}

TEST_CASE("clouds.yaml: the first that is found counts") {
  const TemporaryHome home;
  const auto entry = [](const std::string& host) {
    return "clouds: {c: {auth: {auth_url: 'http://" + host +
           "', username: u, password: hunter2, project_name: p}}}";
  };
  std::vector<std::string> hosts;
  const auto named = home.write("elsewhere.yaml", entry("named.example"));
  const Environment environment =
      home.environment({{"OS_CLIENT_CONFIG_FILE", named.string()},
                        {"XDG_CONFIG_HOME", (named.parent_path() / "xdg").string()}});
  const std::vector<std::pair<std::string, std::string>> files{
      {"work/clouds.yaml", "yaml.example"},
      {"work/clouds.yml", "yml.example"},
      {"work/clouds.json", "json.example"},
      {"xdg/openstack/clouds.yaml", "xdg.example"},
      {".config/openstack/clouds.yaml", "home.example"}};
  std::vector<fs::path> paths{named};
  for (const auto& [name, host] : files) paths.push_back(home.write(name, entry(host)));

  for (const auto& path : paths) {
    hosts.push_back(credentials_from_cloud("c", environment).auth_url.host());
    fs::remove(path);
  }
  CHECK(hosts == std::vector<std::string>{"named.example", "yaml.example", "yml.example",
                                          "json.example", "xdg.example", "home.example"});
}

TEST_CASE("clouds.json with tabs") {
  const TemporaryHome home;
  home.write("work/clouds.json",
             "{\n\t\"clouds\": {\n\t\t\"c\": {\n\t\t\t\"verify\": false,\n\t\t\t\"auth\": "
             "{\"auth_url\": \"http:\\/\\/k.example\", \"username\": \"u\",\n\t\t\t\t\"password\": "
             "\"hunter2\", \"project_name\": \"p\"}\n\t\t}\n\t}\n}\n");
  const auto credentials = credentials_from_cloud("c", home.environment());
  CHECK(credentials.auth_url.host() == "k.example");
  CHECK(credentials.tls == TlsVerification::Off);
}

TEST_CASE("secure.yaml is merged over clouds.yaml") {
  const TemporaryHome home;
  home.write("work/clouds.yaml",
             "clouds: {c: {region_name: R, auth: {auth_url: 'http://k.example', username: u, "
             "password: wrong, project_name: p}}}");
  SECTION("found by itself, key by key") {
    home.write(".config/openstack/secure.yaml", "clouds: {c: {auth: {password: hunter2}}}");
    const auto credentials = credentials_from_cloud("c", home.environment());
    CHECK(password_of(credentials).password.reveal() == "hunter2");
    CHECK(password_of(credentials).user.name == "u");
    CHECK(credentials.region == "R");
  }
  SECTION("named") {
    const auto file = home.write("s.yaml", "clouds: {c: {auth: {password: hunter2}}}");
    const auto credentials =
        credentials_from_cloud("c", home.environment({{"OS_CLIENT_SECURE_FILE", file.string()}}));
    CHECK(password_of(credentials).password.reveal() == "hunter2");
  }
  SECTION("empty") {
    home.write("work/secure.yaml", "");
    const auto credentials = credentials_from_cloud("c", home.environment());
    CHECK(password_of(credentials).password.reveal() == "wrong");
  }
}

TEST_CASE("clouds.yaml: regions") {
  const auto [lines, expected] = GENERATE(table<std::string, std::string>(
      {{"region_name: North", "North"},
       {"region_name: 'North, South'", "North"},
       {"regions: [South, North]", "South"},
       {"regions: [{name: East, values: {interface: admin}}, North]", "East"}}));
  const TemporaryHome home;
  home.write("work/clouds.yaml",
             "clouds:\n  c:\n    " + lines +
                 "\n    auth: {auth_url: 'http://k.example', username: u, password: hunter2, "
                 "project_name: p}\n");
  const auto credentials = credentials_from_cloud("c", home.environment());
  CHECK(credentials.region == expected);
  CHECK(credentials.interface == (expected == "East" ? Interface::Admin : Interface::Public));
}

TEST_CASE("clouds.yaml: verification and CA") {
  const TemporaryHome home;
  const auto ca = home.write("ca.pem", "PEM");
  const auto read = [&](const std::string& lines) {
    home.write("work/clouds.yaml",
               "clouds:\n  c:\n    cacert: ~/ca.pem\n    " + lines +
                   "\n    auth: {auth_url: 'https://k.example', username: u, password: hunter2, "
                   "project_name: p}\n");
    return credentials_from_cloud("c", home.environment());
  };
  CHECK(read("verify: true").ca_file == ca);
  CHECK(read("verify: true").tls == TlsVerification::Required);
  CHECK(read("verify: false").tls == TlsVerification::Off);
  CHECK(read("verify: False").tls == TlsVerification::Off);
  CHECK(read("insecure: true").tls == TlsVerification::Off);
  CHECK_THAT(config_error([&] { read("verify: /etc/ssl/ca.pem"); }), Contains("cacert"));
}

TEST_CASE("clouds.yaml: merge keys, dashes, and settings beside auth") {
  const TemporaryHome home;
  home.write("work/clouds.yaml", R"(
shared: &shared
  region-name: North
  auth: &auth
    auth-url: http://k.example
    username: nobody
    password: hunter2
clouds:
  c:
    <<: *shared
    project_name: p
    auth:
      <<: *auth
      username: demo
)");
  const auto credentials = credentials_from_cloud("c", home.environment());
  CHECK(credentials.region == "North");
  CHECK(credentials.auth_url.host() == "k.example");
  CHECK(password_of(credentials).user.name == "demo");
  CHECK(password_of(credentials).project.name == "p");
}

TEST_CASE("clouds.yaml: what is wrong is said with its place") {
  const TemporaryHome home;
  SECTION("no file") {
    const auto message = config_error([&] { credentials_from_cloud("c", home.environment()); });
    CHECK_THAT(message, Contains("work/clouds.yaml") && Contains(".config/openstack/clouds.yaml") &&
                            Contains("/etc/openstack/clouds.yaml"));
  }
  SECTION("no such cloud") {
    home.write("work/clouds.yaml", kCloudsYaml);
    const auto message = config_error([&] { credentials_from_cloud("c", home.environment()); });
    CHECK_THAT(message, Contains("cloud \"c\" is not in") && Contains("the clouds there: first"));
  }
  SECTION("missing keys") {
    home.write("work/clouds.yaml", "clouds: {c: {profile: vendor, auth: {username: u}}}");
    const auto message = config_error([&] { credentials_from_cloud("c", home.environment()); });
    CHECK_THAT(message, Contains("cloud \"c\" in ") && Contains("work/clouds.yaml") &&
                            Contains("auth.auth_url, auth.password, auth.project_name (or "
                                     "auth.project_id)") &&
                            Contains("its profile \"vendor\" is not read"));
  }
  SECTION("no YAML, and nothing of it is quoted") {
    home.write("work/clouds.yaml", "clouds:\n  c: {auth: {password: *hunter2}}\n");
    const auto message = config_error([&] { credentials_from_cloud("c", home.environment()); });
    CHECK_THAT(message, Contains("work/clouds.yaml:2:") && Contains("not valid YAML"));
  }
  SECTION("no mapping of clouds") {
    home.write("work/clouds.yaml", "- c\n");
    const auto message = config_error([&] { credentials_from_cloud("c", home.environment()); });
    CHECK_THAT(message, Contains("\"clouds\" is missing"));
  }
}

TEST_CASE("identity.yaml of the charm") {
  const TemporaryHome home;
  const std::string common = R"(
api_version: 3
auth_host: 10.0.0.1
auth_port: 35357
auth_protocol: http
service_host: 10.0.0.2
service_port: 5000
service_protocol: http
internal_host: fd00::3
internal_port: 5001
internal_protocol: http
admin_tenant_name: services
admin_user: image-stream
admin_password: hunter2
admin_domain_name: service_domain
unit_name: glance-simplestreams-sync/0
)";
  const auto read = [&](const std::string& more) {
    return credentials_from_identity_file(home.write("identity.yaml", common + more));
  };

  SECTION("the public Keystone") {
    const auto credentials = read("admin_tenant_id: abc\n");
    CHECK(credentials.auth_url.str() == "http://10.0.0.2:5000/v3");
    CHECK(credentials.interface == Interface::Public);
    const auto& auth = password_of(credentials);
    CHECK(auth.user.name == "image-stream");
    CHECK(auth.user.domain_name == "service_domain");
    CHECK(auth.password.reveal() == "hunter2");
    CHECK(auth.project.name == "services");
    CHECK(auth.project.id == "abc");
  }
  SECTION("without a project id the domain tells which project") {
    CHECK(password_of(read("")).project.domain_name == "service_domain");
  }
  SECTION("the internal Keystone") {
    const auto credentials = read("interface: internal\n");
    CHECK(credentials.auth_url.str() == "http://[fd00::3]:5001/v3");
    CHECK(credentials.interface == Interface::Internal);
  }
  SECTION("Identity v2.0") {
    const auto file = home.write("v2.yaml", "api_version: 2.0\nadmin_password: hunter2\n");
    CHECK_THAT(config_error([&] { credentials_from_identity_file(file); }),
               Contains("api_version") && Contains("only Identity v3"));
  }
  SECTION("missing keys by their names there") {
    const auto file = home.write("short.yaml", "api_version: 3\nadmin_password: hunter2\n");
    CHECK_THAT(config_error([&] { credentials_from_identity_file(file); }),
               Contains("service_host") && Contains("admin_user") &&
                   Contains("admin_tenant_name") && !Contains("admin_password"));
  }
  SECTION("a CA inside the file, in base64 over several lines, as the charm writes it") {
    const auto credentials =
        read("ssl_ca: |\n  LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0t\n  LS0tCkFCQwo=\n");
    CHECK(credentials.ca_pem == "-----BEGIN CERTIFICATE-----\nABC\n");
  }
  SECTION("a CA inside the file, in PEM") {
    CHECK(read("ssl_ca: |\n  -----BEGIN CERTIFICATE-----\n  ABC\n").ca_pem ==
          "-----BEGIN CERTIFICATE-----\nABC\n");
  }
  SECTION("something else where a CA should be") {
    CHECK_THAT(config_error([&] { read("ssl_ca: |\n  QUJD\n"); }), Contains("ssl_ca"));
  }
  SECTION("no file") {
    CHECK_THAT(config_error([] { credentials_from_identity_file("/nowhere/identity.yaml"); }),
               Contains("/nowhere/identity.yaml"));
  }
}
