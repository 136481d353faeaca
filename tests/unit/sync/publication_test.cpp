#include "sync/publication.h"

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>

#include "sync/exit_status.h"
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
    bool may_be_private = false;
    bool refuses_others = false;
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
    if (content_.refuses_others) throw Error(ErrorKind::Denied, Origin::Target, path + ": 403");
    const auto other = content_.for_anyone.find(path);
    if (other == content_.for_anyone.end()) return read(path, {});
    if (other->second.empty()) return Absent{};
    return FetchedDocument{spool_of(other->second), {}};
  }
  bool may_be_private() const override { return content_.may_be_private; }
  void write(const std::string& path, const Spool& document) override {
    content_.documents[path] = read_all(*document.reader(), 1 << 20);
    content_.written.push_back(path);
  }
  void withdraw(const std::string& path) override {
    content_.documents.erase(path);
    content_.written.push_back("-" + path);
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
  std::string account;
  std::string content_id = "auto.sync";
  Signer* signer = nullptr;

  std::vector<PublishedDocument> publish(const std::vector<Held>& shown) {
    return result_of(shown).documents;
  }

  PublicationResult result_of(const std::vector<Held>& shown) {
    PublicationInput input;
    input.shown = shown;
    return publication().publish(input);
  }

  ImageIdsPublication publication() {
    std::vector<std::unique_ptr<MetadataTarget>> stores;
    stores.push_back(std::make_unique<MemoryStore>(store));
    return {{content_id, "cloud", "RegionOne", "https://keystone:5000/v3"},
            std::move(stores),
            cache,
            account,
            signer};
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

TEST_CASE("what is far too large to be ours is refused by its name") {
  Scene scene;
  scene.store.documents[kIndex] = std::string(kMaxPublished + 1, ' ');
  const auto result = scene.result_of({image("20240101")});
  REQUIRE(result.error);
  CHECK(result.error->kind() == ErrorKind::Guard);
  CHECK_THAT(result.error->what(), Catch::Contains("memory/" + kIndex + ": larger than 67.1 MB"));
  CHECK(scene.store.written.empty());
}

TEST_CASE("whatever a document was cut to comes back as it was") {
  Scene scene;
  scene.store.documents[kIndex] =
      R"({"format": "index:1.0", "index": {"theirs": {"path": "theirs.json"}}})";
  scene.store.documents["theirs.json"] = "{}";
  scene.publish({image("20240101")});
  const auto before = scene.store.documents;
  for (const auto& path : {kProducts, kIndex}) {
    const auto& whole = before.at(path);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      scene.store.documents[path] = whole.substr(0, length);
      scene.store.written.clear();
      scene.publish({image("20240101")});
      INFO(path << " cut to " << length);
      REQUIRE(scene.store.documents == before);
      REQUIRE(scene.store.written == std::vector<std::string>{path});
    }
    scene.store.documents.erase(path);
    scene.publish({image("20240101")});
    CHECK(scene.store.documents == before);
  }
}

TEST_CASE("what leads to nothing any more does not come back with an index") {
  Scene scene;
  scene.store.documents[kIndex] =
      R"({"format": "index:1.0", "index": {"a": {"path": "a.json"}, "b": {"path": "b.json"},
          "c": {"path": "../c.json"}, "d": {}}})";
  scene.store.documents["a.json"] = "{}";
  scene.store.documents["../c.json"] = "{}";
  scene.publish({image("20240101")});
  CHECK_THAT(scene.store.documents[kIndex], Catch::Contains("b.json"));
  auto& index = scene.store.documents[kIndex];
  SECTION("cut") { index.pop_back(), index.pop_back(); }
  SECTION("gone") { scene.store.documents.erase(kIndex); }
  CHECK_FALSE(scene.result_of({image("20240101")}).error);
  const auto& anew = scene.store.documents[kIndex];
  CHECK_THAT(anew, Catch::Contains("\"a.json\"") && Catch::Contains("auto.sync.json"));
  for (const auto* lost : {"b.json", "../c.json", "\"d\""}) {
    CHECK_THAT(anew, !Catch::Contains(lost));
  }
}

