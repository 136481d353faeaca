#include "streams/image_ids.h"

#include <catch2/catch.hpp>

#include "streams/json.h"
#include "streams/products.h"
#include "tests/unit/streams/trusted.h"

using namespace streamsync;

namespace {

const Time kUpdated{std::chrono::seconds(0)};
const ImageIdsStream kStream{"auto.sync", "my-cloud", "RegionOne", "https://keystone:5000/v3"};

Tags image_tags(const std::string& ftype, const std::string& id, const Tags& more) {
  Tags tags = {
      {"arch", "amd64"},          {"endpoint", kStream.endpoint},
      {"ftype", ftype},           {"id", id},
      {"md5", "md5-" + id},       {"name", "auto-sync/" + id},
      {"os", "ubuntu"},           {"owner_id", "project"},
      {"region", kStream.region}, {"sha256", "sha256-" + id},
      {"size", "1000"},           {"source_content_id", "com.ubuntu.cloud:released:download"},
      {"supported", "True"}};
  for (const auto& [key, value] : more) tags[key] = value;
  return tags;
}

JsonValue parsed(const std::string& text) {
  JsonReader json(std::make_unique<TextSource>(text), "rendered");
  JsonValue value = json.value();
  json.finish();
  return value;
}

const JsonValue& at(const JsonValue& value, std::vector<std::string> path) {
  const JsonValue* here = &value;
  for (const auto& key : path) here = &std::get<JsonObject>(here->value).at(key);
  return *here;
}

bool has(const JsonValue& value, const std::string& key) {
  return std::get<JsonObject>(value.value).contains(key);
}

}  // namespace

TEST_CASE("Products are rendered in upstream's layout") {
  const std::vector<PublishedImage> images = {
      {"com.ubuntu.cloud:server:22.04:amd64", "20240102", "uefi1.img",
       image_tags(
           "uefi1.img", "id-4",
           {{"version", "22.04"}, {"label", "release"}, {"pubname", "jammy-2"}, {"virt", "uefi"}})},
      {"com.ubuntu.cloud:server:22.04:amd64", "20240102", "disk1.img",
       image_tags(
           "disk1.img", "id-3",
           {{"version", "22.04"}, {"label", "release"}, {"pubname", "jammy-2"}, {"virt", "kvm"}})},
      {"com.ubuntu.cloud:server:22.04:amd64", "20240101", "disk1.img",
       image_tags(
           "disk1.img", "id-2",
           {{"version", "22.04"}, {"label", "beta"}, {"pubname", "jammy-1"}, {"virt", "kvm"}})},
      {"com.ubuntu.cloud:server:14.04:amd64", "20160101", "disk1.img",
       image_tags("disk1.img", "id-1",
                  {{"version", "14.04"},
                   {"release_title", "14.04 LTS – Trusty"},
                   {"size", "1.5"},
                   {"supported", "False"},
                   {"virt", "kvm"}})},
  };
  REQUIRE(render_products(kStream, images, kUpdated) == R"({
 "content_id": "auto.sync",
 "datatype": "image-ids",
 "format": "products:1.0",
 "products": {
  "com.ubuntu.cloud:server:14.04:amd64": {
   "arch": "amd64",
   "endpoint": "https://keystone:5000/v3",
   "os": "ubuntu",
   "owner_id": "project",
   "region": "RegionOne",
   "release_title": "14.04 LTS – Trusty",
   "source_content_id": "com.ubuntu.cloud:released:download",
   "supported": false,
   "version": "14.04",
   "versions": {
    "20160101": {
     "items": {
      "disk1.img": {
       "endpoint": "https://keystone:5000/v3",
       "ftype": "disk1.img",
       "id": "id-1",
       "md5": "md5-id-1",
       "name": "auto-sync/id-1",
       "region": "RegionOne",
       "sha256": "sha256-id-1",
       "size": "1.5"
      }
     }
    }
   },
   "virt": "kvm"
  },
  "com.ubuntu.cloud:server:22.04:amd64": {
   "arch": "amd64",
   "endpoint": "https://keystone:5000/v3",
   "os": "ubuntu",
   "owner_id": "project",
   "region": "RegionOne",
   "source_content_id": "com.ubuntu.cloud:released:download",
   "supported": true,
   "version": "22.04",
   "versions": {
    "20240101": {
     "items": {
      "disk1.img": {
       "endpoint": "https://keystone:5000/v3",
       "ftype": "disk1.img",
       "id": "id-2",
       "md5": "md5-id-2",
       "name": "auto-sync/id-2",
       "region": "RegionOne",
       "sha256": "sha256-id-2",
       "size": 1000,
       "virt": "kvm"
      }
     },
     "label": "beta",
     "pubname": "jammy-1"
    },
    "20240102": {
     "items": {
      "disk1.img": {
       "endpoint": "https://keystone:5000/v3",
       "ftype": "disk1.img",
       "id": "id-3",
       "md5": "md5-id-3",
       "name": "auto-sync/id-3",
       "region": "RegionOne",
       "sha256": "sha256-id-3",
       "size": 1000,
       "virt": "kvm"
      },
      "uefi1.img": {
       "endpoint": "https://keystone:5000/v3",
       "ftype": "uefi1.img",
       "id": "id-4",
       "md5": "md5-id-4",
       "name": "auto-sync/id-4",
       "region": "RegionOne",
       "sha256": "sha256-id-4",
       "size": 1000,
       "virt": "uefi"
      }
     },
     "label": "release",
     "pubname": "jammy-2"
    }
   }
  }
 },
 "updated": "Thu, 01 Jan 1970 00:00:00 +0000"
}
)");
}

