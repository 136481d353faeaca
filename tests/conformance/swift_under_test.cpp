#include <list>
#include <stdexcept>
#include <stop_token>

#include "tests/conformance/metadata_target_under_test.h"
#include "tests/conformance/object_tree_under_test.h"
#include "tests/support/public_container.h"

namespace streamsync {
namespace {

using testing::cloud_credentials;

class SwiftDocuments final : public MetadataTargetUnderTest {
 public:
  std::unique_ptr<MetadataTarget> open() override { return open_at("data"); }
  std::unique_ptr<MetadataTarget> open_other_place() override { return open_at("data2"); }

  Validators validators() const override { return Validators::Given; }

  std::optional<std::string> consumed(const std::string& path) const override {
    // Swift's object server lists a directory, then opens a file of it, which a PUT may have
    // replaced meanwhile. The proxy then asks the next replica, but the test cloud has only one.
    constexpr int kReplicas = 3;
    Response response;
    for (int replica = 0; replica < kReplicas; ++replica) {
      response = container_.read_anonymously("data/" + percent_encode_path(path));
      if (response.ok()) return std::move(response.body);
    }
    if (response.status != 404) throw std::runtime_error("for a consumer: " + response.body);
    return std::nullopt;
  }

 private:
  std::unique_ptr<MetadataTarget> open_at(const std::string& prefix) {
    sessions_.emplace_back(credentials_, HttpOptions{}, RetryPolicy{}, std::stop_token{});
    return std::make_unique<ObjectDocuments>(container_.store_of(sessions_.back()), prefix);
  }

  Credentials credentials_ = cloud_credentials().value();
  testing::PublicContainer container_{credentials_};
  std::list<KeystoneSession> sessions_;  // stay where they are
};

class SwiftItems final : public ObjectTreeUnderTest {
 private:
  std::shared_ptr<ObjectStore> open_store() override {
    sessions_.emplace_back(credentials_, HttpOptions{}, RetryPolicy{}, std::stop_token{});
    return container_.store_of(sessions_.back());
  }

  std::set<std::string> names() override { return container_.names(); }
  std::string read(const std::string& name) override {
    return container_.read_anonymously(percent_encode_path(name)).body;
  }
  void put(const std::string& name, const std::string& text) override {
    container_.send("PUT", container_.url);
    const Request request{.url = container_.url.append(percent_encode_path(name))};
    TextSource source(text);
    if (!container_.session.put(request, source, text.size()).ok()) {
      throw std::runtime_error("no foreign object");
    }
  }

  Credentials credentials_ = cloud_credentials().value();
  testing::PublicContainer container_{credentials_};
  std::list<KeystoneSession> sessions_;  // stay where they are
};

}  // namespace

std::unique_ptr<ItemTargetUnderTest> item_target_under_test() {
  return std::make_unique<SwiftItems>();
}

std::unique_ptr<MetadataTargetUnderTest> metadata_target_under_test() {
  return std::make_unique<SwiftDocuments>();
}

}  // namespace streamsync