TEST_CASE("what came into an index since stays when it is damaged, as far as it is whole") {
  Scene scene;
  scene.store.documents[kIndex] =
      R"({"format": "index:1.0", "index": {"a": {"path": "a.json"}, "z": {"path": "z.json"}}})";
  for (const auto* path : {"a.json", "b.json", "z.json"}) scene.store.documents[path] = "{}";
  scene.publish({image("20240101")});
  scene.store.documents[kIndex] =
      R"({"format": "index:1.0", "index": {"a": {"path": "a.json", "datatype": "new"},
          "b": {"path": "b.json"}, "z": {"pa)";
  scene.publish({image("20240101")});
  const auto& anew = scene.store.documents[kIndex];
  REQUIRE(is_index(anew));
  for (const auto* whole : {"\"new\"", "a.json", "b.json", "z.json", "auto.sync.json"}) {
    CHECK_THAT(anew, Catch::Contains(whole));
  }
}

TEST_CASE("an index is not made anew of what another account's said") {
  Scene scene;
  scene.account = "cloud project-1";
  scene.store.documents[kIndex] =
      R"({"format": "index:1.0", "index": {"theirs": {"path": "theirs.json"}}})";
  scene.store.documents["theirs.json"] = "{}";
  scene.publish({image("20240101")});
  scene.store.documents.erase(kIndex);
  SECTION("another one's") {
    scene.account = "cloud project-2";
    scene.publish({image("20240101")});
    CHECK_THAT(scene.store.documents[kIndex], !Catch::Contains("theirs"));
  }
  SECTION("its own") {
    scene.publish({image("20240101")});
    CHECK_THAT(scene.store.documents[kIndex], Catch::Contains("theirs"));
  }
}

TEST_CASE("a bit that fell over in the products comes back, date and all") {
  Scene scene;
  scene.publish({image("20240101")});
  const auto before = scene.store.documents;
  const auto& whole = before.at(kProducts);
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    auto damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    // One that reads as a later publication is taken for one: readers may hold its date.
    if (updated_of(damaged) > updated_of(whole)) continue;
    scene.store.documents[kProducts] = damaged;
    scene.publish({image("20240101")});
    INFO("bit " << bit);
    REQUIRE(scene.store.documents == before);
  }
}

TEST_CASE("another unit makes a damaged index anew, with what is whole of it") {
  Scene scene;
  scene.store.documents[kIndex] =
      R"({"format": "index:1.0", "index": {"a": {"path": "a.json"}, "b": {"path": "b.json"}}})";
  scene.publish({image("20240101")});
  const auto whole = scene.store.documents[kIndex];
  for (std::size_t length = 0; length < whole.size(); ++length) {
    Scene other;
    other.store.documents = scene.store.documents;
    auto& index = other.store.documents[kIndex];
    index = whole.substr(0, length);
    const bool has_a = index.find("\"b\"") != std::string::npos;
    INFO("cut to " << length);
    other.publish({image("20240101")});
    REQUIRE(is_index(index));
    REQUIRE((index.find("a.json") != std::string::npos || !has_a));
    REQUIRE(index.find("auto.sync.json") != std::string::npos);
    REQUIRE(other.store.documents[kProducts] == scene.store.documents[kProducts]);
  }
}

TEST_CASE("what changes gets a later date, also within a second and by a slow clock") {
  Scene scene;
  scene.publish({image("20240101")});
  auto before = updated_of(scene.store.documents[kProducts]).value();
  for (const char* version : {"20240102", "20240103", "20240104"}) {
    scene.publish({image(version)});
    const auto updated = updated_of(scene.store.documents[kProducts]).value();
    CHECK(updated > before);
    CHECK(updated_of(scene.store.documents[kIndex]).value() >= updated);
    before = updated;
  }
}

TEST_CASE("what another unit published later stays") {
  Scene scene, other;
  scene.publish({image("20240101")});
  auto& published = scene.store.documents;
  const auto known = published;
  other.store.documents = published;
  other.publish({image("20240102")});
  other.publish({image("20240101")});
  published = other.store.documents;
  REQUIRE(published != known);
  scene.store.written.clear();
  scene.publish({image("20240101")});
  CHECK(scene.store.written.empty());
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
  scene.cache = MemoryCache();
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
    CHECK_THAT(error->what(), Catch::Contains("without credentials") && Catch::Contains(path));
  }
  scene.store.for_anyone.clear();
  CHECK_FALSE(scene.result_of({image("20240101")}).error);
}

TEST_CASE("that others do not read a place that may be private is told once, and is no error") {
  Scene scene;
  scene.store.may_be_private = true;
  SECTION("they are refused") { scene.store.refuses_others = true; }
  SECTION("they find nothing") { scene.store.for_anyone[kIndex] = ""; }
  const auto first = scene.result_of({image("20240101")});
  CHECK_FALSE(first.error);
  REQUIRE(first.notes.size() == 1);
  CHECK_THAT(first.notes[0], Catch::Contains("nothing is wrong if that is on purpose"));
  CHECK_THAT(first.notes[0], !Catch::Contains("rgw_swift_account_in_url"));
  CHECK(scene.result_of({image("20240101")}).notes.empty());
  CHECK(scene.result_of({image("20240102")}).notes.size() == 1);
}

