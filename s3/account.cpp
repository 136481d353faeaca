#include "s3/account.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <initializer_list>
#include <utility>
#include <vector>

#include "base/error.h"

namespace streamsync {
namespace {

// What S3's clients take where nobody says; RADOS Gateway takes any.
constexpr const char* kUsualRegion = "us-east-1";

using Names = std::initializer_list<const char*>;

/// The first that has a value; an empty value is none.
std::optional<std::string> find(const Environment& environment, Names names) {
  for (const char* name : names) {
    auto value = environment(name);
    if (value && !value->empty()) return value;
  }
  return std::nullopt;
}

Secret find_secret(const Environment& environment, const char* name) {
  auto value = find(environment, {name});
  return value ? Secret::taken_from(*value) : Secret{};
}

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorKind::Config, Origin::Config, why);
}

/// Keys go where this says.
Url service_url(const std::string& text) {
  Url url = Url::parse(text);
  if (url.scheme() == "file") {
    refuse(fmt::format("AWS_ENDPOINT_URL: {} is not an http or https URL", url.redacted()));
  }
  if (!url.userinfo().empty() || url.str().find('?') != std::string::npos) {
    refuse(fmt::format("AWS_ENDPOINT_URL: {} must have no user and no query", url.redacted()));
  }
  return url;
}

}  // namespace

S3Account s3_account_from(const Environment& environment) {
  const auto endpoint = find(environment, {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  const auto access_key = find(environment, {"AWS_ACCESS_KEY_ID"});
  Secret secret_key = find_secret(environment, "AWS_SECRET_ACCESS_KEY");

  std::vector<std::string> missing;
  if (!endpoint) missing.emplace_back("AWS_ENDPOINT_URL");
  if (!access_key) missing.emplace_back("AWS_ACCESS_KEY_ID");
  if (secret_key.empty()) missing.emplace_back("AWS_SECRET_ACCESS_KEY");
  if (!missing.empty()) {
    refuse(fmt::format("s3: needs {} in the environment", fmt::join(missing, ", ")));
  }
  S3Account account{
      .endpoint = service_url(*endpoint),
      .region = find(environment, {"AWS_REGION", "AWS_DEFAULT_REGION"}).value_or(kUsualRegion),
      .access_key = *access_key,
      .secret_key = std::move(secret_key),
      .session_token = find_secret(environment, "AWS_SESSION_TOKEN")};
  if (const auto bundle = find(environment, {"AWS_CA_BUNDLE"})) account.ca_file = *bundle;
  return account;
}

}  // namespace streamsync
