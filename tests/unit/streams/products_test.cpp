#include "streams/products.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <set>

#include "tests/unit/streams/trusted.h"

using namespace streamsync;

namespace {

struct Collected {
  ProductsHead head;
  std::vector<Version> versions;
};

Collected read(std::string_view text) {
  Collected all;
  all.head =
      read_products(trusted(text), "products.json", [&](const ProductsHead& head, Version version) {
        REQUIRE(head.content_id == "cid");
        all.versions.push_back(std::move(version));
      });
  return all;
}

Collected read_wanted(std::string_view text, const WantedItems& wanted) {
  Collected all;
  all.head = read_products(
      trusted(text), "products.json", wanted,
      [&](const ProductsHead&, Version version) { all.versions.push_back(std::move(version)); });
  return all;
}

bool nothing(const ProductsHead&, const ItemView&) { return false; }

// A document with one item, between `before` and `after` at the top.
std::string document(const std::string& products, const std::string& after = "") {
  return R"({"format":"products:1.0","content_id":"cid","products":)" + products + after + "}";
}

std::string one_item(const std::string& members) {
  return document(R"({"p":{"versions":{"v":{"items":{"i":{)" + members + "}}}}}}");
}

}  // namespace

TEST_CASE("Items inherit from version and product, the nearest wins, the top stays out") {
  const Collected all = read(R"({
    "content_id": "cid", "datatype": "image-downloads", "format": "products:1.0",
    "label": "top", "license": "L",
    "products": {
      "p:one": {
        "arch": "amd64", "label": "product", "os": "ubuntu", "supported": true, "none": null,
        "versions": {
          "20240102": {
            "items": {
              "disk1.img": {"ftype": "disk1.img", "label": "item", "path": "a/b.img", "size": 100},
              "manifest": {"ftype": "manifest", "os": null}
            },
            "label": "version", "pubname": "pub-2"
          },
          "20240101": {"items": {}, "label": "old"},
          "20240100": {"label": "older"}
        },
        "version": "22.04"
      }
    },
    "updated": "Thu, 01 Jan 1970 00:00:00 +0000"
  })");
  REQUIRE(all.head.content_id == "cid");
  REQUIRE(all.head.updated == "Thu, 01 Jan 1970 00:00:00 +0000");
  REQUIRE(all.head.tags == Tags{{"content_id", "cid"},
                                {"datatype", "image-downloads"},
                                {"format", "products:1.0"},
                                {"label", "top"},
                                {"license", "L"},
                                {"updated", "Thu, 01 Jan 1970 00:00:00 +0000"}});
  REQUIRE(all.versions.size() == 3);
  REQUIRE(all.versions[0].product == "p:one");
  REQUIRE(all.versions[0].version == "20240102");
  REQUIRE(all.versions[1].version == "20240101");
  REQUIRE(all.versions[1].items.empty());
  REQUIRE(all.versions[2].items.empty());

  REQUIRE(all.versions[0].items.size() == 2);
  const Item& image = all.versions[0].items[0];
  REQUIRE(image.key == ItemKey{"cid", "p:one", "20240102", "disk1.img"});
  REQUIRE(image.path->str() == "a/b.img");
  REQUIRE(image.tags == Tags{{"arch", "amd64"},
                             {"ftype", "disk1.img"},
                             {"item_name", "disk1.img"},
                             {"label", "item"},
                             {"os", "ubuntu"},
                             {"path", "a/b.img"},
                             {"product_name", "p:one"},
                             {"pubname", "pub-2"},
                             {"size", "100"},
                             {"supported", "True"},
                             {"version", "22.04"},
                             {"version_name", "20240102"}});
  const Item& manifest = all.versions[0].items[1];
  REQUIRE_FALSE(manifest.path);
  REQUIRE(tag(manifest.tags, "label") == "version");
  REQUIRE(tag(manifest.tags, "os") == "ubuntu");
}

TEST_CASE("An item's own tag hides the inherited name, as upstream's order says") {
  const Collected all = read(one_item(R"("product_name":"mine","item_name":"mine")"));
  REQUIRE(tag(all.versions[0].items[0].tags, "product_name") == "mine");
  REQUIRE(tag(all.versions[0].items[0].tags, "item_name") == "i");
  REQUIRE(all.versions[0].items[0].key.product == "p");
}

