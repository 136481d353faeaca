// Statuses and headers of any server: Retry-After, and what a refusal quotes of the answer.

#include <string>

#include "base/http/http_client.h"
#include "base/http/retry.h"
#include "tests/fuzz/property.h"

namespace streamsync {
namespace {

// "STATUS RETRY-AFTER\nBODY"
Response response_of(std::string_view input) {
  Response response;
  const std::string_view head = input.substr(0, input.find('\n'));
  for (const char c : head.substr(0, std::min<std::size_t>(head.size(), 3))) {
    response.status = response.status * 10 + (static_cast<unsigned char>(c) % 10);
  }
  if (head.size() > 4) response.headers.add("Retry-After", std::string(head.substr(4)));
  response.body = input.substr(std::min(head.size() + 1, input.size()));
  return response;
}

void check_wait(const Error& error) {
  const RetryPolicy policy;
  const auto wait = retry_delay(1, policy, error.retry_after(), 0.5);
  require(wait >= std::chrono::milliseconds(0) && wait <= policy.max_wait,
          "a wait is within bounds");
  require(!error.retry_after() || error.retry_after()->count() >= 0, "nobody waits backwards");
}

void check(std::string_view input) {
  const Request request{.url = Url::parse("https://user:secret@host.example/path")};
  const Response response = response_of(input);
  try {
    require_ok(request, response, Origin::Source);
    require(response.ok(), "only 2xx is good");
  } catch (const Error& error) {
    require(!response.ok(), "2xx is good");
    check_wait(error);
    const std::string_view message = error.what();
    // What the answer itself says of it the client has dropped before.
    require(message.find("secret@") == std::string_view::npos ||
                response.body.find("secret@") != std::string::npos,
            "no secret is shown");
    for (const char c : message) {
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