TEST_CASE("A tag that Juju reads never stands on a version, and stays a string") {
  const std::string key = GENERATE(as<std::string>(), "virt", "root_store", "arch", "version",
                                   "crsn", "id", "region", "endpoint");
  CAPTURE(key);
  // Common to each version, but not to the product.
  const std::vector<PublishedImage> images = {
      {"p", "1", "a", {{key, "True"}, {"label", "x"}}},
      {"p", "1", "b", {{key, "True"}, {"label", "x"}}},
      {"p", "2", "a", {{key, "22.04"}, {"label", "y"}}},
  };
  const JsonValue document = parsed(render_products(kStream, images, kUpdated));
  const JsonValue& version = at(document, {"products", "p", "versions", "1"});
  REQUIRE_FALSE(has(version, key));
  REQUIRE(has(version, "label"));
  const bool place = key == "region" || key == "endpoint";
  const JsonValue wanted{place ? std::string(key == "region" ? kStream.region : kStream.endpoint)
                               : std::string("True")};
  REQUIRE(at(version, {"items", "a", key}) == wanted);
  REQUIRE(has(at(document, {"products", "p"}), key) == place);
}

TEST_CASE("A tag that some items lack or that differs is not lifted") {
  const std::vector<PublishedImage> images = {
      {"p", "1", "a", {{"some", "x"}, {"differs", "1"}, {"all", "y"}, {"per-version", "1"}}},
      {"p", "1", "b", {{"differs", "2"}, {"all", "y"}, {"per-version", "1"}}},
      {"p", "2", "a", {{"all", "y"}, {"some", "x"}, {"differs", "1"}, {"per-version", "2"}}},
  };
  const JsonValue document = parsed(render_products(kStream, images, kUpdated));
  const JsonValue& product = at(document, {"products", "p"});
  REQUIRE(at(product, {"all"}) == JsonValue{std::string("y")});
  REQUIRE_FALSE(has(product, "some"));
  REQUIRE_FALSE(has(product, "differs"));
  REQUIRE_FALSE(has(product, "per-version"));
  const JsonValue& version = at(product, {"versions", "1"});
  REQUIRE(at(version, {"per-version"}) == JsonValue{std::string("1")});
  REQUIRE_FALSE(has(version, "some"));
  REQUIRE(at(version, {"items", "a", "some"}) == JsonValue{std::string("x")});
  REQUIRE(at(version, {"items", "b", "differs"}) == JsonValue{std::string("2")});
  REQUIRE_FALSE(has(at(version, {"items", "a"}), "all"));
  REQUIRE(at(product, {"versions", "2", "some"}) == JsonValue{std::string("x")});
}

TEST_CASE("What describes the bytes of an item stays on it, alone as it may be") {
  const std::vector<PublishedImage> images = {{"p",
                                               "1",
                                               "a",
                                               {{"md5", "m"},
                                                {"sha256", "s"},
                                                {"sha512", "t"},
                                                {"size", "5"},
                                                {"ftype", "f"},
                                                {"name", "n"},
                                                {"id", "i"},
                                                {"pubname", "x"}}}};
  const JsonValue document = parsed(render_products(kStream, images, kUpdated));
  const JsonValue& item = at(document, {"products", "p", "versions", "1", "items", "a"});
  for (const std::string key : {"md5", "sha256", "sha512", "size", "ftype", "name", "id"}) {
    REQUIRE(has(item, key));
  }
  REQUIRE(at(item, {"size"}) == JsonValue{JsonNumber{"5"}});
  REQUIRE(has(at(document, {"products", "p"}), "pubname"));
}

