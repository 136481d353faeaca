#include "streams/outline.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "streams/held_bytes.h"
#include "streams/json.h"

namespace streamsync {
namespace {

constexpr std::uint64_t kMaxAliases = 4 * 1024 * 1024;
constexpr std::uint64_t kMaxProductTags = 12 * 1024 * 1024;

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
    while (const auto key = json_.next_key()) {
      if (*key == "products") {
        read_products();
      } else if (*key == "_aliases") {
        aliases_.read(json_, held_aliases_);
      } else {
        top_.add(*key, json_.scalar_view());
      }
    }
    json_.finish();
  }

  void read_products() {
    has_products_ = true;
    json_.enter_object("products");
    while (const auto name = json_.next_key()) {
      const TaggedObject& product =
          products_.emplace(std::string(*name), read_product()).first->second;
      held_.add(product.tags);
    }
  }

  TaggedObject read_product() {
    TaggedObject product;
    json_.enter_object("a product");
    while (const auto key = json_.next_key()) {
      if (*key == "versions") {
        json_.pass_over();
      } else {
        product.add(*key, json_.scalar_view());
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

}  // namespace

Outline read_outline(const TrustedText& text, std::string_view where) {
  return OutlineReader(text, where).read();
}

}  // namespace streamsync
