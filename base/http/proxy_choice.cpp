#include "base/http/proxy_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "base/http/address.h"
#include "base/text.h"

namespace streamsync {
namespace {

/// Of the first variable that has one.
std::string value_of(std::initializer_list<const char*> variables) {
  for (const char* variable : variables) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

/// Not HTTP_PROXY: to a CGI program the header "Proxy" of a stranger's request looks so (httpoxy).
std::string proxy_of_environment(const std::string& scheme) {
  return scheme == "https" ? value_of({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
                           : value_of({"http_proxy", "all_proxy", "ALL_PROXY"});
}

std::string_view without_dots_around(std::string_view name) {
  if (name.starts_with('.')) name.remove_prefix(1);
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

/// The domain itself and all below it.
bool is_in_domain(std::string_view host, std::string_view domain) {
  if (domain.empty() || !host.ends_with(domain)) return false;
  return host.size() == domain.size() || host[host.size() - domain.size() - 1] == '.';
}

bool matches(const std::string& host, std::string_view pattern) {
  if (const auto address = Address::parse(host)) return address->is_in(pattern);
  return is_in_domain(without_dots_around(host), without_dots_around(to_lower_ascii(pattern)));
}

bool is_excepted(const std::string& host) {
  std::string exceptions = value_of({"no_proxy", "NO_PROXY"});
  if (exceptions == "*") return true;
  std::replace(exceptions.begin(), exceptions.end(), ' ', ',');
  const auto patterns = split(exceptions, ',');
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](std::string_view pattern) { return matches(host, pattern); });
}

}  // namespace

std::string proxy_for(const Url& url, const std::optional<std::string>& configured) {
  const std::string proxy = configured ? *configured : proxy_of_environment(url.scheme());
  return proxy.empty() || is_excepted(url.host()) ? std::string() : proxy;
}

std::optional<std::string> exposure_to_proxy(const Url& url,
                                             const std::optional<std::string>& configured) {
  if (url.scheme() == "https" || proxy_for(url, configured).empty()) return std::nullopt;
  return fmt::format(
      "{}: would be reached through a proxy, which would read the credentials; use https for it, "
      "or name its host in no_proxy",
      url.redacted());
}

}  // namespace streamsync
