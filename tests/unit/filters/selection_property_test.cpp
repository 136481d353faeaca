// Selection reads, checks and filters items without building them. Here documents are made from a
// model, and the model is judged by the letter of the rules: every item is built, then looked at.

#include <algorithm>
#include <catch2/catch.hpp>
#include <iterator>
#include <map>
#include <optional>
#include <random>

#include "filters/selection.h"
#include "tests/unit/streams/trusted.h"

using namespace streamsync;

namespace {

struct Value {
  std::string json;
  std::optional<std::string> text;  // as Python writes it; none for what is no scalar
  bool is_string = false;
};

struct Named;

// An object of a document: its members in order, and where its `inner` objects stand among them.
struct Object {
  std::vector<std::pair<std::string, Value>> members;
  std::string inner_key;  // "versions" or "items"; empty when there are none
  std::size_t inner_place = 0;
  std::vector<Named> inner;
};

struct Named {
  std::string name;
  Object object;
};

using Alias = std::vector<std::pair<std::string, Value>>;

struct Document {
  Object top;
  std::map<std::string, std::map<std::string, Alias>> aliases;
  bool aliases_last = false;
};

// --- making --------------------------------------------------------------------------------------

class DocumentMaker {
 public:
  explicit DocumentMaker(unsigned seed) : random_(seed) {}

  Document make() {
    Document document;
    document.top.members = members(kTopKeys, 2);
    document.top.members.push_back({"format", string("products:1.0")});
    document.top.members.push_back({"content_id", string("cid")});
    std::shuffle(document.top.members.begin(), document.top.members.end(), random_);
    add_inner(document.top, "products", {"p", "q:1", "r"}, [&] { return product(); });
    if (!one_in(3)) {
      for (const std::string tag : {"k", "a"}) {
        if (one_in(4)) continue;
        for (const std::string value : {"x", "y", "True"}) {
          if (!one_in(15)) document.aliases[tag][value] = members(kKeys, 4);
        }
      }
    }
    document.aliases_last = one_in(2);
    return document;
  }

  std::size_t below(std::size_t limit) { return random_() % limit; }

 private:
  using Keys = std::vector<std::string>;
  inline static const Keys kTopKeys = {"a", "top", "updated", "list"};
  inline static const Keys kKeys = {
      "a", "b", "c", "k", "path", "item_name", "version_name", "product_name"};

  bool one_in(std::size_t count) { return below(count) == 0; }

  Object product() {
    Object product{members(kKeys, 3), {}, 0, {}};
    if (!one_in(8))
      add_inner(product, "versions", {"1", "10", "2", "20"}, [&] { return version(); });
    return product;
  }

  Object version() {
    Object version{members(kKeys, 2), {}, 0, {}};
    if (!one_in(8)) {
      add_inner(version, "items", {"i", "j", "k"}, [&] {
        return Object{members(kKeys, 4), {}, 0, {}};
      });
    }
    return version;
  }

  template <typename Make>
  void add_inner(Object& object, const std::string& key, Keys names, Make make) {
    object.inner_key = key;
    object.inner_place = below(object.members.size() + 1);
    std::shuffle(names.begin(), names.end(), random_);
    names.resize(below(names.size() + 1));
    for (const auto& name : names) object.inner.push_back({name, make()});
  }

  std::vector<std::pair<std::string, Value>> members(Keys keys, std::size_t at_most) {
    std::shuffle(keys.begin(), keys.end(), random_);
    keys.resize(below(at_most + 1));
    std::vector<std::pair<std::string, Value>> members;
    for (const auto& key : keys) members.push_back({key, key == "path" ? path() : value()});
    return members;
  }

  static Value string(const std::string& text) { return {"\"" + text + "\"", text, true}; }

  Value path() {
    if (one_in(150)) return string("a/../b");
    const std::vector<Value> paths = {string("a/b.img"),
                                      string("c"),
                                      string(""),
                                      {"\"\\u00e9/d\"", "é/d", true},
                                      {"null", {}, false}};
    return paths[below(paths.size())];
  }

  Value value() {
    if (one_in(400)) return string("unknown");
    const std::vector<Value> values = {
        string("x"),
        string("x"),
        string("y"),
        string("y"),
        {"\"\\u0078\"", "x", true},
        {"true", "True", false},
        {"false", "False", false},
        {"17", "17", false},
        {"1.50", "1.5", false},
        {"-0", "0", false},
        {"null", {}, false},
        {"[1, {\"a\": \"x\"}]", {}, false},
        {"{\"a\": \"x\"}", {}, false},
    };
    return values[below(values.size())];
  }

