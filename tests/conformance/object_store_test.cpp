// What every ObjectStore must do beyond what targets see of it.

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/conformance/object_store_under_test.h"
#include "tests/support/ubuntu_blob.h"

using namespace streamsync;
using streamsync::testing::some_bytes;

namespace {

using Names = std::vector<std::string>;

/// In the order of their bytes.
const Names kTree{"tree/",     "tree/A",      "tree/a b",   "tree/a%20b", "tree/a&<>'\"b",
                  "tree/a+b",  "tree/a-b",    "tree/a.img", "tree/a/b",   "tree/a:b",
                  "tree/a=?b", "tree/\u00e9", "tree/\u20ac"};

struct Scene {
  std::unique_ptr<ObjectStoreUnderTest> under_test = object_store_under_test();
  std::shared_ptr<ObjectStore> store = under_test->open();

  void put(const std::string& name, const std::string& text) {
    store->with_retries([&] { store->put(name, DocumentPut{spool_of(text), "text/plain"}); });
  }

  /// Once the store has caught up with what was put: it is asked as long as the test may take.
  std::vector<ListedObject> listed(const std::string& prefix, const std::string& after,
                                   std::size_t count) {
    std::vector<ListedObject> page;
    int tries = 1000;
    do {
      store->with_retries([&] { page = store->list(prefix, after); });
    } while (page.size() != count && --tries > 0);
    return page;
  }
};

Names names_of(const std::vector<ListedObject>& page) {
  Names names;
  for (const auto& object : page) names.push_back(object.name);
  return names;
}

}  // namespace

TEST_CASE("a listing shows names and sizes, in the order of bytes") {
  Scene scene;
  scene.put("other/a", "not ours");
  scene.put("tree", "nor this");
  scene.put("tree-2/a", "nor that");
  for (const auto& name : kTree) scene.put(name, name);

  const auto all = scene.listed("tree/", "", kTree.size());
  CHECK(names_of(all) == kTree);
  for (const auto& object : all) CHECK(object.size == object.name.size());
  CHECK(scene.listed("", "", kTree.size() + 3).size() == kTree.size() + 3);
  CHECK(scene.listed("absent/", "", 0).empty());
}

TEST_CASE("a listing begins behind any name") {
  Scene scene;
  for (const auto& name : kTree) scene.put(name, name);
  for (std::size_t count = 0; count < kTree.size(); ++count) {
    CAPTURE(kTree[count]);
    const Names rest(kTree.begin() + static_cast<std::ptrdiff_t>(count) + 1, kTree.end());
    CHECK(names_of(scene.listed("tree/", kTree[count], rest.size())) == rest);
  }
  CHECK(names_of(scene.listed("tree/", "tree/a+", 8)) == Names(kTree.begin() + 5, kTree.end()));
  CHECK(names_of(scene.listed("tree/", "tree/zz", 2)) == Names(kTree.end() - 2, kTree.end()));
}

TEST_CASE("a large object is listed when it is complete") {
  Scene scene;
  constexpr std::uint64_t kPart = 300'000;
  const std::string first = some_bytes(kPart), last = some_bytes(1000);
  const std::uint64_t size = first.size() + last.size();
  scene.put("tree/first", "");
  const auto object =
      scene.store->large_object({"tree/large", "tree/.data/parts/large", 2, size, kPart});
  TextSource first_source(first), last_source(last);
  const std::vector<StoredPart> parts{object->put_part(1, first_source, first.size()),
                                      object->put_part(2, last_source, last.size())};
  CHECK(names_of(scene.listed("tree/", "tree/a", 1)) == Names{"tree/first"});
  object->complete(parts);
  CHECK(names_of(scene.listed("tree/", "tree/a", 2)) == Names{"tree/first", "tree/large"});
  CHECK(scene.store->size_of("tree/large") == size);
}
