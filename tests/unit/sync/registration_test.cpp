#include "sync/registration.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>

#include "base/error.h"

namespace streamsync {
namespace {

using Catch::Matchers::Contains;

const std::string kRoot = "http://store/data";
const std::string kInside = "http://inside/data";
const PublishedTexts kPublished{{"streams/v1/auto.sync.json", "products"},
                                {"streams/v1/index.json", "index"}};

class MemoryRegistry final : public StreamRegistry {
 public:
  struct Content {
    std::map<std::string, std::vector<std::string>> urls;  ///< by interface
    std::map<std::string, std::string> documents;          ///< by URL
    std::vector<std::string> asked, forbidden;
    int calls = 0;  ///< to be led elsewhere
    std::size_t asked_once = 0;
    bool may_write = true;
  };
  explicit MemoryRegistry(Content& content) : content_(content) {}

  std::string describe() const override { return "the catalog"; }
  std::vector<std::string> urls_of(const std::string& interface) override {
    return content_.urls[interface];
  }
  DocumentState read_as_anyone(const std::string& url, Attempts attempts) override {
    content_.asked.push_back(url);
    if (attempts == Attempts::One) ++content_.asked_once;
    const auto& forbidden = content_.forbidden;
    if (std::find(forbidden.begin(), forbidden.end(), url) != forbidden.end()) {
      throw Error(ErrorKind::Denied, Origin::Target, url + ": 403");
    }
    const auto document = content_.documents.find(url);
    if (document == content_.documents.end()) return Absent{};
    return FetchedDocument{spool_of(document->second), {}};
  }
  Change lead_to(const std::vector<TreeAddress>& addresses) override {
    ++content_.calls;
    if (!content_.may_write) throw Error(ErrorKind::Denied, Origin::Target, "403");
    Change change{{}, {"it led elsewhere"}};
    for (const auto& address : addresses) {
      auto& urls = content_.urls[address.interface];
      if (!urls.empty() && urls.front() == address.url) continue;
      urls = {address.url};
      change.written.insert(address.interface);
    }
    return change;
  }

 private:
  Content& content_;
};

class MemoryCache final : public DocumentCache {
 public:
  std::optional<CachedDocument> find(const std::string& url) override {
    const auto found = validators_.find(url);
    if (found == validators_.end()) return std::nullopt;
    return CachedDocument{{Spool(), found->second}, {}};
  }
  void store(const std::string& url, const Validator& validator, const Spool&,
             const std::string&) override {
    validators_[url] = validator;
  }

 private:
  std::map<std::string, Validator> validators_;
};

struct Scene {
  MemoryRegistry::Content catalog;
  MemoryCache cache;

  Scene() {
    for (const auto& [path, text] : kPublished) {
      for (const auto& root : {kRoot, kInside}) catalog.documents[root + "/" + path] = text;
    }
  }

