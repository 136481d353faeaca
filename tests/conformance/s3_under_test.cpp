#include <list>
#include <stdexcept>
#include <stop_token>

#include "tests/conformance/metadata_target_under_test.h"
#include "tests/conformance/object_store_under_test.h"
#include "tests/conformance/object_tree_under_test.h"
#include "tests/support/public_bucket.h"

namespace streamsync {
namespace {

using testing::PublicBucket;

class S3Documents final : public MetadataTargetUnderTest {
 public:
  std::unique_ptr<MetadataTarget> open() override { return open_at("data"); }
  std::unique_ptr<MetadataTarget> open_other_place() override { return open_at("data2"); }

  Validators validators() const override { return Validators::Given; }

  std::optional<std::string> consumed(const std::string& path) const override {
    Response response = bucket_.read_anonymously("data/" + path);
    if (response.ok()) return std::move(response.body);
    if (response.status != 404) throw std::runtime_error("for a consumer: " + response.body);
    return std::nullopt;
  }

 private:
  std::unique_ptr<MetadataTarget> open_at(const std::string& prefix) {
    clients_.emplace_back(PublicBucket::account(), HttpOptions{}, RetryPolicy{}, std::stop_token{});
    return std::make_unique<ObjectDocuments>(PublicBucket::store(clients_.back()), prefix);
  }

  PublicBucket bucket_;
  std::list<S3Client> clients_;  // stay where they are
};

class S3Items final : public ObjectTreeUnderTest {
 private:
  std::shared_ptr<ObjectStore> open_store() override {
    clients_.emplace_back(PublicBucket::account(), HttpOptions{}, RetryPolicy{}, std::stop_token{});
    return PublicBucket::store(clients_.back());
  }

  std::set<std::string> names() override { return bucket_.names(); }
  std::string read(const std::string& name) override { return bucket_.read_anonymously(name).body; }
  void put(const std::string& name, const std::string& text) override {
    const DocumentPut document{spool_of(text), "text/plain"};
    open_store()->put(name, document);
  }

  PublicBucket bucket_;
  std::list<S3Client> clients_;  // stay where they are
};

class S3Objects final : public ObjectStoreUnderTest {
 public:
  std::shared_ptr<ObjectStore> open() override { return PublicBucket::store(client_); }

 private:
  PublicBucket bucket_;
  S3Client client_{PublicBucket::account(), HttpOptions{}, RetryPolicy{}, {}};
};

}  // namespace

std::unique_ptr<ItemTargetUnderTest> item_target_under_test() {
  return std::make_unique<S3Items>();
}

std::unique_ptr<MetadataTargetUnderTest> metadata_target_under_test() {
  return std::make_unique<S3Documents>();
}

std::unique_ptr<ObjectStoreUnderTest> object_store_under_test() {
  return std::make_unique<S3Objects>();
}

}  // namespace streamsync
