#include "sync/consumer_warnings.h"

#include <fmt/format.h>

#include <cstdint>
#include <utility>

#include "base/text.h"

namespace streamsync {
namespace {

/// Multipass reads sizes into 32 bits (`consumers.md` §1.1).
constexpr std::uint64_t kTooLarge = std::uint64_t{2} << 30;

/// How many there are of something, and the first of them.
class Occurrences {
 public:
  void add(std::string one) {
    if (count_++ == 0) first_ = std::move(one);
  }
  bool any() const { return count_ > 0; }
  /// "3 items (one is c p v i)".
  std::string describe(std::string_view what) const {
    return count_ == 1 ? fmt::format("1 {} ({})", what, first_)
                       : fmt::format("{} {}s (one is {})", count_, what, first_);
  }

 private:
  std::size_t count_ = 0;
  std::string first_;
};

template <typename Visit>
void each_version(const std::vector<Selection>& selections, Visit&& visit) {
  for (const auto& selection : selections) {
    for (const auto& product : selection.products) {
      for (const auto& version : product.versions) visit(version);
    }
  }
}

Occurrences too_large(const std::vector<Selection>& selections) {
  Occurrences found;
  each_version(selections, [&found](const SelectedVersion& version) {
    for (const auto& item : version.items) {
      if (parse_decimal(tag(item.tags, "size")).value_or(0) >= kTooLarge) found.add(item.key.str());
    }
  });
  return found;
}

Occurrences in_part(const std::vector<Selection>& selections) {
  Occurrences found;
  each_version(selections, [&found](const SelectedVersion& version) {
    if (version.left_out == 0) return;
    const auto& key = version.items.front().key;
    found.add(fmt::format("{} {}", key.product.str(), key.version.str()));
  });
  return found;
}

}  // namespace

std::optional<std::string> order_warning(const std::vector<Selection>& selections) {
  Occurrences found;
  for (const auto& selection : selections) {
    for (const auto& product : selection.products) {
      if (!product.overtaken) continue;
      found.add(fmt::format("{}: {} before {}", product.product, *product.overtaken,
                            product.versions.front().version));
    }
  }
  if (!found.any()) return std::nullopt;
  return fmt::format(
      "the newest version of {} is not the latest by its number: versions are compared by their "
      "bytes, here and by those who read them; to have the later one leave the others out by "
      "version_name in item_filters",
      found.describe("product"));
}

std::vector<std::string> multipass_warnings(const std::vector<Selection>& selections) {
  std::vector<std::string> warnings;
  if (const auto items = too_large(selections); items.any()) {
    warnings.push_back(
        fmt::format("{} of 2 GiB or more: Multipass finds nothing in a stream that names such a "
                    "one, other readers do",
                    items.describe("item")));
  }
  if (const auto versions = in_part(selections); versions.any()) {
    warnings.push_back(
        fmt::format("item_filters leave items out of {}: Multipass takes whole versions only; if "
                    "it is to read this tree, filter by product and version",
                    versions.describe("version")));
  }
  return warnings;
}

}  // namespace streamsync
