#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/crypto/secret.h"
#include "base/http/http_client.h"
#include "keystone/credentials.h"

namespace streamsync {

struct CatalogEndpoint {
  std::string service_type, region, interface, url;
};

/// What Keystone answers to a login: a token, how long it lives, and what it opens.
struct Grant {
  Secret token;
  std::chrono::seconds life{};  ///< by Keystone's clock, so that ours need not agree with it
  std::string project_id;
  std::vector<std::string> roles;  ///< names
  std::vector<CatalogEndpoint> catalog;
};

/// POST /v3/auth/tokens (Identity API v3, "Password authentication with scoped authorization" and
/// its siblings).
Request login_request(const Credentials& credentials);

/// Takes the token out of `response`. Throws `Error` with origin Target.
Grant read_grant(const Credentials& credentials, const Request& request, Response response);

}  // namespace streamsync
