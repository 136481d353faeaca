#include "sync/publication.h"

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include <map>

namespace streamsync {
namespace {

class MemoryStore final : public MetadataTarget {
 public:
  struct Content {
    std::map<std::string, std::string> documents;
    std::vector<std::string> written;
  };
  explicit MemoryStore(Content& content) : content_(content) {}

  std::string describe() const override { return "memory"; }
  DocumentState read(const std::string& path, const Validator&) override {
    const auto document = content_.documents.find(path);
    if (document == content_.documents.end()) {
      return Absent{};
    }
    return FetchedDocument{spool_of(document->second), {}};
  }
  void write(const std::string& path, const Spool& document) override {
    content_.documents[path] = read_all(*document.reader(), 1 << 20);
    content_.written.push_back(path);
  }

 private:
  Content& content_;
};

const std::string kProducts = "streams/v1/auto.sync.json";
const std::string kIndex = "streams/v1/index.json";

Held image(const std::string& version) {
  const std::string product = "com.ubuntu.cloud:server:20.04:amd64";
  return {{{"source", product, version, "disk1.img"},
           {{"arch", "amd64"}, {"version", "20.04"}, {"path", "gone"}, {"md5", "abc"}},
           std::nullopt},
          fmt::format("id-{}", version),
          fmt::format("name-{}", version),
          HeldState::Present,
          7};
}

struct Scene {
  MemoryStore::Content store;
  NoCache cache;

  std::vector<PublishedDocument> publish(const std::vector<Held>& shown) {
    std::vector<std::unique_ptr<MetadataTarget>> stores;
    stores.push_back(std::make_unique<MemoryStore>(store));
    ImageIdsPublication publication({"auto.sync", "cloud", "RegionOne", "https://keystone:5000/v3"},
                                    std::move(stores), cache);
    PublicationInput input;
    input.shown = shown;
    return publication.publish(input).documents;
  }
};

}  // namespace

TEST_CASE("products come before the index, and only what changed is written") {
  Scene scene;
  scene.publish({image("20240101")});
  CHECK(scene.store.written == std::vector<std::string>{kProducts, kIndex});
  CHECK(scene.store.documents[kProducts].find("id-20240101") != std::string::npos);
  CHECK(scene.store.documents[kProducts].find("gone") == std::string::npos);

  scene.store.written.clear();
  const auto again = scene.publish({image("20240101")});
  CHECK(scene.store.written.empty());
  REQUIRE(again.size() == 2);
  CHECK_FALSE(again[0].changed);

  scene.publish({image("20240102")});
  CHECK(scene.store.written == std::vector<std::string>{kProducts, kIndex});
}

TEST_CASE("a damaged or missing document is written again") {
  Scene scene;
  scene.publish({image("20240101")});
  const auto products = scene.store.documents[kProducts];
  scene.store.written.clear();
  SECTION("products cut") { scene.store.documents[kProducts] = products.substr(0, 100); }
  SECTION("products gone") { scene.store.documents.erase(kProducts); }
  scene.publish({image("20240101")});
  CHECK(scene.store.written.front() == kProducts);
  CHECK(scene.store.documents[kProducts].size() == products.size());
}

TEST_CASE("a damaged index is made anew") {
  Scene scene;
  scene.publish({image("20240101")});
  scene.store.documents[kIndex] = std::string("{");
  scene.store.written.clear();
  scene.publish({image("20240101")});
  CHECK(scene.store.written == std::vector<std::string>{kIndex});
}

TEST_CASE("without images nothing is named") {
  Scene scene;
  scene.publish({});
  CHECK(scene.store.written.empty());
  scene.publish({image("20240101")});
  scene.store.written.clear();
  scene.publish({});
  // The index first: it must not name a file that is empty.
  CHECK(scene.store.written == std::vector<std::string>{kIndex, kProducts});
  CHECK(scene.store.documents[kIndex].find("auto.sync") == std::string::npos);
  CHECK(scene.store.documents[kProducts].find("id-") == std::string::npos);
  scene.store.written.clear();
  scene.publish({});
  CHECK(scene.store.written.empty());
}

}  // namespace streamsync
