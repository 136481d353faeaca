#pragma once

#include <algorithm>
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
    if (is_private && request.header("authorization").empty()) return refusal(403, "AccessDenied");
    const auto query_at = std::min(request.target.find('?'), request.target.size());
    const std::string path = request.target.substr(0, query_at);
    if (path == kBucket && request.method == "GET") return page;
    if (path == kBucket) return bucket(request);
    return query_at == request.target.size() ? object(path, request) : upload(path, request);
  }

  static Reply refusal(int status, const std::string& code, const std::string& message = "") {
    return {status, "<?xml version=\"1.0\"?>\n<Error><Code>" + code + "</Code><Message>" + message +
                        "</Message></Error>"};
  }

  static constexpr const char* kBucket = "/images/";

  bool exists = true;
  bool is_private = false;                                   ///< what is not signed is refused
  Reply page{200, "<ListBucketResult></ListBucketResult>"};  ///< of the listing
  std::string policy;
  bool takes_policies = true;
  std::map<std::string, std::string> objects;
  std::vector<Reply> refusals;            ///< of coming PUTs, the last first; 200 lets one pass
  std::string damage;                     ///< is added to what is stored
  std::map<unsigned, std::string> parts;  ///< of the one upload that there can be
  bool has_upload = false;
  std::vector<Reply> completions;  ///< what is answered in place of the truth, the last first
  enum class Conditions { Standard, BareEtags, None } conditions = Conditions::Standard;

 private:
  static std::string value_of(const Received& request, const std::string& key) {
    const auto at = request.target.find(key + "=");
    if (at == std::string::npos) return "";
    const auto begin = at + key.size() + 1;
    return request.target.substr(begin, request.target.find('&', begin) - begin);
  }

  Reply upload(const std::string& path, const Received& request) {
    if (request.target.ends_with("?uploads=")) {
      has_upload = true;
      parts.clear();
      return {200,
              "<InitiateMultipartUploadResult><UploadId>2~id</UploadId>"
              "</InitiateMultipartUploadResult>"};
    }
    if (!has_upload || value_of(request, "uploadId") != "2~id") return refusal(404, "NoSuchUpload");
    if (request.method == "PUT") {
      auto& part = parts[static_cast<unsigned>(std::stoul(value_of(request, "partNumber")))];
      part = request.body;
      return {200, "", {{"ETag", etag(part)}}};
    }
    if (request.method == "GET") return list_part(request);
    has_upload = false;
    if (request.method == "DELETE") return {204};
    return complete(path, request);
  }

  Reply list_part(const Received& request) const {
    const auto found = parts.upper_bound(
        static_cast<unsigned>(std::stoul(value_of(request, "part-number-marker"))));
    if (found == parts.end()) return {200, "<ListPartsResult></ListPartsResult>"};
    const auto tag = digest_of(DigestAlgorithm::Md5, found->second).hex();
    return {200, "<ListPartsResult><Part><PartNumber>" + std::to_string(found->first) +
                     "</PartNumber><ETag>&quot;" + tag + "&quot;</ETag><Size>" +
                     std::to_string(found->second.size()) + "</Size></Part></ListPartsResult>"};
  }

  Reply complete(const std::string& path, const Received& request) {
    std::string whole;
    for (const auto& [number, part] : parts) {
      const auto tag = digest_of(DigestAlgorithm::Md5, part).hex();
      if (request.body.find(tag) == std::string::npos) return refusal(400, "InvalidPart");
      whole += part;
    }
    Reply reply{200, "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>"};
    if (!completions.empty()) {
      reply = completions.back();
      completions.pop_back();
      has_upload = reply.status == 200;  // with an error in it nothing was done
    }
    if (!has_upload) objects[path] = whole;
    return reply;
  }

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
    if (request.method == "DELETE") {
      objects.erase(path);
      return {204};
    }
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
