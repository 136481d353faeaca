#include "s3/account.h"

#include <catch2/catch.hpp>
#include <map>

#include "tests/support/loopback_server.h"
#include "tests/unit/base/failure.h"

using namespace streamsync;

namespace {

using Variables = std::map<std::string, std::string>;
using Catch::Matchers::Contains;

const Variables kUsual{{"AWS_ENDPOINT_URL", "https://rgw.example.org"},
                       {"AWS_ACCESS_KEY_ID", "access"},
                       {"AWS_SECRET_ACCESS_KEY", "hunter2"}};

S3Account account(Variables variables) {
  testing::start_process();
  return s3_account_from([&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

Variables usual_with(const std::string& name, const std::string& value) {
  Variables variables = kUsual;
  variables[name] = value;
  return variables;
}

}  // namespace

TEST_CASE("the usual variables") {
  const auto found = account(kUsual);
  CHECK(found.endpoint.str() == "https://rgw.example.org/");
  CHECK(found.access_key == "access");
  CHECK(found.secret_key.reveal() == "hunter2");
  CHECK(found.session_token.empty());
  CHECK(found.region == "us-east-1");
  CHECK_FALSE(found.ca_file);
}

TEST_CASE("what is said for S3 alone, or newly, goes first") {
  CHECK(account(usual_with("AWS_ENDPOINT_URL_S3", "http://s3.example.org:7480")).endpoint.str() ==
        "http://s3.example.org:7480/");
  Variables variables = usual_with("AWS_DEFAULT_REGION", "old");
  CHECK(account(variables).region == "old");
  variables["AWS_REGION"] = "new";
  CHECK(account(variables).region == "new");
  CHECK(account(usual_with("AWS_REGION", "")).region == "us-east-1");
}

TEST_CASE("temporary keys and a CA of one's own") {
  CHECK(account(usual_with("AWS_SESSION_TOKEN", "token")).session_token.reveal() == "token");
  CHECK(account(usual_with("AWS_CA_BUNDLE", "/etc/ca.pem")).ca_file == "/etc/ca.pem");
}

TEST_CASE("all that is missing is named at once") {
  const auto error = failure_of([] { account({{"AWS_ACCESS_KEY_ID", ""}}); });
  CHECK(error.kind() == ErrorKind::Config);
  CHECK(std::string(error.what()) ==
        "s3: needs AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY in the environment");
}

TEST_CASE("an endpoint is a plain http or https URL") {
  const std::string url = GENERATE(as<std::string>{}, "rgw.example.org", "file:///tmp", "http://",
                                   "http://u:hunter2@rgw.example.org", "http://a/?b=hunter2");
  CAPTURE(url);
  const auto error = failure_of([&] { account(usual_with("AWS_ENDPOINT_URL", url)); });
  CHECK(error.kind() == ErrorKind::Config);
  CHECK_THAT(error.what(), !Contains("u:hunter2"));
}
