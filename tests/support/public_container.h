#pragma once

#include <string>
#include <utility>

#include "base/text.h"
#include "swift/swift_target.h"
#include "tests/support/cloud_account.h"

namespace streamsync::testing {

/// A container of the test's own, not there at first, gone with the object.
class PublicContainer {
 public:
  explicit PublicContainer(const Credentials& credentials)
      : session(session_with(credentials)),
        endpoint(session.endpoint("object-store", credentials.region.value())),
        url(endpoint.append(kName)) {
    remove();
  }
  ~PublicContainer() { remove(); }
  PublicContainer(const PublicContainer&) = delete;
  PublicContainer& operator=(const PublicContainer&) = delete;

  SwiftTarget target(const std::string& prefix = "data") { return target_of(session, prefix); }
  SwiftTarget target_of(KeystoneSession& other, const std::string& prefix) const {
    return {other, endpoint, kName, prefix};
  }

  Response send(const std::string& method, const Url& where, Headers headers = {}) {
    return session.send({.method = method, .url = where, .headers = std::move(headers)});
  }

  /// As a consumer reads: without a token. From any thread.
  Response read_anonymously(const std::string& name) const {
    HttpOptions http;
    http.ca_file = session.credentials().ca_file;
    HttpClient client(http, {});
    return client.send({.url = url.append(name), .headers = {}});
  }

  KeystoneSession session;
  Url endpoint, url;

 private:
  static constexpr const char* kName = "swift-test";

  void remove() {
    const auto listing = send("GET", url.with_query("format", "txt"));
    for (const auto name : split(listing.body, '\n')) {
      if (listing.status == 200 && !name.empty()) {
        send("DELETE", url.append(percent_encode_path(name)));
      }
    }
    send("DELETE", url);
  }
};

}  // namespace streamsync::testing
