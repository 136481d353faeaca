#include "streams/products.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "streams/aliases.h"
#include "streams/held_bytes.h"
#include "streams/json.h"

namespace streamsync {
namespace {

constexpr std::uint64_t kMaxAliases = 4 * 1024 * 1024;
constexpr std::uint64_t kMaxProductTags = 12 * 1024 * 1024;
constexpr std::uint64_t kMaxVersion = 16 * 1024 * 1024;

// What versions and items inherit from; all that is known before the second pass.
struct Outline {
  Aliases aliases;
  ProductsHead head;
  std::map<std::string, Tags, std::less<>> products;
};

// First pass: `versions` are passed over.
class OutlineReader {
 public:
  OutlineReader(const TrustedText& text, std::string_view where)
      : where_(where),
        json_(text.reader(), where),
        held_(kMaxProductTags, "the tags of its products", where),
        held_aliases_(kMaxAliases, "its _aliases", where),
        aliases_(where) {}

  Outline read() {
    read_document();
    if (!has_products_) refuse("it has no \"products\"");
    ProductsHead head = head_of(aliases_.expand(std::move(top_)));
    held_.clear();
    held_.add(head.tags);
    std::map<std::string, Tags, std::less<>> products;
    for (auto& [name, object] : products_) {
      const Tags& tags = products.emplace(name, aliases_.expand(std::move(object))).first->second;
      held_.add(tags);
    }
    return {std::move(aliases_), std::move(head), std::move(products)};
  }

 private:
  void read_document() {
    json_.enter_object("the document");
    while (auto key = json_.next_key()) {
      if (*key == "products") {
        read_products();
      } else if (*key == "_aliases") {
        aliases_.read(json_, held_aliases_);
      } else {
        top_.add(std::move(*key), json_.scalar());
      }
    }
    json_.finish();
  }

  void read_products() {
    has_products_ = true;
    json_.enter_object("products");
    while (const auto name = json_.next_key()) {
      const TaggedObject& product = products_.emplace(*name, read_product()).first->second;
      held_.add(product.tags);
    }
  }

  TaggedObject read_product() {
    TaggedObject product;
    json_.enter_object("a product");
    while (auto key = json_.next_key()) {
      if (*key == "versions") {
        json_.pass_over();
      } else {
        product.add(std::move(*key), json_.scalar());
      }
    }
    return product;
  }

  ProductsHead head_of(Tags top) const {
    if (tag(top, "format") != "products:1.0") {
      refuse(fmt::format("the format is \"{}\", not products:1.0", printable(tag(top, "format"))));
    }
    if (tag(top, "content_id").empty()) refuse("it has no content_id");
    ProductsHead head;
    head.content_id = tag(top, "content_id");
    if (const auto updated = top.find("updated"); updated != top.end()) {
      head.updated = updated->second;
    }
    head.tags = std::move(top);
    return head;
  }

  [[noreturn]] void refuse(std::string_view why) const {
    throw Error(ErrorKind::Malformed, Origin::Source, fmt::format("{}: {}", where_, why));
  }

  std::string where_;
  JsonReader json_;
  HeldBytes held_;
  HeldBytes held_aliases_;
  Aliases aliases_;
  TaggedObject top_;
  std::map<std::string, TaggedObject, std::less<>> products_;
  bool has_products_ = false;
};

// Second pass: one version at a time.
class VersionReader {
 public:
  using Each = std::function<void(const ProductsHead&, Version)>;

  VersionReader(const TrustedText& text, std::string_view where, const Outline& outline,
                const Each& each)
      : where_(where),
        json_(text.reader(), where),
        held_(kMaxVersion, "the items of one of its versions", where),
        outline_(outline),
        each_(each) {}

  void read() {
    json_.enter_object("the document");
    while (const auto key = json_.next_key()) {
      if (*key == "products") read_products();
    }
    json_.finish();
  }

 private:
  void read_products() {
    json_.enter_object("products");
    while (const auto product = json_.next_key()) read_product(*product);
  }

  void read_product(const std::string& product) {
    Tags tags = outline_.products.at(product);
    tags.insert_or_assign("product_name", product);
    json_.enter_object("a product");
    while (const auto key = json_.next_key()) {
      if (*key == "versions") read_versions(product, tags);
    }
  }

  void read_versions(const std::string& product, const Tags& inherited) {
    json_.enter_object("versions");
    while (auto name = json_.next_key()) {
      Version version{product, std::move(*name), {}};
      held_.clear();
      read_version(version, inherited);
      each_(outline_.head, std::move(version));
    }
  }

  // The version's own tags may stand after its items.
  void read_version(Version& version, const Tags& inherited) {
    TaggedObject own;
    std::vector<NamedObject> items;
    json_.enter_object("a version");
    while (auto key = json_.next_key()) {
      if (*key == "items") {
        items = read_items();
      } else {
        own.add(std::move(*key), json_.scalar());
      }
    }
    Tags tags = overlay(inherited, outline_.aliases.expand(std::move(own)));
    tags.insert_or_assign("version_name", version.version);
    version.items.reserve(items.size());
    for (NamedObject& item : items) version.items.push_back(flat(version, std::move(item), tags));
  }

  struct NamedObject {
    std::string name;
    TaggedObject object;
  };

  std::vector<NamedObject> read_items() {
    std::vector<NamedObject> items;
    json_.enter_object("items");
    while (auto name = json_.next_key()) {
      TaggedObject& item = items.emplace_back(NamedObject{std::move(*name), {}}).object;
      json_.enter_object("an item");
      while (auto key = json_.next_key()) item.add(std::move(*key), json_.scalar());
      held_.add(item.tags);
    }
    return items;
  }

  // `upstream-gss.md` §1.5
  static Tags overlay(Tags inherited, Tags own) {
    while (!own.empty()) {
      auto inserted = inherited.insert(own.extract(own.begin()));
      if (!inserted.inserted) inserted.position->second = std::move(inserted.node.mapped());
    }
    return inherited;
  }

  Item flat(const Version& version, NamedObject item, const Tags& inherited) {
    Item flat;
    flat.key = {outline_.head.content_id, version.product, version.version, std::move(item.name)};
    flat.tags = overlay(inherited, outline_.aliases.expand(std::move(item.object)));
    flat.tags.insert_or_assign("item_name", flat.key.item);
    held_.add(flat.tags);
    flat.path = path_of(flat);
    return flat;
  }

  std::optional<RelativePath> path_of(const Item& item) const {
    const std::string_view path = tag(item.tags, "path");
    if (path.empty()) return std::nullopt;
    try {
      return RelativePath::parse(path);
    } catch (Error& error) {
      error.add_context(fmt::format("{}: {}", where_, item.key.str()));
      throw;
    }
  }

  std::string where_;
  JsonReader json_;
  HeldBytes held_;
  const Outline& outline_;
  const Each& each_;
};

}  // namespace

ProductsHead read_products(const TrustedText& text, std::string_view where,
                           const std::function<void(const ProductsHead&, Version)>& each) {
  Outline outline = OutlineReader(text, where).read();
  VersionReader(text, where, outline, each).read();
  return std::move(outline.head);
}

}  // namespace streamsync