  std::mt19937 random_;
};

// --- writing -------------------------------------------------------------------------------------

std::string json_of(const std::vector<std::string>& members, const std::string& blank) {
  std::string text;
  for (const auto& member : members) text += (text.empty() ? "" : ",") + blank + member;
  return "{" + text + blank + "}";
}

std::string json_of(const Object& object, const std::string& blank) {
  std::vector<std::string> members;
  for (const auto& [key, value] : object.members) {
    members.push_back("\"" + key + "\":" + blank + value.json);
  }
  if (!object.inner_key.empty()) {
    std::vector<std::string> inner;
    for (const auto& [name, child] : object.inner) {
      inner.push_back("\"" + name + "\": " + json_of(child, blank));
    }
    members.insert(members.begin() + static_cast<std::ptrdiff_t>(object.inner_place),
                   "\"" + object.inner_key + "\": " + json_of(inner, blank));
  }
  return json_of(members, blank);
}

std::string json_of(const Document& document, const std::string& blank) {
  std::vector<std::string> tags;
  for (const auto& [tag, values] : document.aliases) {
    std::vector<std::string> members;
    for (const auto& [value, alias] : values) {
      members.push_back("\"" + value + "\":" + json_of(Object{alias, {}, 0, {}}, blank));
    }
    tags.push_back("\"" + tag + "\":" + json_of(members, blank));
  }
  std::string text = json_of(document.top, blank);
  const std::string aliases = "\"_aliases\":" + json_of(tags, blank);
  if (document.aliases_last) {
    text.insert(text.size() - 1, "," + aliases);
  } else {
    text.insert(1, aliases + ",");
  }
  return text;
}

// --- judging -------------------------------------------------------------------------------------

struct Refused {};

// `upstream-gss.md` §1.6
Tags expanded(const Object& object, const Document& document) {
  Tags tags;
  for (const auto& [key, value] : object.members) {
    if (value.text) tags[key] = *value.text;
  }
  std::vector<const Alias*> found;
  for (const auto& [tag, values] : document.aliases) {
    for (const auto& [key, value] : object.members) {
      if (key != tag || !value.is_string) continue;
      if (!values.contains(*value.text)) throw Refused();
      found.push_back(&values.at(*value.text));
    }
  }
  for (const Alias* alias : found) {
    for (const auto& [key, value] : *alias) {
      if (value.text) tags[key] = *value.text;
    }
  }
  return tags;
}

Tags overlaid(Tags tags, const Tags& nearer) {
  for (const auto& [key, value] : nearer) tags[key] = value;
  return tags;
}

// `upstream-gss.md` §1.5
std::vector<Version> all_versions(const Document& document) {
  std::vector<Version> versions;
  for (const auto& [product_name, product] : document.top.inner) {
    Tags of_product = expanded(product, document);
    of_product["product_name"] = product_name;
    for (const auto& [version_name, version] : product.inner) {
      Tags of_version = overlaid(of_product, expanded(version, document));
      of_version["version_name"] = version_name;
      Version& flat = versions.emplace_back(Version{product_name, version_name, {}});
      for (const auto& [item_name, item] : version.inner) {
        Tags tags = overlaid(of_version, expanded(item, document));
        tags["item_name"] = item_name;
        std::optional<RelativePath> path;
        if (tag(tags, "path") == "a/../b") throw Refused();
        if (!tag(tags, "path").empty()) path = RelativePath::parse(tag(tags, "path"));
        flat.items.push_back(
            {{"cid", product_name, version_name, item_name}, tags, std::move(path)});
      }
    }
  }
  return versions;
}

// `upstream-gss.md` §2.2
std::vector<Item> chosen(std::vector<Version> versions, const Tags& top, const FilterSet& filters,
                         std::optional<std::size_t> max) {
  std::vector<std::string> products;
  std::map<std::string, std::map<std::string, std::vector<Item>, std::greater<>>> passing;
  for (Version& version : versions) {
    for (Item& item : version.items) {
      if (!filters.matches(lookup(item.tags, top))) continue;
      if (!passing.contains(version.product)) products.push_back(version.product);
      passing[version.product][version.version].push_back(std::move(item));
    }
  }
  std::vector<Item> items;
  for (const auto& product : products) {
    std::size_t count = 0;
    for (auto& [version, its_items] : passing[product]) {
      if (max && count++ == *max) break;
      std::move(its_items.begin(), its_items.end(), std::back_inserter(items));
    }
  }
  return items;
}

struct Judged {
  Tags top;
  std::vector<Version> versions;
};

// None when the document must be refused.
std::optional<Judged> judged(const Document& document) {
  try {
    for (const auto& product : document.top.inner) expanded(product.object, document);
    return Judged{expanded(document.top, document), all_versions(document)};
  } catch (const Refused&) {
    return std::nullopt;
  }
}

// --- comparing -----------------------------------------------------------------------------------

std::vector<Item> items_of(Selection selection) {
  std::vector<Item> items;
  for (auto& product : selection.products) {
    for (auto& version : product.versions) {
      std::move(version.items.begin(), version.items.end(), std::back_inserter(items));
    }
  }
  return items;
}

void require_same(const std::vector<Item>& items, const std::vector<Item>& expected) {
  REQUIRE(items.size() == expected.size());
  for (std::size_t i = 0; i != items.size(); ++i) {
    REQUIRE(items[i].key == expected[i].key);
    REQUIRE(items[i].tags == expected[i].tags);
    REQUIRE(items[i].path == expected[i].path);
  }
}

std::vector<Version> read_all(const std::string& text) {
  std::vector<Version> versions;
  read_products(trusted(text), "doc.json", [&](const ProductsHead&, Version version) {
    versions.push_back(std::move(version));
  });
  return versions;
}

void require_same(const std::vector<Version>& versions, const std::vector<Version>& expected) {
  REQUIRE(versions.size() == expected.size());
  for (std::size_t i = 0; i != versions.size(); ++i) {
    REQUIRE(versions[i].product == expected[i].product);
    REQUIRE(versions[i].version == expected[i].version);
    require_same(versions[i].items, expected[i].items);
  }
}

struct Question {
  FilterSet filters;
  std::optional<std::size_t> max;
};

// The number of items that are selected; none when the document is refused.
std::optional<std::size_t> require_agreement(const Document& document, const std::string& text,
                                             const Question& question) {
  const auto& [filters, max] = question;
  const auto expected = judged(document);
  if (!expected) {
    REQUIRE_THROWS_MATCHES(read_all(text), Error, refusal("doc.json"));
    REQUIRE_THROWS_MATCHES(select(trusted(text), "doc.json", filters, max), Error,
                           refusal("doc.json"));
    return std::nullopt;
  }
  require_same(read_all(text), expected->versions);
  Selection selection = select(trusted(text), "doc.json", filters, max);
  REQUIRE(selection.head.tags == expected->top);
  const auto wanted = chosen(expected->versions, expected->top, filters, max);
  require_same(items_of(std::move(selection)), wanted);
  return wanted.size();
}

}  // namespace

