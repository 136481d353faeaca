#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/crypto/digest.h"
#include "tests/support/loopback_server.h"

namespace streamsync::testing {

/// As much of S3 as there is of it for one bucket, with its faults on demand. Signatures are for a
/// real server to judge.
class FakeS3 {
 public:
  Reply operator()(const Received& request) {
    if (!refusals.empty() && request.method == "PUT") {
      const Reply reply = refusals.back();
      refusals.pop_back();
      if (reply.status != 200) return reply;
    }
    const std::string path = request.target.substr(0, request.target.find('?'));
    return path == kBucket ? bucket(request) : object(path, request);
  }

  static Reply refusal(int status, const std::string& code, const std::string& message = "") {
    return {status, "<?xml version=\"1.0\"?>\n<Error><Code>" + code + "</Code><Message>" + message +
                        "</Message></Error>"};
  }

  static constexpr const char* kBucket = "/images/";

  bool exists = true;
  std::string policy;
  bool takes_policies = true;
  std::map<std::string, std::string> objects;
  std::vector<Reply> refusals;  ///< of coming PUTs, the last first; 200 lets one pass
  std::string damage;           ///< is added to what is stored
  enum class Conditions { Standard, BareEtags, None } conditions = Conditions::Standard;

 private:
  Reply bucket(const Received& request) {
    if (request.target.find("?policy") != std::string::npos) {
      if (!takes_policies) return refusal(501, "NotImplemented");
      policy = request.body;
      return {204};
    }
    exists = request.method == "PUT";
    return {exists ? 200 : 204};
  }

  Reply object(const std::string& path, const Received& request) {
    if (!exists) return refusal(404, "NoSuchBucket");
    const auto found = objects.find(path);
    if (request.method == "PUT") return put(path, request);
    if (found == objects.end()) return refusal(404, "NoSuchKey");
    const std::string tag = etag(found->second);
    if (request.header("if-none-match") == tag) return {304, "", {{"ETag", tag}}};
    return {200, found->second, {{"ETag", tag}, {"Last-Modified", kDate}}};
  }

  Reply put(const std::string& path, const Received& request) {
    const std::string unchanged = request.header("if-match");
    const std::string absent = request.header("if-none-match");
    if (conditions == Conditions::None && !(unchanged + absent).empty()) {
      return refusal(501, "NotImplemented");
    }
    const auto found = objects.find(path);
    std::string tag = found == objects.end() ? "" : etag(found->second);
    if (conditions == Conditions::BareEtags && !tag.empty()) tag = tag.substr(1, tag.size() - 2);
    if ((!unchanged.empty() && unchanged != tag) || (absent == "*" && !tag.empty())) {
      return refusal(412, "PreconditionFailed");
    }
    const auto digest = digest_of(DigestAlgorithm::Sha256, request.body).hex();
    if (request.header("x-amz-content-sha256") != digest) {
      return refusal(400, "XAmzContentSHA256Mismatch");
    }
    objects[path] = request.body + damage;
    return {200, "", {{"ETag", etag(objects[path])}}};
  }

  static std::string etag(const std::string& text) {
    return '"' + digest_of(DigestAlgorithm::Md5, text).hex() + '"';
  }

  static constexpr const char* kDate = "Thu, 01 Jan 2026 00:00:00 GMT";
};

}  // namespace streamsync::testing