TEST_CASE("that others read something else in a place that may be private is an error") {
  Scene scene;
  scene.store.may_be_private = true;
  scene.store.for_anyone[kIndex] = "{}";
  for (int run = 1; run <= 2; ++run) {
    const auto error = scene.result_of({image("20240101")}).error;
    REQUIRE(error);
    CHECK(exit_status_of(*error) == ExitStatus::TargetUnavailable);
  }
}

TEST_CASE("of two stores that fail each one's error is told") {
  MemoryCache cache;
  MemoryStore::Content one, other;
  one.for_anyone[kProducts] = "";
  other.for_anyone[kIndex] = "";
  std::vector<std::unique_ptr<MetadataTarget>> stores;
  stores.push_back(std::make_unique<MemoryStore>(one));
  stores.push_back(std::make_unique<MemoryStore>(other));
  ImageIdsPublication publication({"auto.sync", "cloud", "RegionOne", "https://keystone:5000/v3"},
                                  std::move(stores), cache, "", nullptr);
  PublicationInput input;
  input.shown = {image("20240101")};
  const auto result = publication.publish(input);
  REQUIRE(result.error);
  CHECK_THAT(result.error->what(), Catch::Contains(kProducts));
  REQUIRE(result.notes.size() == 1);
  CHECK_THAT(result.notes[0], Catch::Contains(kIndex));
}

TEST_CASE("of a version that lacks an item what was named stays so, and nothing else is") {
  Scene scene;
  PublicationInput input;
  input.shown = {image("20240101"), image("20240102")};
  input.only_where_named = {"id-20240102"};
  const auto& products = scene.store.documents[kProducts];
  SECTION("a killed run has shown it") {
    scene.publish({image("20240101")});
    CHECK_FALSE(scene.publication().publish(input).error);
    CHECK_THAT(products, Catch::Contains("id-20240101") && !Catch::Contains("id-20240102"));
  }
  SECTION("it was published") {
    scene.publish(input.shown);
    SECTION("and is") {}
    SECTION("and the document is damaged") { scene.store.documents[kProducts].resize(20); }
    CHECK_FALSE(scene.publication().publish(input).error);
    CHECK_THAT(products, Catch::Contains("id-20240101") && Catch::Contains("id-20240102"));
  }
  SECTION("another of its kind was published in its place, and is lost") {
    auto lost = image("20240102");
    lost.placement = "id-lost";
    scene.publish({image("20240101"), lost});
    CHECK_FALSE(scene.publication().publish(input).error);
    CHECK_THAT(products, !Catch::Contains("id-lost") && Catch::Contains("id-20240102"));
  }
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
    kProducts, kProducts + ".gpg", "streams/v1/auto.sync.sjson",
    kIndex,    kIndex + ".gpg",    "streams/v1/index.sjson"};

void check_signed(std::map<std::string, std::string>& documents, const Signer& signer) {
  CHECK(signer.has_clearsigned(documents[kProducts], documents[kSignedFiles[2]]));
  CHECK(signer.has_signed_apart(documents[kProducts], documents[kSignedFiles[1]]));
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
    CHECK(written == std::vector<std::string>{kSignedFiles[1], kSignedFiles[2], kSignedFiles[4],
                                              kSignedFiles[5]});
    check_signed(documents, second);
  }
  SECTION("no images any more") {
    scene.publish({});
    CHECK(written == std::vector<std::string>{kSignedFiles[3], kSignedFiles[4], kSignedFiles[5],
                                              kSignedFiles[0], kSignedFiles[1], kSignedFiles[2]});
  }
}

TEST_CASE("what signed documents were cut to comes back as it was") {
  SigningUser user;
  Signer signer(user.first);
  Scene scene;
  scene.signer = &signer;
  scene.publish({image("20240101")});
  const auto before = scene.store.documents;
  // Each takes gpg some runs, so not every length.
  for (const auto& path : kSignedFiles) {
    const auto size = before.at(path).size();
    for (const std::size_t length : {std::size_t{0}, std::size_t{1}, size / 2, size - 1}) {
      scene.store.documents[path] = before.at(path).substr(0, length);
      scene.publish({image("20240101")});
      INFO(path << " cut to " << length);
      // What ends before its last line end may still verify, and is right then.
      if (length != size - 1 || path.ends_with(".json")) CHECK(scene.store.documents == before);
      check_signed(scene.store.documents, signer);
    }
    scene.store.documents = before;
  }
}

