#pragma once

#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "objects/object_documents.h"
#include "s3/bucket_page.h"
#include "s3/s3_store.h"
#include "tests/support/loopback_server.h"

namespace streamsync::testing {

/// A bucket of the test's own, not there at first, gone with the object. The service is the one
/// that AWS_* name.
class PublicBucket {
 public:
  PublicBucket() { remove(); }
  ~PublicBucket() { remove(); }
  PublicBucket(const PublicBucket&) = delete;
  PublicBucket& operator=(const PublicBucket&) = delete;

  static S3Account account() {
    start_process();
    return s3_account_from([](const std::string& name) -> std::optional<std::string> {
      const char* value = std::getenv(name.c_str());
      return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
    });
  }

  static std::shared_ptr<S3Store> store(S3Client& client) {
    return std::make_shared<S3Store>(client, kName);
  }

  Response send(const std::string& method, const std::string& name) {
    return client_.send({.method = method, .url = url_of(name)});
  }

  /// All keys.
  std::set<std::string> names() {
    const Response listing = send("GET", "");
    std::set<std::string> names;
    if (listing.status == 404) return names;
    require_done({.url = url_of("")}, listing);
    for (const auto& object : read_bucket_page(listing.body)) names.insert(object.name);
    return names;
  }

  /// As a consumer reads: without a signature. From any thread.
  Response read_anonymously(const std::string& name) const {
    return HttpClient(HttpOptions{}, {}).send({.url = url_of(name)});
  }

 private:
  static constexpr const char* kName = "streamsync-test";

  Url url_of(const std::string& name) const {
    return client_.endpoint().append(kName).append(percent_encode_path(name));
  }

  void remove() {
    for (const auto& name : names()) send("DELETE", name);
    send("DELETE", "");
  }

  S3Client client_{account(), HttpOptions{}, RetryPolicy{}, {}};
};

}  // namespace streamsync::testing
