// products:1.0 documents: items are flat, addressed and unique, whatever the two passes meet; and
// who wants some of them gets those, of the same documents.

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "streams/document.h"
#include "streams/mirror_record.h"
#include "streams/products.h"
#include "tests/fuzz/property.h"

namespace streamsync {
namespace {

template <typename Action>
bool refusable(Action action) {
  return taken(ErrorKind::Malformed, Origin::Source, action);
}

void check_content(const ItemContent& content) {
  constexpr std::uint64_t kLargest = std::uint64_t{1} << 53;
  require(content.size <= kLargest, "a size has an exact place in a double");
  const std::string& hex = content.strongest.hex();
  require(hex.find_first_not_of("0123456789abcdef") == std::string::npos, "digests are lower-case");
  require(!content.md5 || content.md5->algorithm() == DigestAlgorithm::Md5, "md5 is an MD5");
}

void check_item(const ProductsHead& head, const Version& version, const Item& item) {
  require(item.key.content_id == head.content_id, "an item is of its document");
  require(item.key.product == version.product && item.key.version == version.version,
          "an item is of its version");
  require(tag(item.tags, "product_name") == version.product, "product_name is the product");
  require(tag(item.tags, "version_name") == version.version, "version_name is the version");
  require(tag(item.tags, "item_name") == item.key.item, "item_name is the item");
  require(tag(item.tags, "path") == (item.path ? item.path->str() : ""), "the path is the tag");
  refusable([&] { check_content(content_of(item)); });
}

// What a view of an item says is what the item has.
void check_view(const ItemView& view, const Item& item) {
  require(view.product() == item.key.product && view.version() == item.key.version,
          "a view is of its version");
  for (const auto& [key, value] : item.tags) {
    require(view.find(key) == value, "a view has the tags of the item");
  }
  for (const std::string key : {"ftype", "label", "md5", "path", "size"}) {
    require(view.find(key).has_value() == item.tags.contains(key), "a view has no other tags");
  }
}

class Items {
 public:
  void add(const ProductsHead& head, const Version& version) {
    for (const Item& item : version.items) {
      check_item(head, version, item);
      require(items_.emplace(item.key, item).second, "an item stands once");
    }
  }

  /// Who wants every second item gets those.
  void check_wanted(const TrustedText& text) const {
    std::size_t asked = 0;
    std::size_t got = 0;
    WantedItems wanted;
    wanted.item = [&](const ProductsHead& head, const ItemView& view) {
      const auto item = items_.find(ItemKey{head.content_id, std::string(view.product()),
                                            std::string(view.version()),
                                            std::string(view.find("item_name").value_or(""))});
      require(item != items_.end(), "every item asked about is one of the document");
      check_view(view, item->second);
      return ++asked % 2 == 0;
    };
    read_products(text, "document", wanted, [&](const ProductsHead&, const Version& version) {
      require(!version.items.empty(), "a version that is wanted has items");
      for (const Item& item : version.items) {
        require(items_.at(item.key).tags == item.tags, "a wanted item is the same item");
      }
      got += version.items.size();
    });
    require(asked == items_.size() && got == asked / 2, "items are wanted one by one");
  }

  /// What we write down about items in a mirror says the same when it is read again.
  void check_record(const std::string& content_id) const {
    std::vector<Item> items;
    for (const auto& [key, item] : items_) items.push_back(item);
    Spool record;
    write_record(content_id, items, record);
    std::size_t count = 0;
    const auto check = [&](const ProductsHead&, const Version& version) {
      for (const Item& item : version.items) check_kept(item);
      count += version.items.size();
    };
    read_products(accept_unverified(std::move(record), "record"), "record", check);
    require(count == items_.size(), "a record has all items");
  }

 private:
  void check_kept(const Item& item) const {
    const auto original = items_.find(item.key);
    require(original != items_.end(), "a record adds no item");
    require(original->second.tags == item.tags, "a record keeps the tags");
  }

  std::map<ItemKey, Item> items_;
};

void check(std::string_view document) {
  std::optional<TrustedText> text;
  if (!refusable([&] { text.emplace(accept_unverified(spool_of(document), "document")); })) return;
  Items items;
  ProductsHead head;
  const bool is_read = refusable([&] {
    head =
        read_products(*text, "document", [&](const ProductsHead& its_head, const Version& version) {
          items.add(its_head, version);
        });
  });
  const auto nothing = [](const ProductsHead&, const ItemView&) { return false; };
  const bool is_read_in_vain = refusable([&] {
    read_products(*text, "document", WantedItems{nothing, 1},
                  [](const ProductsHead&, const Version&) { require(false, "nothing comes"); });
  });
  require(is_read == is_read_in_vain, "what is refused does not depend on what is wanted");
  if (!is_read) return;
  require(!head.content_id.empty(), "a document has a content_id");
  items.check_wanted(*text);
  items.check_record(head.content_id);
}

}  // namespace
}  // namespace streamsync

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  streamsync::check(streamsync::input(data, size));
  return 0;
}