TEST_CASE("A product without versions is no error") {
  REQUIRE(read(document(R"({"p":{"arch":"x"},"q":{"versions":{}}})")).versions.empty());
  REQUIRE(read(document("{}")).versions.empty());
}

TEST_CASE("Lists and objects at any level are invisible") {
  const Collected all = read(document(
      R"({"p":{"list":[1,{"versions":{}}],"versions":{"v":{"o":{"items":1},"items":{
          "i":{"a":{"b":[{}]},"c":"d"}}}}}})",
      R"(,"clouds":[{"region":"r"}],"extra":{"products":{}})"));
  REQUIRE(all.versions[0].items[0].tags ==
          Tags{{"c", "d"}, {"item_name", "i"}, {"product_name", "p"}, {"version_name", "v"}});
}

TEST_CASE("Aliases are expanded at every level and override, wherever they stand") {
  const std::string head = R"("format":"products:1.0","content_id":"cid","who":"me")";
  const std::string aliases = R"("_aliases":{
      "crsn": {"r1": {"region": "one", "endpoint": "e1", "n": 7, "gone": null, "crsn": "other"}},
      "who": {"me": {"license": "L", "updated": "U"}},
      "region": {"one": {"endpoint": "never: added keys are not expanded again"}},
      "size": {"5": {"label": "never: no string"}}})";
  const std::string products = R"("products":{
      "p": {"crsn": "r1", "region": "mine", "versions": {
        "v": {"items": {"i": {"size": 5, "crsn": "r1", "endpoint": "own"}, "j": {"endpoint": "own"}},
              "crsn": "r1"}}},
      "q": {"versions": {"v": {"items": {"i": {"a": "b"}}}}}})";
  const auto order = GENERATE_COPY(as<std::string>(), head + "," + aliases + "," + products,
                                   products + "," + aliases + "," + head);
  // "mine" is a value that `region` has no alias for, so only r1 products may carry it.
  const std::string text = "{" + order + "}";
  REQUIRE_THROWS_MATCHES(read(text), Error,
                         refusal("_aliases names no \"mine\" for the tag region"));

  std::string good = text;
  good.replace(good.find(R"("region": "mine", )"), 18, "");
  const Collected all = read(good);
  REQUIRE(tag(all.head.tags, "license") == "L");
  REQUIRE(all.head.updated == "U");
  REQUIRE(all.versions.size() == 2);
  const PackedTags& item = all.versions[0].items[0].tags;
  REQUIRE(tag(item, "region") == "one");
  REQUIRE(tag(item, "endpoint") == "e1");
  REQUIRE(tag(item, "n") == "7");
  REQUIRE(tag(item, "crsn") == "other");
  REQUIRE(tag(item, "label").empty());
  REQUIRE(tag(all.versions[0].items[1].tags, "endpoint") == "own");
  REQUIRE(tag(all.versions[1].items[0].tags, "region").empty());
}

TEST_CASE("An alias may name the path of an item, and that path is checked") {
  const std::string item = R"({"p":{"versions":{"v":{"items":{"i":{"k":"x"}}}}}})";
  const Collected all = read(document(item, R"(,"_aliases":{"k":{"x":{"path":"a/b"}}})"));
  REQUIRE(all.versions[0].items[0].path->str() == "a/b");
  REQUIRE_THROWS_MATCHES(read(document(item, R"(,"_aliases":{"k":{"x":{"path":"../b"}}})")), Error,
                         refusal("products.json: cid p v i"));
}

