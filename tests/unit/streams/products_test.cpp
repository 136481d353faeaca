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
  const Tags& item = all.versions[0].items[0].tags;
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