TEST_CASE("Selection agrees with rules that are followed by the letter") {
  const std::vector<std::vector<std::string>> filters = {
      {},
      {"a=x"},
      {"a!=x"},
      {"b~^[xy]$"},
      {"c=", "k!~y"},
      {"product_name=p"},
      {"version_name~1", "item_name!=k"},
      {"top~.", "a=True"},
      {"path~img"},
      {"b!~[0-9]"},
  };
  const std::vector<std::string> blanks = {"", " ", "\n", "\n         ", "\r\n\t  "};
  std::size_t refused = 0;
  std::size_t items = 0;
  for (unsigned seed = 0; seed != 3000; ++seed) {
    DocumentMaker maker(seed);
    const Document document = maker.make();
    const std::string text = json_of(document, blanks[maker.below(blanks.size())]);
    Question question{FilterSet::parse(filters[maker.below(filters.size())]), std::nullopt};
    if (maker.below(3) != 0) question.max = maker.below(4);
    CAPTURE(seed, text, question.max.value_or(999));
    const auto count = require_agreement(document, text, question);
    if (!count) ++refused;
    items += count.value_or(0);
  }
  // Else the documents were not worth it.
  CHECK(refused > 100);
  CHECK(refused < 1500);
  CHECK(items > 2000);
}