TEST_CASE("what was signed goes when nobody signs any more, the index first") {
  SigningUser user;
  Signer signer(user.first);
  Scene scene;
  scene.signer = &signer;
  scene.publish({image("20240101")});
  scene.signer = nullptr;
  scene.store.written.clear();
  SECTION("with nothing else to do") { scene.publish({image("20240101")}); }
  SECTION("before anything else changes") {
    scene.publish({image("20240102")});
    CHECK(scene.store.written.size() == 6);
  }
  scene.store.written.resize(4);
  CHECK(scene.store.written ==
        std::vector<std::string>{"-streams/v1/index.sjson", "-streams/v1/index.json.gpg",
                                 "-streams/v1/auto.sync.json.gpg", "-streams/v1/auto.sync.sjson"});
  CHECK(scene.store.documents.size() == 2);
  scene.store.written.clear();
  scene.publish({image("20240102")});
  scene.publish({image("20240102")});
  CHECK(std::none_of(scene.store.written.begin(), scene.store.written.end(),
                     [](const std::string& path) { return path.starts_with('-'); }));
  scene.signer = &signer;
  scene.publish({image("20240102")});
  check_signed(scene.store.documents, signer);
}

TEST_CASE("no signed index leads to what was withdrawn, whoever wrote it last") {
  SigningUser user;
  Signer signer(user.first);
  Scene one;
  one.signer = &signer;
  one.publish({image("20240101")});
  Scene other;
  other.content_id = "other.sync";
  other.signer = &signer;
  other.store = one.store;
  // A stream of another region, of the same unit or of another one.
  const bool is_same_unit = GENERATE(true, false);
  if (is_same_unit) other.cache = one.cache;
  other.publish({image("20240101")});
  if (is_same_unit) one.cache = other.cache;
  one.store = other.store;
  const std::string index = "streams/v1/index.sjson";
  REQUIRE_THAT(one.store.documents[index],
               Catch::Contains("auto.sync.sjson") && Catch::Contains("other.sync.sjson"));

  one.signer = nullptr;
  one.publish({image("20240101")});
  CHECK_FALSE(one.store.documents.contains("streams/v1/auto.sync.sjson"));
  CHECK_FALSE(one.store.documents.contains(index));
  CHECK(one.store.documents.contains("streams/v1/other.sync.sjson"));

  other.store = one.store;
  other.publish({image("20240101")});
  const auto anew = signer.text_of(other.store.documents[index]).value();
  CHECK_THAT(anew, !Catch::Contains("auto.sync") && Catch::Contains("other.sync.sjson"));
  one.store = other.store;
  one.publish({image("20240101")});
  CHECK(one.store.documents.contains(index));
}

TEST_CASE("what another unit goes on signing of the same stream stays") {
  SigningUser user;
  Signer signer(user.first);
  Scene one, other;
  one.signer = other.signer = &signer;
  one.publish({image("20240101")});
  other.store = one.store;
  other.publish({image("20240102")});
  one.store = other.store;
  one.signer = nullptr;
  one.publish({image("20240102")});
  CHECK(one.store.documents == other.store.documents);
}

TEST_CASE("what somebody else has signed since stays, and is told") {
  SigningUser user;
  Signer signer(user.first), second(user.second);
  Scene scene;
  scene.signer = &signer;
  scene.publish({image("20240101")});
  const std::string theirs = second.clearsign("{}");
  scene.store.documents["streams/v1/index.sjson"] = theirs;
  scene.signer = nullptr;
  const auto result = scene.result_of({image("20240101")});
  CHECK(scene.store.documents["streams/v1/index.sjson"] == theirs);
  REQUIRE(result.notes.size() == 1);
  CHECK_THAT(result.notes[0], Catch::Contains("index.sjson: we did not publish it"));
  CHECK(scene.result_of({image("20240101")}).notes.empty());
}

TEST_CASE("nor does it come back with a signed index") {
  SigningUser user;
  Signer signer(user.first);
  Scene scene;
  scene.signer = &signer;
  const std::string path = "streams/v1/index.sjson";
  scene.store.documents[path] = signer.clearsign(R"({"format": "index:1.0", "index": {
      "a": {"path": "a.sjson"}, "b": {"path": "b.sjson"}}})");
  scene.store.documents["a.sjson"] = "a";
  scene.publish({image("20240101")});
  scene.store.documents.erase(path);
  scene.publish({image("20240101")});
  const auto text = signer.text_of(scene.store.documents[path]).value();
  CHECK_THAT(text, Catch::Contains("a.sjson") && !Catch::Contains("b.sjson"));
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

