#pragma once

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
};

/// Reads a products document in two passes over the spool, because what is inherited may stand
/// after what inherits it. Memory: the head, the products' own tags and one version.
/// `each` gets every version in document order.
/// Throws `Error{Malformed, Source}`: not JSON, wrong format, no content_id, an unsafe path
/// anywhere, an unknown `_aliases` value, duplicate keys.
ProductsHead read_products(const TrustedText& text, std::string_view where,
                           const std::function<void(const ProductsHead&, Version)>& each);

}  // namespace streamsync