TEST_CASE("A stream without images says so") {
  REQUIRE(render_products(kStream, {}, kUpdated) == R"({
 "content_id": "auto.sync",
 "datatype": "image-ids",
 "format": "products:1.0",
 "products": {},
 "updated": "Thu, 01 Jan 1970 00:00:00 +0000"
}
)");
}

TEST_CASE("A rendered stream reads back as what was published") {
  const std::vector<PublishedImage> images = {
      {"p", "1", "a", image_tags("f", "1", {{"label", "x"}, {"virt", "kvm"}})},
      {"p", "1", "b", image_tags("g", "2", {{"label", "x"}, {"virt", "lxd"}})},
      {"p", "2", "a", image_tags("f", "3", {{"label", "y"}, {"virt", "kvm"}})},
      {"q", "1", "a", image_tags("f", "4", {{"label", "z"}, {"odd \"key\"", "\x01\\é"}})},
  };
  std::vector<PublishedImage> read;
  read_products(trusted(render_products(kStream, images, kUpdated)), "rendered",
                [&](const ProductsHead&, const Version& version) {
                  for (const Item& item : version.items) {
                    Tags tags = item.tags.unpacked();
                    for (const auto* name : {"product_name", "version_name", "item_name"}) {
                      tags.erase(name);
                    }
                    read.push_back({version.product, version.version, item.key.item, tags});
                  }
                });
  REQUIRE(read.size() == images.size());
  for (std::size_t i = 0; i != images.size(); ++i) {
    REQUIRE(read[i].product == images[i].product);
    REQUIRE(read[i].version == images[i].version);
    REQUIRE(read[i].item == images[i].item);
    REQUIRE(read[i].tags == images[i].tags);
  }
}

TEST_CASE("An index is created, with the products in order") {
  const std::vector<PublishedImage> images = {
      {"q", "1", "a", {}}, {"p", "2", "a", {}}, {"p", "1", "a", {}}};
  const std::string expected = R"({
 "format": "index:1.0",
 "index": {
  "auto.sync": {
   "cloudname": "my-cloud",
   "clouds": [
    {
     "endpoint": "https://keystone:5000/v3",
     "region": "RegionOne"
    }
   ],
   "datatype": "image-ids",
   "format": "products:1.0",
   "path": "streams/v1/auto.sync.json",
   "products": [
    "p",
    "q"
   ],
   "updated": "Thu, 01 Jan 1970 00:00:00 +0000"
  }
 },
 "updated": "Thu, 01 Jan 1970 00:00:00 +0000"
}
)";
  REQUIRE(render_index(kStream, images, std::nullopt, {kUpdated, kUpdated}) == expected);
  // What is damaged, or no index, counts as none.
  const std::string damaged =
      GENERATE(as<std::string>(), "", "{", "[]", "\"index\"", R"({"format":"index:1.0"})",
               R"({"format":"index:1.0","index":[]})", R"({"format":"products:1.0","index":{}})",
               R"({"index":{}})", R"({"format":"index:1.0","index":{},"index":{}})", "{} trailing");
  CAPTURE(damaged);
  REQUIRE(render_index(kStream, images, damaged, {kUpdated, kUpdated}) == expected);
}

TEST_CASE("Foreign entries and members of an index are kept as they are") {
  const std::string current = R"({
    "format": "index:1.0", "updated": "long ago", "note": [1.10, null, 12345678901234567890],
    "index": {
      "auto.sync": {"path": "old", "stale": true},
      "foreign": {"path": "x.json", "n": 1.50, "clouds": [{"region": "r", "x": {}}], "updated": "then"}
    }})";
  const JsonValue before = parsed(current);
  const JsonValue after =
      parsed(render_index(kStream, {{"p", "1", "a", {}}}, current, {kUpdated, kUpdated}));
  REQUIRE(at(after, {"index", "foreign"}) == at(before, {"index", "foreign"}));
  REQUIRE(at(after, {"note"}) == at(before, {"note"}));
  REQUIRE_FALSE(has(at(after, {"index", "auto.sync"}), "stale"));
  REQUIRE(at(after, {"updated"}) == JsonValue{std::string("Thu, 01 Jan 1970 00:00:00 +0000")});

  const JsonValue emptied = parsed(render_index(kStream, {}, current, {kUpdated, kUpdated}));
  REQUIRE_FALSE(has(at(emptied, {"index"}), "auto.sync"));
  REQUIRE(has(at(emptied, {"index"}), "foreign"));
}