  /// Of one run.
  RegistrationResult lead(const PublishedTexts& published = kPublished,
                          const std::string& scope = "cloud North") {
    catalog.asked.clear();
    catalog.asked_once = 0;
    Registration registration(std::make_unique<MemoryRegistry>(catalog),
                              {{"public", kRoot}, {"internal", kInside}, {"admin", kRoot}});
    registration.require_readers(published, cache, scope);
    return registration.bring_up_to_date(published, cache, scope);
  }
};

}  // namespace

TEST_CASE("consumers are led to a tree once it answers, and then nobody is asked any more") {
  Scene scene;
  const auto first = scene.lead();
  CHECK(scene.catalog.calls == 1);
  CHECK(scene.catalog.asked_once == 7);
  CHECK(scene.catalog.urls["public"] == std::vector{kRoot});
  CHECK(scene.catalog.urls["internal"] == std::vector{kInside});
  CHECK(scene.catalog.urls["admin"] == std::vector{kRoot});
  REQUIRE(first.addresses.size() == 3);
  CHECK(first.addresses[0].changed);
  CHECK(first.notes == std::vector<std::string>{"it led elsewhere"});
  auto asked = scene.catalog.asked;
  std::sort(asked.begin(), asked.end());
  asked.erase(std::unique(asked.begin(), asked.end()), asked.end());
  CHECK(asked.size() == 2 * 7);

  const auto again = scene.lead();
  CHECK(scene.catalog.calls == 1);
  CHECK(scene.catalog.asked.empty());
  REQUIRE(again.addresses.size() == 3);
  CHECK_FALSE(again.addresses[0].changed);
  CHECK(again.notes.empty());
}

TEST_CASE("what is published anew is read by everybody's address, with no write") {
  Scene scene;
  scene.lead();
  auto published = kPublished;
  published["streams/v1/index.json"] = "another index";
  CHECK_THROWS_WITH(scene.lead(published), Contains("finds something else"));
  scene.catalog.documents[kRoot + "/streams/v1/index.json"] = "another index";
  scene.lead(published);
  CHECK(scene.catalog.asked.size() == 7);
  CHECK(scene.catalog.calls == 1);
}

TEST_CASE("nobody is led to a tree that does not answer as it should") {
  Scene scene;
  std::string why;
  SECTION("a document is not there") {
    scene.catalog.documents.erase(kRoot + "/streams/v1/auto.sync.json");
    why = "finds nothing";
  }
  SECTION("it is another one") {
    scene.catalog.documents[kRoot + "/streams/v1/index.json"] = "index of before";
    why = "finds something else";
  }
  SECTION("a name that Juju tries first is refused") {
    scene.catalog.forbidden = {kRoot + "/streams/v1/index2.sjson"};
    why = "index2.sjson: 403";
  }
  SECTION("or is another one's, or a page for all that is missing") {
    scene.catalog.documents[kRoot + "/streams/v1/mirrors.json"] = "<html>";
    why = "mirrors.json: who reads it without a token finds something that was not published by us";
  }
  scene.catalog.urls["public"] = {"http://before"};
  for (int run = 1; run <= 2; ++run) CHECK_THROWS_WITH(scene.lead(), Contains(why));
  CHECK(scene.catalog.calls == 0);
}

TEST_CASE("that it once answered is not enough to be registered") {
  Scene scene;
  scene.lead();
  scene.catalog.urls.clear();
  scene.catalog.forbidden = {kRoot + "/streams/v1/index.json"};
  CHECK_THROWS(scene.lead());
  CHECK(scene.catalog.calls == 1);
}

TEST_CASE("an address for parts of the cloud that does not answer us is left out") {
  Scene scene;
  scene.catalog.forbidden = {kInside + "/streams/v1/index.json"};
  const auto result = scene.lead();
  CHECK(result.addresses.size() == 2);
  REQUIRE(result.notes.size() == 2);
  CHECK_THAT(result.notes[0], Contains("its internal endpoint stays as it is"));
  CHECK(scene.catalog.urls["internal"].empty());
  // Nobody is told again and again.
  CHECK(scene.lead().notes.empty());
  CHECK(scene.catalog.calls == 1);
}

TEST_CASE("what leads elsewhere is brought back, and nothing else is said to have changed") {
  Scene scene;
  scene.lead();
  std::string changed = "public";
  SECTION("everybody") { scene.catalog.urls["public"] = {"http://10.0.0.1"}; }
  SECTION("parts of the cloud") {
    changed = "internal";
    scene.catalog.urls["internal"] = {"http://10.0.0.1"};
  }
  const auto result = scene.lead();
  CHECK(scene.catalog.calls == 2);
  REQUIRE(result.addresses.size() == 3);
  for (const auto& registered : result.addresses) {
    CHECK(registered.changed == (registered.address.interface == changed));
  }
}

TEST_CASE("what leads elsewhere beside ours is no change of this run") {
  Scene scene;
  scene.lead();
  scene.catalog.urls["public"].push_back("http://10.0.0.1");
  const auto result = scene.lead();
  CHECK(scene.catalog.calls == 2);
  REQUIRE(result.addresses.size() == 3);
  CHECK_FALSE(result.addresses[0].changed);
}

TEST_CASE("for parts of the cloud whose address does not answer the registry is not asked") {
  Scene scene;
  scene.lead();
  scene.catalog.urls["internal"] = {"http://10.0.0.1"};
  scene.catalog.forbidden = {kInside + "/streams/v1/index2.sjson"};
  scene.catalog.may_write = false;
  for (int run = 1; run <= 2; ++run) {
    const auto result = scene.lead();
    CHECK(scene.catalog.calls == 1);
    // Told once, and tried once in each run.
    CHECK(result.notes.size() == (run == 1 ? 1 : 0));
    CHECK(result.addresses.size() == 2);
    // The public one is not read again.
    CHECK(scene.catalog.asked == scene.catalog.forbidden);
    CHECK(scene.catalog.asked_once == 1);
  }
  scene.catalog.urls["internal"] = {"http://10.0.0.2"};
  CHECK(scene.lead().notes.size() == 1);
  CHECK(scene.lead().notes.empty());
  scene.catalog.forbidden.clear();
  CHECK_THROWS(scene.lead());
  scene.catalog.forbidden = {kInside + "/streams/v1/index2.sjson"};
  CHECK(scene.lead().notes.size() == 1);
}

TEST_CASE("two streams that have one address are read once each") {
  Scene scene;
  auto south = kPublished;
  south.emplace("streams/v1/south.json", "more products");
  scene.catalog.documents[kRoot + "/streams/v1/south.json"] = "more products";
  scene.catalog.documents[kInside + "/streams/v1/south.json"] = "more products";
  scene.lead(kPublished, "cloud North");
  scene.lead(south, "cloud South");
  CHECK_FALSE(scene.catalog.asked.empty());
  for (int run = 1; run <= 2; ++run) {
    scene.lead(kPublished, "cloud North");
    CHECK(scene.catalog.asked.empty());
    scene.lead(south, "cloud South");
    CHECK(scene.catalog.asked.empty());
  }
}

}  // namespace streamsync
