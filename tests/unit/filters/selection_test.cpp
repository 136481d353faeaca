#include "filters/selection.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "tests/unit/streams/trusted.h"

using namespace streamsync;

namespace {

using Names = std::vector<std::string>;

std::string document(const std::string& products) {
  return R"({"format":"products:1.0","content_id":"cid","datatype":"image-downloads",)"
         R"("label":"top","products":)" +
         products + "}";
}

Names names_of(const Selection& selection) {
  Names names;
  for (const auto& product : selection.products) {
    for (const auto& version : product.versions) {
      for (const auto& item : version.items) {
        REQUIRE(item.key.product == product.product);
        REQUIRE(item.key.version == version.version);
        names.push_back(product.product + "/" + version.version + "/" + item.key.item.str());
      }
    }
  }
  return names;
}

Names selected(const std::string& text, const Names& filters,
               std::optional<std::size_t> max = std::nullopt) {
  return names_of(select(trusted(text), "products.json", FilterSet::parse(filters), max));
}

const std::string kTwoProducts = document(R"({
  "z": {"arch": "amd64", "versions": {
    "1": {"items": {"b": {"ftype": "img"}, "a": {"ftype": "img"}, "m": {"ftype": "manifest"}}},
    "3": {"items": {"m": {"ftype": "manifest"}}},
    "2": {"items": {"a": {"ftype": "img", "arch": "arm64"}}},
    "4": {"items": {}},
    "5": {}}},
  "a": {"versions": {"1": {"items": {"m": {"ftype": "manifest", "label": ""}}}}}})");

}  // namespace

TEST_CASE("Without filters and max everything with items is selected, newest version first") {
  REQUIRE(selected(kTwoProducts, {}) ==
          Names{"z/3/m", "z/2/a", "z/1/b", "z/1/a", "z/1/m", "a/1/m"});
}

TEST_CASE("Filters come before max: a version that has nothing left does not count") {
  REQUIRE(selected(kTwoProducts, {"ftype=img"}, 1) == Names{"z/2/a"});
  REQUIRE(selected(kTwoProducts, {"ftype=img"}, 2) == Names{"z/2/a", "z/1/b", "z/1/a"});
  REQUIRE(selected(kTwoProducts, {"ftype=img", "arch=amd64"}, 1) == Names{"z/1/b", "z/1/a"});
  REQUIRE(selected(kTwoProducts, {}, 1) == Names{"z/3/m", "a/1/m"});
  REQUIRE(selected(kTwoProducts, {}, 0).empty());
}

TEST_CASE("A product with nothing left is not there") {
  const Selection selection =
      select(trusted(kTwoProducts), "products.json", FilterSet::parse({"ftype=img"}), 1);
  REQUIRE(selection.products.size() == 1);
  REQUIRE(selection.products[0].product == "z");
  REQUIRE(selection.head.content_id == "cid");
}

TEST_CASE("A version knows how many of its items did not pass") {
  const Selection selection =
      select(trusted(kTwoProducts), "products.json", FilterSet::parse({"ftype=img"}), 2);
  REQUIRE(selection.products.size() == 1);
  const auto& versions = selection.products[0].versions;
  REQUIRE(versions.size() == 2);
  REQUIRE(versions[0].version == "2");
  REQUIRE(versions[0].left_out == 0);
  REQUIRE(versions[1].version == "1");
  REQUIRE(versions[1].left_out == 1);
}

TEST_CASE("A later serial that sorts before the newest version is told, wherever it stands") {
  const auto overtaken = [](const Names& versions, std::optional<std::size_t> max) {
    std::string text;
    for (const auto& version : versions) {
      text += (text.empty() ? "" : ",") + std::string("\"") + version +
              R"(": {"items": {"a": {"ftype": "img"}}})";
    }
    const auto selection = select(trusted(document(R"({"p": {"versions": {)" + text + "}}}")),
                                  "products.json", FilterSet::parse({"ftype=img"}), max);
    REQUIRE(selection.products.size() == 1);
    return selection.products[0].overtaken;
  };
  for (const auto max : {std::optional<std::size_t>(1), std::optional<std::size_t>()}) {
    REQUIRE(overtaken({"20240101.8", "20240101.9", "20240101.10"}, max) == "20240101.10");
    REQUIRE(overtaken({"20240101.10", "20240101.8", "20240101.9"}, max) == "20240101.10");
    REQUIRE(overtaken({"20240101.9", "20240101.10"}, max) == "20240101.10");
    REQUIRE_FALSE(overtaken({"20240101.9", "20240101.10", "20240102"}, max));
  }
}

