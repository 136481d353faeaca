#pragma once

#include <fmt/format.h>

#include <string>

#include "base/time.h"
#include "keystone/credentials.h"
#include "tests/support/loopback_server.h"

namespace streamsync::testing {

/// Answers logins with "token-1", "token-2" …, and leaves all else to the service behind it.
class FakeKeystone {
 public:
  explicit FakeKeystone(LoopbackServer::Service rest) : rest_(std::move(rest)) {}

  Reply operator()(const Received& request) {
    if (request.target != "/v3/auth/tokens") return rest_(request);
    ++logins;
    const Time issued = now();
    const std::string body = fmt::format(
        R"({{"token":{{"issued_at":"{}","expires_at":"{}","project":{{"id":"p1"}},"roles":{},)"
        R"("catalog":{}}}}})",
        to_rfc3339(issued), to_rfc3339(issued + life), roles, catalog);
    return {201, body, {{"X-Subject-Token", fmt::format("token-{}", logins)}}};
  }

  std::chrono::seconds life{3600};
  std::string catalog = "[]";
  std::string roles = "[]";
  int logins = 0;

 private:
  LoopbackServer::Service rest_;
};

/// Of a user of the project p1, for a FakeKeystone at `url`.
inline Credentials password_credentials(const std::string& url) {
  start_process();
  return {.auth_url = Url::parse(url + "/v3"),
          .auth = PasswordAuth{{"", "demo", "", "Users"}, Secret("hunter2"), {"p1", "", "", ""}},
          .region = std::nullopt,
          .interface = Interface::Public,
          .ca_file = std::nullopt,
          .tls = TlsVerification::Required};
}

}  // namespace streamsync::testing