TEST_CASE("A damaged products document is refused") {
  const auto [text, why] = GENERATE(table<std::string, std::string>({
      {"{", "byte 1"},
      {"[]", "the document is not an object"},
      {R"({"format":"products:1.0","products":{}})", "it has no content_id"},
      {R"({"format":"products:1.0","content_id":"","products":{}})", "it has no content_id"},
      {R"({"format":"products:1.0","content_id":null,"products":{}})", "it has no content_id"},
      {R"({"content_id":"cid","products":{}})", "the format is \"\", not products:1.0"},
      {R"({"format":"index:1.0","content_id":"cid","products":{}})", "the format is \"index:1.0\""},
      {R"({"format":"products:1.0","content_id":"cid"})", "it has no \"products\""},
      {document("[]"), "products is not an object"},
      {document(R"({"p":1})"), "a product is not an object"},
      {document(R"({"p":{"versions":[]}})"), "versions is not an object"},
      {document(R"({"p":{"versions":null}})"), "versions is not an object"},
      {document(R"({"p":{"versions":{"v":"x"}}})"), "a version is not an object"},
      {document(R"({"p":{"versions":{"v":{"items":[]}}}})"), "items is not an object"},
      {document(R"({"p":{"versions":{"v":{"items":{"i":1}}}}})"), "an item is not an object"},
      {document(R"({"p":{},"p":{}})"), "\"p\" stands twice"},
      {document(R"({"p":{"arch":"a","arch":"a"}})"), "\"arch\" stands twice"},
      {document(R"({"p":{"versions":{},"versions":{}}})"), "\"versions\" stands twice"},
      {document(R"({"p":{"versions":{"v":{},"v":{}}}})"), "\"v\" stands twice"},
      {document(R"({"p":{"versions":{"v":{"items":{"i":{},"i":{}}}}}})"), "\"i\" stands twice"},
      {one_item(R"("a":1,"a":1)"), "\"a\" stands twice"},
      {document("{}", R"(,"products":{})"), "\"products\" stands twice"},
      {document("{}", R"(,"content_id":"x")"), "\"content_id\" stands twice"},
      {document("{}", R"(,"_aliases":{"a":{"b":{},"b":{}}})"), "\"b\" stands twice"},
      {document("{}", R"(,"_aliases":{"a":{"b":1}})"), "an alias is not an object"},
      {document("{}") + "{}", "something follows"},
      {one_item("\"a\":\"\xff\""), "not JSON"},
      {one_item("\"a\":[\"\xff\"]"), "not JSON"},
      {one_item(R"("a":NaN)"), "not JSON"},
  }));
  CAPTURE(text);
  REQUIRE_THROWS_MATCHES(read(text), Error, refusal(why));
  REQUIRE_THROWS_MATCHES(read(text), Error, refusal("products.json"));
}

TEST_CASE("One unsafe path anywhere refuses the document") {
  const std::string path =
      GENERATE(as<std::string>(), "..", "a/..", "../x", "a/../b", "/etc/passwd", "%2e%2e/x",
               "http://evil/x", "a//b", "a/\\u0000b", "..\\\\x");
  CAPTURE(path);
  REQUIRE_THROWS_MATCHES(read(one_item("\"path\":\"" + path + "\"")), Error,
                         refusal("products.json: cid p v i"));
  REQUIRE_THROWS_MATCHES(
      read(document(R"({"p":{"path":")" + path + R"(","versions":{"v":{"items":{"i":{}}}}}})")),
      Error, refusal("products.json: cid p v i"));
}

TEST_CASE("Numbers that no double holds stay with their item") {
  const Collected all = read(one_item(R"("size":1e400,"n":18446744073709551616,"f":-1)"));
  REQUIRE(tag(all.versions[0].items[0].tags, "size") == "inf");
  REQUIRE(tag(all.versions[0].items[0].tags, "n") == "18446744073709551616");
  REQUIRE_THROWS_MATCHES(content_of(all.versions[0].items[0]), Error, refusal("cid p v i"));
}

TEST_CASE("Errors of the caller come out unchanged") {
  struct Stop {};
  REQUIRE_THROWS_AS(read_products(trusted(one_item("")), "x",
                                  [](const ProductsHead&, const Version&) { throw Stop(); }),
                    Stop);
}

TEST_CASE("Where the parser's buffer ends makes no difference") {
  const std::string text = one_item(R"("path":"a/b","label":"é\n😀","size":12345,"supported":true)");
  const Item expected = read(text).versions[0].items[0];
  // The buffer holds 64 KiB: its end wanders through the whole document.
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const std::string padded = std::string(64 * 1024 - cut, ' ') + text;
    const Collected all = read(padded);
    REQUIRE(all.versions[0].items[0].tags == expected.tags);
  }
}