TEST_CASE("Documents that differ in `updated` alone are the same") {
  const std::vector<PublishedImage> images = {{"p", "1", "a", {{"updated", "a tag"}}}};
  const std::vector<PublishedImage> others = {{"p", "1", "a", {{"updated", "another"}}}};
  const Time later = kUpdated + std::chrono::hours(1);
  using Images = std::vector<PublishedImage>;
  const auto products = [&](const Images& what, Time time) {
    return render_products(kStream, what, time);
  };
  const auto index = [&](const Images& what, Time time) {
    return render_index(kStream, what, std::nullopt, {time, time});
  };
  REQUIRE(products(images, kUpdated) != products(images, later));
  REQUIRE(same_but_for_updated(products(images, kUpdated), products(images, later)));
  REQUIRE(same_but_for_updated(index(images, kUpdated), index(images, later)));
  REQUIRE(same_but_for_updated(R"({"b":1,"a":2})", "{ \"a\" : 2, \"b\" : 1 }\n"));
  REQUIRE_FALSE(same_but_for_updated(products(images, kUpdated), products(others, kUpdated)));
  REQUIRE_FALSE(same_but_for_updated(index(images, kUpdated), index({}, kUpdated)));
  REQUIRE_FALSE(same_but_for_updated(R"({"a":1})", R"({"a":"1"})"));
  REQUIRE_FALSE(same_but_for_updated("{", "{"));
  REQUIRE_FALSE(same_but_for_updated("", ""));
}

TEST_CASE("Of images that Juju could not tell apart one is published") {
  const auto image = [](const char* product, const char* version, const char* item, Tags tags) {
    return PublishedImage{product, version, item, std::move(tags)};
  };
  const auto items = [](const std::vector<PublishedImage>& images) {
    std::vector<std::string> names;
    for (const auto& one : one_per_kind(images)) {
      names.push_back(one.product + "/" + one.version + "/" + one.item);
    }
    return names;
  };
  using Names = std::vector<std::string>;

  const Names order = {"disk1.img", "disk.img", "uefi1.img", "uefi.img", "a.img", "z.img"};
  std::vector<PublishedImage> images;
  for (auto name = order.rbegin(); name != order.rend(); ++name) {
    images.push_back(image("p", "1", name->c_str(), {}));
    REQUIRE(items(images) == Names{"p/1/" + *name});
  }
  REQUIRE(items({image("p", "1", "uefi1.img", {{"virt", "uefi"}}),
                 image("p", "1", "disk1.img", {{"virt", "kvm"}})}) ==
          Names{"p/1/uefi1.img", "p/1/disk1.img"});
  REQUIRE(items({image("p", "1", "a", {{"root_store", "ssd"}}), image("p", "1", "b", {})}).size() ==
          2);
  REQUIRE(items({image("q", "1", "a", {}), image("p", "2", "b", {}), image("p", "1", "a", {}),
                 image("p", "1", "disk.img", {})}) == Names{"q/1/a", "p/2/b", "p/1/disk.img"});
  REQUIRE(items({}).empty());
}

TEST_CASE("Tags that Juju would take for others are left out") {
  // Go reads names without case; \u017F folds to s.
  const Tags misleading = {{"Virt", "True"}, {"VERSIONS", "1"}, {"Items", "1"}, {"cr\u017Fn", "x"}};
  const auto tags = image_tags("disk1.img", "id-1", misleading);
  const auto plain = image_tags("disk1.img", "id-1", {});
  const auto rendered = [](const Tags& of) {
    return render_products(kStream, {{"p", "20240101", "disk1.img", of}}, kUpdated);
  };
  REQUIRE(rendered(tags) == rendered(plain));
}

TEST_CASE("What Juju reads is text, whatever it says") {
  const auto tags = image_tags("disk1.img", "id-1", {{"release", "True"}, {"other", "True"}});
  const auto products =
      parsed(render_products(kStream, {{"p", "20240101", "disk1.img", tags}}, kUpdated));
  REQUIRE(at(products, {"products", "p", "release"}) == JsonValue{"True"});
  REQUIRE(at(products, {"products", "p", "other"}) == JsonValue{true});
}
