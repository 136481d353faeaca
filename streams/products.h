#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto/openpgp.h"
#include "streams/item.h"

namespace streamsync {

/// What stands above the products of a `products:1.0` document.
struct ProductsHead {
  std::string content_id;
  std::optional<std::string> updated;
  Tags tags;  ///< top-level scalars, aliases expanded
};

/// One version with its items in document order; `items` may be empty.
struct Version {
  std::string product;
  std::string version;
  std::vector<Item> items;
  std::size_t unwanted = 0;  ///< items that it has besides
};

using EachVersion = std::function<void(const ProductsHead&, Version)>;

/// Reads a products document in two passes over the spool, because what is inherited may stand
/// after what inherits it. Memory: the head, the products' own tags and one version.
/// `each` gets every version in document order.
/// Throws `Error{Malformed, Source}`: not JSON, wrong format, no content_id, an unsafe path
/// anywhere, an unknown `_aliases` value, duplicate keys.
ProductsHead read_products(const TrustedText& text, std::string_view where,
                           const EachVersion& each);

/// An item that is not built, good for the length of a call.
class ItemView {
 public:
  virtual std::string_view product() const = 0;
  virtual std::string_view version() const = 0;
  /// The value that `Item::tags` would have; none when it would have no such tag.
  virtual std::optional<std::string_view> find(std::string_view key) const = 0;

 protected:
  ~ItemView() = default;
};

/// What somebody wants of a products document.
struct WantedItems {
  /// Depends on nothing but the item.
  std::function<bool(const ProductsHead&, const ItemView&)> item;
  /// So many versions of a product, the newest by their bytes (`upstream-gss.md` §1.3) of those
  /// that have such an item.
  std::optional<std::size_t> max;
  /// If there, is told behind those of a product which version with such an item is later than its
  /// newest, though its bytes are not.
  std::function<void(std::string_view overtaken)> overtaken{};
};

/// The same, but builds only what is wanted: `each` gets versions that have a wanted item, with
/// those items, product after product; in which order those of one product come is not promised.
/// All else is checked as well, so that which documents are refused does not depend on what is
/// wanted. Memory: as above, and `max` versions.
ProductsHead read_products(const TrustedText& text, std::string_view where,
                           const WantedItems& wanted, const EachVersion& each);

}  // namespace streamsync