namespace {

constexpr const char* kForLxd =
    R"({"format": "index:1.0", "index": {"images": {"datatype": "image-downloads",
        "path": "streams/v1/images.json"}}})";

CatalogDocument index_document(const std::string& text) {
  CatalogDocument index{
      RelativePath::parse(kIndex), {}, accept_unverified(spool_of(text), ""), std::nullopt, {}};
  index.head.format = "index:1.0";
  return index;
}

}  // namespace

TEST_CASE("metadata for Juju does not come into a root of another family") {
  Scene scene;
  const std::string path = GENERATE(as<std::string>(), kIndex, "streams/v1/index.sjson");
  CAPTURE(path);
  scene.store.documents[path] = kForLxd;
  const auto before = scene.store.documents;

  const auto refusal = scene.publication().refusal({});
  REQUIRE(refusal);
  CHECK(refusal->kind() == ErrorKind::Conflict);
  CHECK_THAT(refusal->what(), Catch::Contains("memory") && Catch::Contains(path) &&
                                  Catch::Contains("LXD and Incus") && Catch::Contains("OpenStack"));
  const auto error = scene.result_of({image("20240101")}).error;
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::Conflict);
  CHECK(scene.store.documents == before);
}

TEST_CASE("a root of our own family, or of none, is no reason to refuse") {
  Scene scene;
  scene.store.documents[kIndex] =
      GENERATE("{", R"({"format": "index:1.0", "index": {}})",
               R"({"format": "index:1.0", "index": {"other.cloud": {"datatype": "image-ids",
                   "path": "streams/v1/other.json"}}})");
  CHECK_FALSE(scene.publication().refusal({}));
  CHECK_FALSE(scene.result_of({image("20240101")}).error);
}

TEST_CASE("documents of a source do not come into a root of another family") {
  MemoryStore::Content content;
  MemoryStore tree(content);
  OriginalDocuments publication(tree);
  Catalog catalog;
  catalog.documents.push_back(index_document(kForLxd));
  PublicationInput input;
  input.catalogs = {&catalog};

  CHECK_FALSE(publication.refusal(input.catalogs));
  CHECK_FALSE(publication.publish(input).error);
  CHECK_FALSE(publication.refusal(input.catalogs));
  content.documents["streams/v1/index.sjson"] =
      R"({"format": "index:1.0", "index": {"com.ubuntu.maas:stable": {"datatype": "image-ids",
          "path": "streams/v1/maas.sjson"}}})";
  const auto refusal = publication.refusal(input.catalogs);
  REQUIRE(refusal);
  CHECK_THAT(refusal->what(), Catch::Contains("MAAS"));
  content.written.clear();
  CHECK_FALSE(publication.publish(input).error);
  CHECK(content.written.empty());
  content.documents.erase(kIndex);
  CHECK_THROWS_AS(publication.publish(input), Error);
  CHECK(content.written.empty());
}

// A region, and with it our stream, may be called maas.
TEST_CASE("what we published ourselves never keeps us out, whatever its name") {
  Scene scene;
  scene.content_id = "auto.sync.maas";
  for (const char* version : {"20240101", "20240102"}) {
    CHECK_FALSE(scene.publication().refusal({}));
    CHECK_FALSE(scene.result_of({image(version)}).error);
  }
  CHECK_THAT(scene.store.documents.at("streams/v1/auto.sync.maas.json"),
             Catch::Contains("id-20240102"));
}

TEST_CASE("a source whose stream becomes another family's takes the place of what it was") {
  MemoryStore::Content content;
  MemoryStore tree(content);
  OriginalDocuments publication(tree);
  Catalog catalog;
  PublicationInput input;
  input.catalogs = {&catalog};
  for (const std::string datatype : {"image-ids", "image-downloads"}) {
    const auto index = fmt::format(R"({{"format": "index:1.0", "index": {{"images": {{
        "datatype": "{}", "path": "streams/v1/images.json"}}}}}})",
                                   datatype);
    catalog.documents.clear();
    catalog.documents.push_back(index_document(index));
    CHECK_FALSE(publication.refusal(input.catalogs));
    CHECK_FALSE(publication.publish(input).error);
    CHECK(content.documents[kIndex] == index);
  }
}

}  // namespace streamsync
