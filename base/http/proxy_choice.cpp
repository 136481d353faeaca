#include "base/http/proxy_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <string_view>

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

// Of "host:port" and "[address]:port".
struct Excepted {
  std::string_view host;
  std::string_view port;  ///< empty: any
};

Excepted parse_excepted(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return {text, {}};
  const auto host = text.substr(0, colon);
  const bool is_part_of_address = host.find(':') != std::string_view::npos && !host.ends_with(']');
  if (is_part_of_address) return {text, {}};
  return {host, text.substr(colon + 1)};
}

std::string port_of(const Url& url) {
  const auto without_port =
      url.scheme().size() + std::string_view("://").size() + url.host().size();
  if (url.origin().size() > without_port) return url.origin().substr(without_port + 1);
  return url.scheme() == "https" ? "443" : "80";
}

bool matches(const Url& url, std::string_view text) {
  if (text == "*") return true;
  auto [host, port] = parse_excepted(text);
  if (!port.empty() && port != port_of(url)) return false;
  if (const auto address = Address::parse(url.host())) return address->is_in(host);
  if (host.starts_with("*.")) host.remove_prefix(1);
  return is_in_domain(without_dots_around(url.host()), without_dots_around(to_lower_ascii(host)));
}

bool is_excepted(const Url& url) {
  const std::string all = value_of({"no_proxy", "NO_PROXY"});
  constexpr std::string_view kSeparators = ", \t";
  std::string_view rest = all;
  while (!rest.empty()) {
    const auto end = rest.find_first_of(kSeparators);
    if (matches(url, rest.substr(0, end))) return true;
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
  }
  return false;
}

}  // namespace

std::string proxy_for(const Url& url, const std::optional<std::string>& configured) {
  const std::string proxy = configured ? *configured : proxy_of_environment(url.scheme());
  return proxy.empty() || is_excepted(url) ? std::string() : proxy;
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
