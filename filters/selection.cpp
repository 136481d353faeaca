#include "filters/selection.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace streamsync {
namespace {

// A filter and its last answer: neighbours have most tags in common, by inheritance.
class Question {
 public:
  explicit Question(const Filter& filter) : filter_(filter) {}

  bool accepts(const ProductsHead& head, const ItemView& item) {
    const auto own = item.find(filter_.key());
    const std::string_view value = own ? *own : tag(head.tags, filter_.key());
    if (value_ != value) {
      value_ = value;
      accepted_ = filter_.accepts(value);
    }
    return accepted_;
  }

 private:
  const Filter& filter_;
  std::optional<std::string> value_;
  bool accepted_ = false;
};

void newest_first(std::vector<SelectedVersion>& versions) {
  std::sort(versions.begin(), versions.end(),
            [](const SelectedVersion& one, const SelectedVersion& other) {
              return one.version > other.version;
            });
}

}  // namespace

Selection select(const TrustedText& text, std::string_view where, const FilterSet& filters,
                 std::optional<std::size_t> max) {
  std::vector<Question> questions(filters.all().begin(), filters.all().end());
  const auto passes = [&](const ProductsHead& head, const ItemView& item) {
    return std::all_of(questions.begin(), questions.end(),
                       [&](Question& question) { return question.accepts(head, item); });
  };
  Selection selection;
  auto& products = selection.products;
  const auto note_overtaken = [&products](std::string_view version) {
    products.back().overtaken = version;
  };
  selection.head = read_products(
      text, where, {passes, max, note_overtaken}, [&](const ProductsHead&, Version version) {
        if (products.empty() || products.back().product != version.product) {
          products.push_back({std::move(version.product), {}});
        }
        products.back().versions.push_back(
            {std::move(version.version), std::move(version.items), version.unwanted});
      });
  for (SelectedProduct& product : products) newest_first(product.versions);
  return selection;
}

TagLookup lookup(const PackedTags& item, const Tags& top) {
  return [&item, &top](std::string_view key) {
    const auto own = item.find(key);
    return own ? *own : tag(top, key);
  };
}

}  // namespace streamsync