TEST_CASE("A version of which nothing passes is not told") {
  const auto selection =
      select(trusted(document(R"({"p": {"versions": {"1.9": {"items": {"a": {"ftype": "img"}}},
                                                     "1.10": {"items": {"a": {"ftype": "tar"}}},
                                                     "1.11": {}}}})")),
             "products.json", FilterSet::parse({"ftype=img"}), 1);
  REQUIRE(selection.products.size() == 1);
  REQUIRE_FALSE(selection.products[0].overtaken);
}

TEST_CASE("Filters see names, content_id and the top level") {
  REQUIRE(selected(kTwoProducts, {"content_id=cid", "datatype~image"}).size() == 6);
  REQUIRE(selected(kTwoProducts, {"product_name=a"}) == Names{"a/1/m"});
  REQUIRE(selected(kTwoProducts, {"version_name~[23]"}) == Names{"z/3/m", "z/2/a"});
  REQUIRE(selected(kTwoProducts, {"item_name=b"}) == Names{"z/1/b"});
  REQUIRE(selected(kTwoProducts, {"content_id=other"}).empty());
}

TEST_CASE("An item's own tag hides the top's, even when it is empty") {
  REQUIRE(selected(kTwoProducts, {"label!=top"}) == Names{"a/1/m"});
  REQUIRE(selected(kTwoProducts, {"label="}) == Names{"a/1/m"});
}

TEST_CASE("Versions are chosen by their bytes, in whatever order they stand") {
  Names versions = {"20240101.10", "20240101.2", "20240101", "9", "10", "20231231"};
  std::sort(versions.begin(), versions.end());
  do {
    std::string text;
    for (const auto& version : versions) {
      text += (text.empty() ? "{\"" : ",\"") + version + R"(":{"items":{"i":{}}})";
    }
    const auto chosen = selected(document("{\"p\":{\"versions\":" + text + "}}}"), {}, 3);
    REQUIRE(chosen == Names{"p/9/i", "p/20240101.2/i", "p/20240101.10/i"});
  } while (std::next_permutation(versions.begin(), versions.end()));
}

TEST_CASE("Selection agrees with one that holds the whole document") {
  std::mt19937 random(42);
  for (int round = 0; round != 200; ++round) {
    std::string products;
    Names expected;
    const std::size_t max = 1 + random() % 3;
    for (int p = 0; p != 3; ++p) {
      std::map<std::string, Names, std::greater<>> passing;
      std::string versions;
      Names serials = {"1", "2", "3", "4", "5"};
      std::shuffle(serials.begin(), serials.end(), random);
      for (const auto& serial : serials) {
        std::string items;
        for (const std::string item : {"a", "b"}) {
          const bool passes = random() % 2 == 0;
          items += (items.empty() ? "\"" : ",\"") + item + "\":{\"f\":\"" +
                   (passes ? "yes" : "no") + "\"}";
          if (passes) passing[serial].push_back(item);
        }
        versions += (versions.empty() ? "\"" : ",\"") + serial + "\":{\"items\":{" + items + "}}";
      }
      const std::string product = "p" + std::to_string(p);
      products +=
          (products.empty() ? "\"" : ",\"") + product + "\":{\"versions\":{" + versions + "}}";
      std::size_t count = 0;
      for (const auto& [serial, items] : passing) {
        if (count++ == max) break;
        for (const auto& item : items) expected.push_back(product + "/" + serial + "/" + item);
      }
    }
    CAPTURE(products, max);
    REQUIRE(selected(document("{" + products + "}"), {"f=yes"}, max) == expected);
  }
}

TEST_CASE("Selection does not depend on where the parser's buffer ends") {
  const Names expected = selected(kTwoProducts, {"ftype=img"}, 2);
  for (std::size_t cut = 0; cut <= kTwoProducts.size(); cut += 3) {
    REQUIRE(selected(std::string(64 * 1024 - cut, ' ') + kTwoProducts, {"ftype=img"}, 2) ==
            expected);
  }
}

TEST_CASE("A damaged document selects nothing, it throws") {
  REQUIRE_THROWS_MATCHES(selected(kTwoProducts + "x", {}), Error, refusal("something follows"));
}
