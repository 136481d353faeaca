// Keystone's answers to a login: what is taken opens something for a while, and nothing of an
// answer that is refused is quoted, as it may hold what we sent.

#include <cstdlib>
#include <string>

#include "base/crypto/secret.h"
#include "keystone/login.h"
#include "tests/fuzz/property.h"

namespace streamsync {
namespace {

Credentials credentials() {
  start_crypto();
  return {.auth_url = Url::parse("https://keystone.example/v3"),
          .auth = TokenAuth{},
          .region = "RegionOne",
          .ca_file = std::nullopt};
}

// The status first, so that refusals are read, too.
Response response_of(std::string_view input) {
  Response response;
  response.status = input.starts_with('!') ? 401 : 201;
  response.headers.add("X-Subject-Token", "token");
  response.body = input.substr(input.starts_with('!') ? 1 : 0);
  return response;
}

void check(std::string_view input) {
  static const Credentials known = credentials();
  const Request request{.method = "POST",
                        .url = Url::parse("https://keystone.example/v3/auth/tokens")};
  try {
    const Grant grant = read_grant(known, request, response_of(input));
    require(grant.token.reveal() == "token", "the token is the header's");
    require(!grant.project_id.empty(), "a grant is for a project");
  } catch (const Error& error) {
    require(error.origin() == Origin::Target, "the cloud is at fault");
    for (const char c : std::string_view(error.what())) {
      require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F,
              "a message is one printable line");
    }
  }
}

}  // namespace
}  // namespace streamsync

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  streamsync::check(streamsync::input(data, size));
  return 0;
}
