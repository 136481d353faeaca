#include "streams/mirror_record.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "streams/products.h"

using namespace streamsync;

namespace {

Item item(const std::string& product, const std::string& version, const std::string& name) {
  return {
      {"cid", product, version, name},
      {{"path", name}, {"product_name", product}, {"version_name", version}, {"item_name", name}},
      RelativePath::parse(name)};
}

}  // namespace

TEST_CASE("A record has upstream's layout, sorted") {
  Spool record;
  write_record("cid", {item("q", "1", "a"), item("p", "2", "b"), item("p", "2", "a")}, record);
  CHECK(read_all(*record.reader(), 1000) ==
        R"({
 "content_id": "cid",
 "format": "products:1.0",
 "products": {
  "p": {
   "versions": {
    "2": {
     "items": {
      "a": {
       "path": "a"
      },
      "b": {
       "path": "b"
      }
     }
    }
   }
  },
  "q": {
   "versions": {
    "1": {
     "items": {
      "a": {
       "path": "a"
      }
     }
    }
   }
  }
 }
}
)");
}

TEST_CASE("In a record tags stand where all below have them") {
  std::vector<Item> items{item("p", "1", "a"), item("p", "1", "b"), item("p", "2", "a")};
  for (auto& one : items) {
    for (const auto* key : {"arch", "ftype", "items", "versions"}) one.tags.set(key, "same");
    one.tags.set("label", one.key.version);
  }
  items[2].tags.set("odd", "");
  Spool record;
  write_record("cid", items, record);
  CHECK(read_all(*record.reader(), 1000) ==
        R"({
 "content_id": "cid",
 "format": "products:1.0",
 "products": {
  "p": {
   "arch": "same",
   "versions": {
    "1": {
     "label": "1",
     "items": {
      "a": {
       "ftype": "same",
       "items": "same",
       "path": "a",
       "versions": "same"
      },
      "b": {
       "ftype": "same",
       "items": "same",
       "path": "b",
       "versions": "same"
      }
     }
    },
    "2": {
     "label": "2",
     "odd": "",
     "items": {
      "a": {
       "ftype": "same",
       "items": "same",
       "path": "a",
       "versions": "same"
      }
     }
    }
   }
  }
 }
}
)");
  const auto read = read_record(std::move(record), "record").items;
  REQUIRE(read.size() == items.size());
  for (std::size_t i = 0; i != items.size(); ++i) {
    CHECK(read[i].key == items[i].key);
    CHECK(read[i].tags == items[i].tags);
  }
}

TEST_CASE("A record of any size is written whole and reads back") {
  const auto count = GENERATE(0, 1, 1000);
  std::vector<Item> items;
  for (int i = 0; i != count; ++i) {
    items.push_back(item("p", std::to_string(i), "name"));
    items.back().tags.set("odd \"key\"\n", std::string(300, 'x') + "\x01\u20ac");
  }
  Spool record;
  write_record("cid", items, record);

  std::vector<Item> read;
  read_products(accept_unverified(std::move(record), "record"), "record",
                [&](const ProductsHead&, Version version) {
                  std::move(version.items.begin(), version.items.end(), std::back_inserter(read));
                });
  std::sort(items.begin(), items.end(),
            [](const Item& one, const Item& other) { return one.key < other.key; });
  REQUIRE(read.size() == items.size());
  for (std::size_t i = 0; i != items.size(); ++i) {
    CHECK(read[i].key == items[i].key);
    CHECK(read[i].tags == items[i].tags);
    CHECK(read[i].path == items[i].path);
  }
}

TEST_CASE("An item that is at two paths is recorded twice") {
  std::vector<Item> items{item("p", "1", "a"), item("p", "1", "a"), item("p", "1", "a+")};
  items[1].path = RelativePath::parse("elsewhere");
  items[1].tags.set("path", "elsewhere");
  items.push_back(items[1]);
  Spool record;
  write_record("cid", items, record);
  const auto read = read_record(std::move(record), "record").items;
  REQUIRE(read.size() == 3);
  for (std::size_t i = 0; i != 3; ++i) {
    CHECK(std::any_of(read.begin(), read.end(), [&wanted = items[i]](const Item& one) {
      return one.key == wanted.key && one.tags == wanted.tags && one.path == wanted.path;
    }));
  }
}

TEST_CASE("No tag of a source gives an item another address in a record") {
  std::vector<Item> items{item("p", "1", "a")};
  items[0].tags.set("streamsync_item", "b");
  Spool record;
  write_record("cid", items, record);
  const auto read = read_record(std::move(record), "record").items;
  REQUIRE(read.size() == 1);
  CHECK(read[0].key.item == "a");
}
