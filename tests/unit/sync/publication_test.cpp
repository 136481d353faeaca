#include "sync/publication.h"

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>

#include "tests/unit/base/environment.h"
#include "tests/unit/base/secret_keys.h"

namespace streamsync {
namespace {

class MemoryStore final : public MetadataTarget {
 public:
  struct Content {
    std::map<std::string, std::string> documents;
    std::vector<std::string> written;
    std::vector<std::string> asked_as_anyone;
    std::map<std::string, std::string> for_anyone;  ///< instead of what is there; empty: nothing
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
  DocumentState read_as_anyone(const std::string& path) override {
    content_.asked_as_anyone.push_back(path);
    const auto other = content_.for_anyone.find(path);
    if (other == content_.for_anyone.end()) return read(path, {});
    if (other->second.empty()) return Absent{};
    return FetchedDocument{spool_of(other->second), {}};
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

class MemoryCache final : public DocumentCache {
 public:
  std::optional<CachedDocument> find(const std::string& url) override {
    const auto found = documents_.find(url);
    if (found == documents_.end()) return std::nullopt;
    return CachedDocument{{spool_of(found->second.second), found->second.first}, {}};
  }
  void store(const std::string& url, const Validator& validator, const Spool& document,
             const std::string&) override {
    documents_[url] = {validator, read_all(*document.reader(), 1 << 20)};
  }

 private:
  std::map<std::string, std::pair<Validator, std::string>> documents_;
};

struct Scene {
  MemoryStore::Content store;
  MemoryCache cache;
  std::string cloud;
  Signer* signer = nullptr;

  std::vector<PublishedDocument> publish(const std::vector<Held>& shown) {
    return result_of(shown).documents;
  }

  PublicationResult result_of(const std::vector<Held>& shown) {
    std::vector<std::unique_ptr<MetadataTarget>> stores;
    stores.push_back(std::make_unique<MemoryStore>(store));
    ImageIdsPublication publication({"auto.sync", "cloud", "RegionOne", "https://keystone:5000/v3"},
                                    std::move(stores), cache, cloud, signer);
    PublicationInput input;
    input.shown = shown;
    return publication.publish(input);
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

TEST_CASE("an index that is made anew is no newer than what it names") {
  Scene scene;
  scene.publish({image("20240101")});
  auto& products = scene.store.documents[kProducts];
  const auto date = products.find("\"updated\": \"");
  REQUIRE(date != std::string::npos);
  products.replace(date, std::string::npos,
                   "\"updated\": \"Mon, 01 Jan 2024 00:00:00 +0000\"\n}\n");
  scene.store.documents.erase(kIndex);
  scene.store.written.clear();
  scene.publish({image("20240101")});
  REQUIRE(scene.store.written == std::vector<std::string>{kIndex});
  const auto& index = scene.store.documents[kIndex];
  const auto entry = index.substr(0, index.rfind("\"updated\""));
  CHECK_THAT(entry, Catch::Contains("Mon, 01 Jan 2024 00:00:00 +0000"));
}

TEST_CASE("what was published is read as anyone may, once, with all names that Juju tries") {
  Scene scene;
  CHECK_FALSE(scene.result_of({image("20240101")}).error);
  auto asked = scene.store.asked_as_anyone;
  std::sort(asked.begin(), asked.end());
  CHECK(asked == std::vector<std::string>{kProducts, kIndex, "streams/v1/index.sjson",
                                          "streams/v1/index2.json", "streams/v1/index2.sjson",
                                          "streams/v1/mirrors.json", "streams/v1/mirrors.sjson"});
  scene.store.asked_as_anyone.clear();
  scene.publish({image("20240101")});
  CHECK(scene.store.asked_as_anyone.empty());
  scene.publish({image("20240102")});
  CHECK(scene.store.asked_as_anyone.size() == 7);
}

TEST_CASE("what others do not get as it was written is an error until they do") {
  Scene scene;
  const std::string path = GENERATE(kProducts, kIndex);
  const std::string instead = GENERATE(as<std::string>(), "", "<html>log in</html>");
  scene.store.for_anyone[path] = instead;
  for (int run = 1; run <= 2; ++run) {
    const auto error = scene.result_of({image("20240101")}).error;
    REQUIRE(error);
    CHECK(error->origin() == Origin::Target);
    CHECK_THAT(error->what(), Catch::Contains("without a token") && Catch::Contains(path));
  }
  scene.store.for_anyone.clear();
  CHECK_FALSE(scene.result_of({image("20240101")}).error);
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

namespace {

struct SigningUser {
  SecretKeys keys;
  Environment home{"GNUPGHOME", keys.home().string()};
  std::string first = keys.make_key("first", "ed25519");
  std::string second = keys.make_key("second", "ed25519");
};

const std::vector<std::string> kSignedFiles{
    kProducts,       "streams/v1/auto.sync.sjson", "streams/v1/auto.sync.json.gpg", kIndex,
    kIndex + ".gpg", "streams/v1/index.sjson"};

void check_signed(std::map<std::string, std::string>& documents, const Signer& signer) {
  CHECK(signer.has_clearsigned(documents[kProducts], documents[kSignedFiles[1]]));
  CHECK(signer.has_signed_apart(documents[kProducts], documents[kSignedFiles[2]]));
  CHECK(signer.has_signed_apart(documents[kIndex], documents[kSignedFiles[4]]));
  // The two indexes say the same, each of documents of its own form (`consumers.md` §4, line 6).
  CHECK_THAT(documents[kIndex], Catch::Contains("\"streams/v1/auto.sync.json\""));
  auto index = signer.text_of(documents[kSignedFiles[5]]).value();
  index.replace(index.find(".sjson\""), 7, ".json\"");
  CHECK(index + "\n" == documents[kIndex]);
}

}  // namespace

TEST_CASE("with a key each document is published signed too, and only when it says something new") {
  SigningUser user;
  Signer signer(user.first);
  Scene scene;
  scene.signer = &signer;
  auto& documents = scene.store.documents;
  const auto& written = scene.store.written;
  scene.publish({image("20240101")});
  CHECK(written == kSignedFiles);
  check_signed(documents, signer);

  scene.store.written.clear();
  SECTION("nothing to do") {
    for (const auto& document : scene.publish({image("20240101")})) CHECK_FALSE(document.changed);
    CHECK(written.empty());
  }
  SECTION("a new version") {
    scene.publish({image("20240102")});
    CHECK(written.front() == kProducts);
    CHECK(written.back() == kSignedFiles.back());
    check_signed(documents, signer);
  }
  SECTION("one file is damaged") {
    const std::string file = GENERATE(from_range(kSignedFiles));
    documents[file].erase(documents[file].size() / 2);
    scene.publish({image("20240101")});
    CHECK(std::find(written.begin(), written.end(), file) != written.end());
    check_signed(documents, signer);
    scene.store.written.clear();
    scene.publish({image("20240101")});
    CHECK(written.empty());
  }
  SECTION("another key") {
    Signer second(user.second);
    scene.signer = &second;
    scene.publish({image("20240101")});
    CHECK(written == std::vector<std::string>(kSignedFiles.begin() + 1, kSignedFiles.end()));
    check_signed(documents, second);
  }
  SECTION("no images any more") {
    scene.publish({});
    CHECK(written == std::vector<std::string>{kSignedFiles[3], kSignedFiles[4], kSignedFiles[5],
                                              kSignedFiles[0], kSignedFiles[1], kSignedFiles[2]});
  }
}

TEST_CASE("a signed index keeps what the same key signed, and nothing else") {
  SigningUser user;
  Signer signer(user.first);
  Scene scene;
  scene.signer = &signer;
  scene.store.documents["streams/v1/index.sjson"] =
      signer.clearsign(R"({"format": "index:1.0", "index": {"ours": {"path": "ours.sjson"}}})");
  scene.store.documents[kIndex] =
      R"({"format": "index:1.0", "index": {"theirs": {"path": "theirs.json"}}})";
  scene.publish({image("20240101")});
  const auto text = signer.text_of(scene.store.documents["streams/v1/index.sjson"]).value();
  CHECK_THAT(text, Catch::Contains("ours.sjson") && Catch::Contains("auto.sync.sjson"));
  CHECK(text.find("theirs") == std::string::npos);
  CHECK_THAT(scene.store.documents[kIndex], Catch::Contains("theirs.json"));
}

}  // namespace streamsync
