#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "filters/item_filter.h"
#include "streams/products.h"

namespace streamsync {

/// The items of one version that passed the filters, in document order.
struct SelectedVersion {
  std::string version;
  std::vector<Item> items;
  std::size_t left_out = 0;  ///< items that did not pass
};

/// A product with its newest versions first.
struct SelectedProduct {
  std::string product;
  std::vector<SelectedVersion> versions;
  /// A version of the document that is later than the newest one, but sorts before it.
  std::optional<std::string> overtaken{};
};

/// What one products document offers an entry of the mirror_list: items that pass its filters, of
/// at most `max` versions a product. A version none of whose items passes does not count. Products
/// in document order; none without versions.
struct Selection {
  ProductsHead head;
  std::vector<SelectedProduct> products;
};

/// Reads the document and selects as it goes. Memory: O(products × max).
Selection select(const TrustedText& text, std::string_view where, const FilterSet& filters,
                 std::optional<std::size_t> max);

/// Looks up what filters see of an item: its own flattened tags, then the top level's.
TagLookup lookup(const PackedTags& item, const Tags& top);

}  // namespace streamsync
