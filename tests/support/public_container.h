#pragma once

#include <memory>
#include <set>
#include <string>
#include <utility>

#include "base/text.h"
#include "objects/object_documents.h"
#include "swift/swift_store.h"
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

  ObjectDocuments target(const std::string& prefix = "data") { return {store_of(session), prefix}; }
  std::shared_ptr<SwiftStore> store_of(KeystoneSession& other) const {
    return std::make_shared<SwiftStore>(other, endpoint, kName);
  }

  Response send(const std::string& method, const Url& where, Headers headers = {}) {
    return session.send({.method = method, .url = where, .headers = std::move(headers)});
  }

  /// All objects, at any depth.
  std::set<std::string> names() {
    const auto listing = send("GET", url.with_query("format", "txt"));
    std::set<std::string> names;
    for (const auto name : split(listing.body, '\n')) {
      if (listing.status == 200 && !name.empty()) names.emplace(name);
    }
    return names;
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
    for (const auto& name : names()) send("DELETE", url.append(percent_encode_path(name)));
    send("DELETE", url);
  }
};

}  // namespace streamsync::testing
