#include "sync/cli/published_endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "keystone/credentials.h"

namespace streamsync {
namespace {

constexpr std::string_view kIdentity = "identity";

/// Catalogs name Keystone with its version and without.
bool is_same_keystone(const Url& ours, const std::string& listed) {
  constexpr std::string_view kVersion = "/v3";
  try {
    auto url = Url::parse(listed).str();
    while (url.ends_with('/')) url.pop_back();
    if (!url.ends_with(kVersion)) url += kVersion;
    return url == ours.str();
  } catch (const Error&) {
    return false;
  }
}

std::vector<std::string> public_keystones(KeystoneSession& session) {
  std::vector<std::string> urls;
  for (const auto& region : session.regions_on_any_interface(kIdentity)) {
    for (auto& url : session.urls_of(kIdentity, region, to_string(Interface::Public))) {
      urls.push_back(std::move(url));
    }
  }
  return urls;
}

}  // namespace

std::optional<std::string> endpoint_warning(KeystoneSession& session) {
  const auto& ours = session.credentials();
  const auto theirs = public_keystones(session);
  const bool is_public = std::any_of(theirs.begin(), theirs.end(), [&ours](const auto& url) {
    return is_same_keystone(ours.auth_url, url);
  });
  if (theirs.empty() || is_public) return std::nullopt;
  return fmt::format(
      "published metadata is for clouds at {}, where we log in, but the catalog's public identity "
      "endpoint is {}: Juju compares the text, so set publish_endpoint to the URL that users have",
      printable(ours.auth_url_as_given), printable(without_userinfo(theirs.front())));
}

}  // namespace streamsync