TEST_CASE("A document that wants more memory than a stream has use for is refused") {
  SECTION("by the tags of its products") {
    std::string products = "{";
    const std::string tags = "\"t\":\"" + std::string(1'000'000, 'x') + "\"";
    for (int i = 0; i != 20; ++i) products += "\"" + std::to_string(i) + "\":{" + tags + "},";
    REQUIRE_THROWS_MATCHES(read(document(products + "\"x\":{}}")), Error,
                           refusal("the tags of its products take more than"));
  }
  SECTION("by items of one version that inherit much") {
    std::string items = "{";
    for (int i = 0; i != 1000; ++i) items += "\"" + std::to_string(i) + "\":{},";
    const std::string tag = "\"t\":\"" + std::string(100'000, 'x') + "\",";
    REQUIRE_THROWS_MATCHES(read(document("{\"p\":{" + tag + "\"versions\":{\"v\":{\"items\":" +
                                         items + "\"x\":{}}}}}}")),
                           Error, refusal("the items of one of its versions take more than"));
  }
  SECTION("by few bytes that stand for many") {
    std::string items = "{";
    for (int i = 0; i != 1000; ++i) items += "\"" + std::to_string(i) + "\":{\"k\":\"v\"},";
    const std::string alias =
        R"(,"_aliases":{"k":{"v":{"t":")" + std::string(100'000, 'x') + "\"}}}";
    REQUIRE_THROWS_MATCHES(
        read(document("{\"p\":{\"versions\":{\"v\":{\"items\":" + items + "\"x\":{}}}}}}", alias)),
        Error, refusal("the items of one of its versions take more than"));
  }
}

TEST_CASE("What is too much does not depend on what is wanted") {
  std::string items = "{";
  for (int i = 0; i != 1000; ++i) items += "\"" + std::to_string(i) + "\":{},";
  const std::string tag = "\"t\":\"" + std::string(100'000, 'x') + "\",";
  const std::string text =
      document("{\"p\":{" + tag + "\"versions\":{\"v\":{\"items\":" + items + "\"x\":{}}}}}}");
  REQUIRE_THROWS_MATCHES(read_wanted(text, {nothing, std::nullopt}), Error,
                         refusal("the items of one of its versions take more than"));
  REQUIRE_THROWS_MATCHES(read_wanted(text, {nothing, 0}), Error,
                         refusal("the items of one of its versions take more than"));
}

TEST_CASE("What is overridden is not counted") {
  // 400 items that inherit 100 kB would be too much.
  std::string items = "{";
  for (int i = 0; i != 400; ++i) items += "\"" + std::to_string(i) + "\":{\"t\":\"own\"},";
  const std::string tag = "\"t\":\"" + std::string(100'000, 'x') + "\",";
  const Collected all = read(
      document("{\"p\":{" + tag + "\"versions\":{\"v\":{\"items\":" + items + "\"x\":{}}}}}}"));
  REQUIRE(all.versions[0].items.size() == 401);
}

TEST_CASE("Only wanted items are built, and only versions that have some") {
  const std::string text = document(R"({
    "p": {"a": "p", "versions": {
      "1": {"items": {"i": {"a": "x", "n": 1}, "j": {"a": "y"}}},
      "2": {"a": "x", "items": {"i": {}, "j": {"a": "y"}, "k": {"b": 7}}},
      "3": {"items": {"i": {"a": "y"}}},
      "4": {"items": {}}, "5": {}}},
    "q": {"a": "x", "versions": {"1": {"items": {"i": {}}}}},
    "r": {"versions": {"1": {"items": {"i": {}}}}}})");
  const auto has_x = [](const ProductsHead& head, const ItemView& item) {
    REQUIRE(head.content_id == "cid");
    return item.find("a") == "x";
  };
  const Collected all = read_wanted(text, {has_x, std::nullopt});
  REQUIRE(all.versions.size() == 3);
  REQUIRE(all.versions[0].version == "1");
  REQUIRE(all.versions[0].items.size() == 1);
  REQUIRE(all.versions[0].items[0].tags == Tags{{"a", "x"},
                                                {"item_name", "i"},
                                                {"n", "1"},
                                                {"product_name", "p"},
                                                {"version_name", "1"}});
  REQUIRE(all.versions[1].version == "2");
  REQUIRE(all.versions[1].items.size() == 2);
  REQUIRE(all.versions[1].items[1].key == ItemKey{"cid", "p", "2", "k"});
  REQUIRE(tag(all.versions[1].items[1].tags, "b") == "7");
  REQUIRE(all.versions[2].product == "q");

  const Collected newest = read_wanted(text, {has_x, 1});
  REQUIRE(newest.versions.size() == 2);
  REQUIRE(newest.versions[0].version == "2");
  REQUIRE(newest.versions[0].items.size() == 2);
  REQUIRE(newest.versions[1].product == "q");
  REQUIRE(read_wanted(text, {has_x, 0}).versions.empty());
}

TEST_CASE("An item can be asked for any tag before it is built") {
  const std::string text = document(
      R"({"p": {"a": "p", "b": "p", "c": "p", "versions": {
           "v": {"items": {"i": {"b": "i", "n": 1.50, "k": "x", "o": {}, "item_name": "mine"}},
                 "a": "v", "version_name": "mine"}}}})",
      R"(,"top":"t","_aliases":{"k":{"x":{"b":"alias","l":"m"}}})");
  std::map<std::string, std::optional<std::string>> seen;
  const auto ask = [&](const ProductsHead&, const ItemView& item) {
    REQUIRE(item.product() == "p");
    REQUIRE(item.version() == "v");
    for (const std::string key : {"a", "b", "c", "n", "k", "l", "o", "top", "item_name",
                                  "version_name", "product_name", "path"}) {
      seen[key] = item.find(key);
    }
    return true;
  };
  const Collected all = read_wanted(text, {ask, std::nullopt});
  for (const auto& [key, value] : seen) {
    CAPTURE(key);
    const PackedTags& tags = all.versions[0].items[0].tags;
    REQUIRE(value.has_value() == tags.contains(key));
    REQUIRE(value.value_or("") == tag(tags, key));
  }
  REQUIRE(seen["b"] == "alias");
  REQUIRE(seen["version_name"] == "v");
  REQUIRE_FALSE(seen["top"]);
  REQUIRE_FALSE(seen["o"]);
}

