#include "filters/selection.h"

#include <algorithm>
#include <utility>

namespace streamsync {
namespace {

class Selector {
 public:
  Selector(const FilterSet& filters, std::optional<std::size_t> max)
      : filters_(filters), max_(max) {}

  void take(const ProductsHead& head, Version version) {
    if (products_.empty() || products_.back().product != version.product) {
      products_.push_back({version.product, {}});
    }
    auto& chosen = products_.back().versions;
    if (has_no_place_for(version.version, chosen)) return;

    std::erase_if(version.items, [&](const Item& item) {
      return !filters_.matches(lookup(item.tags, head.tags));
    });
    if (version.items.empty()) return;
    insert(chosen, {std::move(version.version), std::move(version.items)});
  }

  std::vector<SelectedProduct> finish() && {
    std::erase_if(products_,
                  [](const SelectedProduct& product) { return product.versions.empty(); });
    for (SelectedProduct& product : products_) {
      std::reverse(product.versions.begin(), product.versions.end());
    }
    return std::move(products_);
  }

 private:
  // Oldest first while reading: documents are sorted, so that most go to the end.
  using Chosen = std::vector<SelectedVersion>;

  bool has_no_place_for(const std::string& version, const Chosen& chosen) const {
    if (!max_ || chosen.size() < *max_) return false;
    return chosen.empty() || version < chosen.front().version;
  }

  void insert(Chosen& chosen, SelectedVersion version) const {
    const auto place =
        std::lower_bound(chosen.begin(), chosen.end(), version,
                         [](const SelectedVersion& one, const SelectedVersion& other) {
                           return one.version < other.version;
                         });
    chosen.insert(place, std::move(version));
    if (max_ && chosen.size() > *max_) chosen.erase(chosen.begin());
  }

  const FilterSet& filters_;
  std::optional<std::size_t> max_;
  std::vector<SelectedProduct> products_;
};

}  // namespace

Selection select(const TrustedText& text, std::string_view where, const FilterSet& filters,
                 std::optional<std::size_t> max) {
  Selector selector(filters, max);
  Selection selection;
  selection.head = read_products(text, where, [&](const ProductsHead& head, Version version) {
    selector.take(head, std::move(version));
  });
  selection.products = std::move(selector).finish();
  return selection;
}

TagLookup lookup(const Tags& item, const Tags& top) {
  return [&item, &top](std::string_view key) {
    const auto own = item.find(key);
    return own != item.end() ? std::string_view(own->second) : tag(top, key);
  };
}

}  // namespace streamsync
