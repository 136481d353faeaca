#pragma once

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "objects/object_documents.h"
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

  static std::unique_ptr<S3Store> store(S3Client& client) {
    return std::make_unique<S3Store>(client, kName);
  }

  Response send(const std::string& method, const std::string& name) {
    return client_.send({.method = method, .url = url_of(name)});
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
    for (;;) {
      const Response listing = send("GET", "");
      if (listing.status == 404) return;
      require_done({.url = url_of("")}, listing);
      // Keys of the tests need no escapes in XML.
      for (auto at = listing.body.find("<Key>"); at != std::string::npos;
           at = listing.body.find("<Key>", at + 1)) {
        const auto begin = at + std::string_view("<Key>").size();
        send("DELETE", listing.body.substr(begin, listing.body.find('<', begin) - begin));
      }
      send("DELETE", "");
    }
  }

  S3Client client_{account(), HttpOptions{}, RetryPolicy{}, {}};
};

}  // namespace streamsync::testing
