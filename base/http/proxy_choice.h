#pragma once

#include <optional>
#include <string>

#include "base/http/url.h"

namespace streamsync {

/// The proxy that requests to `url` go through, empty: none. `configured`, else what the
/// environment says: http_proxy, https_proxy, all_proxy; no_proxy is heeded for both. The rules are
/// those of curl(1), "ENVIRONMENT", and of no_proxy also what programs in Go take: "host:port",
/// "*.domain", and "*" among others. They are applied here and not by libcurl, which does not tell
/// what it has decided: whether an address is our server's or a proxy's must be known to judge it.
std::string proxy_for(const Url& url, const std::optional<std::string>& configured);

/// Why nothing secret may be sent to `url`: whoever runs the proxy that it is reached through would
/// read it (threats-and-faults.md F9). None where it may, without a proxy or over TLS.
std::optional<std::string> exposure_to_proxy(const Url& url,
                                             const std::optional<std::string>& configured);

}  // namespace streamsync
