#include "objects/listed_sizes.h"

#include <catch2/catch.hpp>
#include <string>

#include "tests/unit/objects/memory_store.h"

using streamsync::listed_sizes;
using streamsync::testing::MemoryStore;

namespace {

using Sizes = MemoryStore::Sizes;

/// "tree/item-000" and so on, and what of each is said behind it.
std::set<std::string> names(unsigned count, const std::string& rest = "") {
  std::set<std::string> all;
  for (unsigned number = 0; number < count; ++number) {
    all.insert(fmt::format("tree/item-{:03}{}", number, rest));
  }
  return all;
}

void show(MemoryStore& store, const std::set<std::string>& shown) {
  if (!store.listing) store.listing.emplace();
  for (const auto& name : shown) (*store.listing)[name] = name.size();
}

}  // namespace

TEST_CASE("sizes come by pages") {
  MemoryStore store;
  store.page_size = 30;
  const auto all = names(100);
  show(store, all);
  const auto sizes = listed_sizes(store, "tree/", all);
  CHECK(sizes == *store.listing);
  CHECK(store.pages == 4);
}

TEST_CASE("what the listing lacks is left out") {
  MemoryStore store;
  auto all = names(100);
  show(store, all);
  SECTION("nothing is listed without names") {
    CHECK(listed_sizes(store, "tree/", {}).empty());
    CHECK(store.asked.empty());
  }
  SECTION("here and there") {
    store.listing->erase("tree/item-007");
    CHECK(listed_sizes(store, "tree/", all) == *store.listing);
  }
  SECTION("at its end") {
    all.insert("tree/last");
    CHECK(listed_sizes(store, "tree/", all) == *store.listing);
    CHECK(store.pages == 2);
  }
  SECTION("all of it") {
    store.listing->clear();
    CHECK(listed_sizes(store, "tree/", all).empty());
    CHECK(store.pages == 1);
  }
}

TEST_CASE("names of others are not paged through") {
  MemoryStore store;
  store.page_size = 30;
  const auto all = names(20);
  show(store, all);
  SECTION("before ours") {
    for (unsigned number = 0; number < 500; ++number) {
      (*store.listing)[fmt::format("tree/.data/parts/{:08}", number)] = 1;
    }
    CHECK(listed_sizes(store, "tree/", all).size() == 20);
    CHECK(store.pages == 1);
  }
  SECTION("between ours") {
    for (unsigned number = 0; number < 500; ++number) {
      (*store.listing)[fmt::format("tree/item-009+{:08}", number)] = 1;
    }
    CHECK(listed_sizes(store, "tree/", all).size() == 20);
    CHECK(store.pages == 2);
  }
  SECTION("behind ours") {
    for (unsigned number = 0; number < 500; ++number) {
      (*store.listing)[fmt::format("tree/z-{:08}", number)] = 1;
    }
    CHECK(listed_sizes(store, "tree/", all).size() == 20);
    CHECK(store.pages == 1);
  }
}

TEST_CASE("a listing that tells of few names is left off") {
  MemoryStore store;
  store.page_size = 30;
  const auto all = names(100, "/disk1.img");
  show(store, all);
  for (const auto& rest : {"/disk1.manifest", "/disk2.img", "/disk3.img"}) {
    show(store, names(100, rest));
  }
  CHECK(listed_sizes(store, "tree/", all).size() == 8);
  CHECK(store.pages == 1);
}

TEST_CASE("a listing that fails says what it said until then") {
  MemoryStore store;
  store.page_size = 30;
  const auto all = names(100);
  show(store, all);
  SECTION("it is refused") {
    store.most_pages = 0;
    CHECK(listed_sizes(store, "tree/", all).empty());
  }
  SECTION("it breaks off") {
    store.most_pages = 2;
    CHECK(listed_sizes(store, "tree/", all).size() == 60);
  }
  SECTION("it gives the same page again") {
    store.ignores_place = true;
    CHECK(listed_sizes(store, "tree/", all).size() == 30);
    CHECK(store.pages == 2);
  }
}

TEST_CASE("a place before a name is whole characters") {
  MemoryStore store;
  const std::string name = GENERATE("x", "tree/a", "tree/18.04 \u20ac", "tree/\u00e9");
  store.objects[name] = "12345";
  CHECK(listed_sizes(store, "", {name}) == Sizes{{name, 5}});
  CHECK(
      std::set<std::string>{"list ", "list tree/", "list tree/18.04 "}.contains(store.asked.at(0)));
}
