// Logins at a real Keystone; the cloud is the one that OS_* name.

#include <rapidjson/document.h>
#include <rapidjson/pointer.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <string>

#include "base/error.h"
#include "base/time.h"
#include "keystone/keystone_session.h"
#include "tests/support/cloud_account.h"

using namespace streamsync;

namespace {

using Catch::Matchers::Contains;
using streamsync::testing::cloud_credentials;
using streamsync::testing::session_with;

std::string text_at(const rapidjson::Document& document, const char* pointer) {
  const auto* value = rapidjson::Pointer(pointer).Get(document);
  REQUIRE(value != nullptr);
  return value->GetString();
}

rapidjson::Document json_of(const Response& response) {
  rapidjson::Document document;
  document.Parse(response.body.c_str());
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

/// A login by hand, for what a session keeps to itself.
Response plain_login(const Credentials& credentials) {
  const auto& auth = std::get<PasswordAuth>(credentials.auth);
  HttpOptions http;
  http.ca_file = credentials.ca_file;
  HttpClient client(http, {});
  const std::string body =
      R"({"auth":{"identity":{"methods":["password"],"password":{"user":{"name":")" +
      auth.user.name + R"(","domain":{"name":")" + auth.user.domain_name + R"("},"password":")" +
      std::string(auth.password.reveal()) + R"("}}},"scope":{"project":{"name":")" +
      auth.project.name + R"(","domain":{"name":")" + auth.project.domain_name + R"("}}}}})";
  auto response = client.send({.method = "POST",
                               .url = credentials.auth_url.append("auth/tokens"),
                               .headers = {{"Content-Type", "application/json"}},
                               .body = body});
  REQUIRE(response.status == 201);
  return response;
}

/// An application credential of the user, as long as it lives.
class ApplicationCredential {
 public:
  ApplicationCredential(KeystoneSession& owner, const std::string& user_id)
      : owner_(owner),
        url_(owner.credentials().auth_url.append("users/" + user_id + "/application_credentials")) {
    const auto response = owner_.send(
        {.method = "POST",
         .url = url_,
         .headers = {{"Content-Type", "application/json"}},
         .body = R"({"application_credential": {"name": "keystone-test", "secret": "s3cret"}})"});
    REQUIRE(response.status == 201);
    id_ = text_at(json_of(response), "/application_credential/id");
  }
  ~ApplicationCredential() {
    owner_.send({.method = "DELETE", .url = url_.append(id_), .headers = {}});
  }

  const std::string& id() const { return id_; }

 private:
  KeystoneSession& owner_;
  Url url_;
  std::string id_;
};

/// That the services take the session's token, not only Keystone.
void check_works(KeystoneSession& session, const std::string& region) {
  const Url images = session.endpoint("image", region).append("v2/images");
  CHECK(session.send({.url = images, .headers = {}}).status == 200);
}

Error login_error(const Credentials& credentials) {
  auto session = session_with(credentials);
  try {
    session.project_id();
  } catch (const Error& error) {
    CHECK(error.origin() == Origin::Target);
    return error;
  }
  FAIL("no error");
  return {ErrorKind::Config, Origin::Config, ""};
}

}  // namespace

TEST_CASE("password", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  auto session = session_with(*credentials);
  CHECK(session.project_id().size() == 32);
  check_works(session, credentials->region.value());
}

TEST_CASE("token", "[cloud]") {
  auto credentials = cloud_credentials();
  if (!credentials) return;
  const auto token = plain_login(*credentials).headers.find("X-Subject-Token").value();
  const auto project = std::get<PasswordAuth>(credentials->auth).project;
  credentials->auth = TokenAuth{Secret(token), project};
  auto session = session_with(*credentials);
  check_works(session, credentials->region.value());
}

TEST_CASE("application credential", "[cloud]") {
  auto credentials = cloud_credentials();
  if (!credentials) return;
  const auto login = json_of(plain_login(*credentials));
  auto owner = session_with(*credentials);
  const ApplicationCredential made(owner, text_at(login, "/token/user/id"));
  const std::string project_id = owner.project_id();
  const KeystoneName user = std::get<PasswordAuth>(credentials->auth).user;

  SECTION("by id") {
    credentials->auth = ApplicationCredentialAuth{made.id(), "", {}, Secret("s3cret")};
    auto session = session_with(*credentials);
    CHECK(session.project_id() == project_id);
    check_works(session, credentials->region.value());
  }
  SECTION("by name") {
    credentials->auth = ApplicationCredentialAuth{"", "keystone-test", user, Secret("s3cret")};
    CHECK(session_with(*credentials).project_id() == project_id);
  }
  SECTION("with a wrong secret") {
    credentials->auth = ApplicationCredentialAuth{made.id(), "", {}, Secret("wr0ng")};
    const auto error = login_error(*credentials);
    CHECK(error.kind() == ErrorKind::Denied);
    CHECK_THAT(error.what(), Contains(made.id()) && !Contains("wr0ng"));
  }
}

TEST_CASE("a session outlives its tokens", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  const auto login = json_of(plain_login(*credentials));
  const auto life = parse_date(text_at(login, "/token/expires_at")).value() -
                    parse_date(text_at(login, "/token/issued_at")).value();
  REQUIRE(life <= std::chrono::seconds(10));  // as with-short-tokens makes it
  auto session = session_with(*credentials);
  const Url images = session.endpoint("image", credentials->region.value()).append("v2/images");
  const auto end = std::chrono::steady_clock::now() + 2 * life;
  int refused = 0;
  while (std::chrono::steady_clock::now() < end) {
    refused += session.send({.url = images, .headers = {}}).status == 401 ? 1 : 0;
  }
  CHECK(refused == 0);
}

TEST_CASE("wrong password", "[cloud]") {
  auto credentials = cloud_credentials();
  if (!credentials) return;
  std::get<PasswordAuth>(credentials->auth).password = Secret("wr0ng");
  const auto error = login_error(*credentials);
  CHECK(error.kind() == ErrorKind::Denied);
  CHECK_THAT(error.what(), Contains("check password") && !Contains("wr0ng"));
}

TEST_CASE("wrong project", "[cloud]") {
  auto credentials = cloud_credentials();
  if (!credentials) return;
  std::get<PasswordAuth>(credentials->auth).project.name = "nowhere";
  CHECK_THAT(login_error(*credentials).what(), Contains("in project \"nowhere\""));
}

TEST_CASE("wrong region", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  auto session = session_with(*credentials);
  try {
    session.endpoint("object-store", "Atlantis");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::NotFound);
    CHECK_THAT(error.what(), Contains("endpoint of object-store in region \"Atlantis\"") &&
                                 Contains("regions that have one: ") &&
                                 Contains(credentials->region.value()));
  }
}

TEST_CASE("a place that is no Keystone", "[cloud]") {
  auto credentials = cloud_credentials();
  if (!credentials) return;
  auto session = session_with(*credentials);
  const Url images = session.endpoint("image", credentials->region.value());
  credentials->auth_url = images.append("v3");
  CHECK_THAT(login_error(*credentials).what(), Contains("auth_url") || Contains("401"));
}