TEST_CASE("What nobody wants is checked all the same") {
  const std::string item = GENERATE(as<std::string>(), R"("path":"../x")", R"("a":1,"a":1)",
                                    R"("k":"unknown")", R"("a":"\ud800")", R"("a":01)");
  const std::string text = document("{\"p\":{\"versions\":{\"1\":{\"items\":{\"i\":{" + item +
                                        "}}},\"2\":{\"items\":{\"i\":{}}}}}}",
                                    R"(,"_aliases":{"k":{"x":{}}})");
  CAPTURE(text);
  REQUIRE_THROWS_MATCHES(read_wanted(text, {nothing, std::nullopt}), Error,
                         refusal("products.json"));
  REQUIRE_THROWS_MATCHES(read_wanted(text, {nothing, 1}), Error, refusal("products.json"));
}

TEST_CASE("Versions of any size can follow each other") {
  std::string versions;
  for (const std::size_t size : {10U, 10'000U, 3U, 200'000U, 5'000U, 1U}) {
    versions += (versions.empty() ? "\"" : ",\"") + std::to_string(size) +
                R"(":{"items":{"i":{"t":")" + std::string(size, 'x') + "\"}}}";
  }
  const std::string text = document("{\"p\":{\"versions\":{" + versions + "}}}");
  const auto all_of_them = [](const ProductsHead&, const ItemView&) { return true; };
  const auto versions_read = read_wanted(text, {all_of_them, 3}).versions;
  REQUIRE(versions_read.size() == 3);
  for (const auto& version : versions_read) {
    CAPTURE(version.version);
    REQUIRE(tag(version.items[0].tags, "t") == std::string(std::stoul(version.version), 'x'));
  }
}

TEST_CASE("Ubuntu's tree of 2016 reads whole") {
  const std::string path = TEST_DATA
      "/../../../shared/data/ubuntu-releases-2016/streams/v1/"
      "com.ubuntu.cloud:released:download.json";
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    WARN("Ubuntu's tree is not there, nothing was checked: " << path);
    return;
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::set<std::string> products;
  std::size_t versions = 0;
  std::size_t items = 0;
  const ProductsHead head =
      read_products(trusted(text), path, [&](const ProductsHead&, const Version& version) {
        products.insert(version.product);
        ++versions;
        items += version.items.size();
        for (const Item& item : version.items) {
          REQUIRE(item.path);
          REQUIRE_FALSE(tag(item.tags, "arch").empty());
          REQUIRE_NOTHROW(content_of(item));
        }
      });
  REQUIRE(head.content_id == "com.ubuntu.cloud:released:download");
  REQUIRE(products.size() == 51);
  REQUIRE(versions == 1319);
  REQUIRE(items == 7008);
}
