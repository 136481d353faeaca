#include "s3/signature.h"

#include <catch2/catch.hpp>
#include <chrono>

#include "base/crypto/digest.h"
#include "tests/support/loopback_server.h"

using namespace streamsync;

namespace {

// The account, the time and the requests of the S3 API reference, "Signature Calculations for the
// Authorization Header: Transferring Payload in a Single Chunk".
S3Account example_account() {
  testing::start_process();
  return {.endpoint = Url::parse("https://s3.amazonaws.com"),
          .region = "us-east-1",
          .access_key = "AKIAIOSFODNN7EXAMPLE",
          .secret_key = Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")};
}

const Time kExampleTime = parse_date("2013-05-24T00:00:00Z").value();

Request example(const std::string& method, const std::string& target, Headers headers = {}) {
  return {.method = method,
          .url = Url::parse("https://examplebucket.s3.amazonaws.com" + target),
          .headers = std::move(headers)};
}

std::string sha256(std::string_view text) { return digest_of(DigestAlgorithm::Sha256, text).hex(); }

std::string authorization(Request request, std::string_view body = "") {
  sign(request, example_account(), sha256(body), kExampleTime);
  return request.headers.find("Authorization").value();
}

std::string signature(Request request) {
  const std::string text = authorization(std::move(request));
  return text.substr(text.find("Signature=") + 10);
}

}  // namespace

TEST_CASE("requests are signed as in the published examples") {
  const std::string credential =
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
      "SignedHeaders=";
  CHECK(authorization(example("GET", "/test.txt", {{"Range", "bytes=0-9"}})) ==
        credential +
            "host;range;x-amz-content-sha256;x-amz-date,Signature="
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  CHECK(authorization(example("PUT", "/test%24file.text",
                              {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                               {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}),
                      "Welcome to Amazon S3.") ==
        credential +
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature="
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  CHECK(authorization(example("GET", "/?lifecycle")) ==
        credential +
            "host;x-amz-content-sha256;x-amz-date,Signature="
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  CHECK(authorization(example("GET", "/?max-keys=2&prefix=J")) ==
        credential +
            "host;x-amz-content-sha256;x-amz-date,Signature="
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST_CASE("the order of a query and a missing '=' change nothing") {
  CHECK(signature(example("GET", "/?prefix=J&max-keys=2")) ==
        signature(example("GET", "/?max-keys=2&prefix=J")));
  CHECK(signature(example("GET", "/?lifecycle=")) == signature(example("GET", "/?lifecycle")));
  CHECK(signature(example("GET", "/?a=1&a-b=2")) == signature(example("GET", "/?a-b=2&a=1")));
}

TEST_CASE("blanks around a header's value and in a row change nothing") {
  CHECK(signature(example("PUT", "/a", {{"x-amz-meta-a", "  b  c "}})) ==
        signature(example("PUT", "/a", {{"X-Amz-Meta-A", "b c"}})));
}

TEST_CASE("what is signed is what is sent") {
  const auto hosts = GENERATE(
      table<std::string, std::string>({{"http://rgw.example.org:7480/b/k", "rgw.example.org:7480"},
                                       {"http://RGW.example.org:80/b/k", "rgw.example.org"},
                                       {"https://[2001:db8::1]:443/b/k", "[2001:db8::1]"}}));
  Request request{.url = Url::parse(std::get<0>(hosts))};
  sign(request, example_account(), kUnsignedPayload, kExampleTime);
  CHECK(request.headers.find("Host") == std::get<1>(hosts));
  CHECK(request.headers.find("X-Amz-Content-Sha256") == "UNSIGNED-PAYLOAD");
  CHECK(request.headers.find("X-Amz-Date") == "20130524T000000Z");
}

TEST_CASE("a session token is signed, and stands in no header that could be told") {
  auto account = example_account();
  account.session_token = Secret("hunter2");
  Request request = example("GET", "/", {{"x-amz-z", "1"}, {"a", "1"}});
  sign(request, account, sha256(""), kExampleTime);
  CHECK(request.token.reveal() == "hunter2");
  CHECK(request.token_header == "X-Amz-Security-Token");
  CHECK_FALSE(request.headers.find("X-Amz-Security-Token"));
  // botocore 1.29 signs this request so.
  CHECK(request.headers.find("Authorization") ==
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=a;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-amz-z,"
        "Signature=f85913200d5fef8cc90367d2ca810cc07d946a1b40a4adcbbc7b11c8a683ded5");
}
