#include "streams/products.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "base/error.h"
#include "streams/held_bytes.h"
#include "streams/json.h"
#include "streams/layer.h"
#include "streams/outline.h"
#include "streams/raw_version.h"
#include "streams/serial_order.h"

namespace streamsync {
namespace {

constexpr std::uint64_t kMaxVersion = 16 * 1024 * 1024;

struct Product {
  SharedText name;
  Tags tags;  // and product_name
  std::uint64_t held;
};

// What an item inherits from.
struct Parents {
  Parents(const Product& its_product, const RawVersion& its_version, const Aliases& aliases)
      : product(its_product),
        version(its_version),
        version_tags({"version_name", version.name()}, version.tags(), aliases) {}

  FlatTags flat_tags() const {
    return version_tags.over({product.tags.begin(), product.tags.end()});
  }

  const Product& product;
  const RawVersion& version;
  Layer version_tags;
};

// An item and what it inherits: the nearest wins (`upstream-gss.md` §1.5).
class InheritingItem final : public ItemView {
 public:
  InheritingItem(const Parents& parents, const RawVersion::Item& item, const Aliases& aliases)
      : parents_(parents),
        name_(item.name),
        tags_({"item_name", item.name}, parents.version.tags_of(item), aliases) {}

  std::string_view product() const override { return parents_.product.name; }
  std::string_view version() const override { return parents_.version.name(); }
  std::optional<std::string_view> find(std::string_view key) const override {
    if (const auto own = tags_.find(key)) return own;
    if (const auto inherited = parents_.version_tags.find(key)) return inherited;
    const auto inherited = parents_.product.tags.find(key);
    if (inherited == parents_.product.tags.end()) return std::nullopt;
    return inherited->second;
  }

  ItemKey key(const SharedText& content_id, const SharedText& version) const {
    return {content_id, parents_.product.name, version, name_};
  }
  const Layer& tags() const { return tags_; }

 private:
  const Parents& parents_;
  std::string_view name_;
  Layer tags_;
};

// Second pass: one version at a time.
class VersionReader {
 public:
  VersionReader(const TrustedText& text, std::string_view where, const Outline& outline)
      : where_(where),
        json_(text.reader(), where),
        held_(kMaxVersion, "the items of one of its versions", where),
        outline_(outline),
        content_id_(outline.head.content_id) {}

  void read() {
    json_.enter_object("the document");
    while (const auto key = json_.next_key()) {
      if (*key == "products") read_products();
    }
    json_.finish();
  }

 protected:
  ~VersionReader() = default;

  using RawVersionPtr = std::unique_ptr<RawVersion>;

  // A version that is without fault.
  virtual void take(const Product& product, RawVersionPtr version) = 0;
  virtual void end(const Product& product) = 0;

  // To be read into again.
  void give_back(RawVersionPtr version) {
    version->clear();
    unused_.push_back(std::move(version));
  }

  const ProductsHead& head() const { return outline_.head; }
  const Aliases& aliases() const { return outline_.aliases; }

  Version built(const Product& product, const RawVersion& raw) const {
    const Parents parents(product, raw, aliases());
    const PackedTags inherited(parents.flat_tags());
    const SharedText name = raw.name();
    Version version{product.name, name, {}, raw.erased()};
    version.items.reserve(raw.items().size());
    for (const RawVersion::Item& raw_item : raw.items()) {
      const InheritingItem item(parents, raw_item, aliases());
      Item& built = version.items.emplace_back(Item{
          item.key(content_id_, name), PackedTags(item.tags().flat(), inherited), std::nullopt});
      const std::string_view path = tag(built.tags, "path");
      if (!path.empty()) built.path = RelativePath::parse(path);
    }
    return version;
  }

 private:
  void read_products() {
    json_.enter_object("products");
    while (const auto name = json_.next_key()) {
      Product product{*name, outline_.products.at(std::string(*name)), 0};
      product.tags.insert_or_assign("product_name", std::string(*name));
      product.held = HeldBytes::of(product.tags);
      read_product(product);
    }
  }

  void read_product(const Product& product) {
    json_.enter_object("a product");
    while (const auto key = json_.next_key()) {
      if (*key == "versions") read_versions(product);
    }
    end(product);
  }

  void read_versions(const Product& product) {
    json_.enter_object("versions");
    while (const auto name = json_.next_key()) {
      RawVersionPtr version = unused();
      held_.clear();
      version->read(*name, json_, held_);
      check(product, *version);
      take(product, std::move(version));
    }
  }

  RawVersionPtr unused() {
    if (unused_.empty()) return std::make_unique<RawVersion>();
    RawVersionPtr version = std::move(unused_.back());
    unused_.pop_back();
    return version;
  }

  void check(const Product& product, const RawVersion& version) {
    const Parents parents(product, version, aliases());
    std::uint64_t flat_at_most = 0;
    std::optional<FlatTags> inherited;
    std::size_t flattened = 0;
    for (std::size_t i = 0; i != version.items().size(); ++i) {
      const InheritingItem item(parents, version.items()[i], aliases());
      flat_at_most +=
          product.held + parents.version_tags.held_at_most() + item.tags().held_at_most();
      // The sum of all layers is more than flat items take. Only when that is too much is it worth
      // it to make them, of all items so far.
      if (!held_.has_room_for(flat_at_most)) {
        if (!inherited) inherited = parents.flat_tags();
        for (; flattened <= i; ++flattened) {
          const InheritingItem held(parents, version.items()[flattened], aliases());
          held_.add(held.tags().over(*inherited));
        }
      }
      check_path(item);
    }
  }

  void check_path(const InheritingItem& item) const {
    const auto path = item.find("path");
    if (!path || path->empty()) return;
    try {
      RelativePath::check(*path);
    } catch (Error& error) {
      error.add_context(fmt::format("{}: {}", where_, item.key(content_id_, item.version()).str()));
      throw;
    }
  }

  std::string where_;
  JsonReader json_;
  HeldBytes held_;
  const Outline& outline_;
  const SharedText content_id_;
  std::vector<RawVersionPtr> unused_;
};

class EveryVersion final : public VersionReader {
 public:
  EveryVersion(const TrustedText& text, std::string_view where, const Outline& outline,
               const EachVersion& each)
      : VersionReader(text, where, outline), each_(each) {}

 private:
  void take(const Product& product, RawVersionPtr version) override {
    each_(head(), built(product, *version));
    give_back(std::move(version));
  }
  void end(const Product&) override {}

  const EachVersion& each_;
};

// With a maximum, what may be among the newest versions of its product is kept as it was read: in
// a sorted document each takes the place of an older one, which would have been built in vain.
class WantedVersions final : public VersionReader {
 public:
  WantedVersions(const TrustedText& text, std::string_view where, const Outline& outline,
                 const WantedItems& wanted, const EachVersion& each)
      : VersionReader(text, where, outline), wanted_(wanted), each_(each) {}

 private:
  void take(const Product& product, RawVersionPtr version) override {
    const bool has_place = has_place_for(*version);
    if ((!has_place && !is_overtaken(*version)) || !has_wanted_items(product, *version)) {
      return give_back(std::move(version));
    }
    names_.emplace_back(version->name());
    if (!has_place) return give_back(std::move(version));
    if (!wanted_.max) return give(product, std::move(version));
    const auto place = std::lower_bound(newest_.begin(), newest_.end(), version, is_newer);
    newest_.insert(place, std::move(version));
    if (newest_.size() > *wanted_.max) drop_oldest();
  }

  void end(const Product& product) override {
    for (RawVersionPtr& version : newest_) give(product, std::move(version));
    newest_.clear();
    if (const auto overtaken = overtaken_among(names_); overtaken && wanted_.overtaken) {
      wanted_.overtaken(*overtaken);
    }
    names_.clear();
  }

  void give(const Product& product, RawVersionPtr version) {
    each_(head(), built(product, *version));
    give_back(std::move(version));
  }

  static bool is_newer(const RawVersionPtr& one, const RawVersionPtr& other) {
    return one->name() > other->name();
  }

  bool has_place_for(const RawVersion& version) const {
    if (!wanted_.max || newest_.size() < *wanted_.max) return true;
    return !newest_.empty() && version.name() > newest_.back()->name();
  }

  bool is_overtaken(const RawVersion& version) const {
    return !newest_.empty() && is_later_serial(version.name(), newest_.front()->name());
  }

  // Others are not in the version afterwards.
  bool has_wanted_items(const Product& product, RawVersion& version) const {
    const Parents parents(product, version, aliases());
    version.erase_items_if([&](const RawVersion::Item& item) {
      return !wanted_.item(head(), InheritingItem(parents, item, aliases()));
    });
    return !version.items().empty();
  }

  void drop_oldest() {
    give_back(std::move(newest_.back()));
    newest_.pop_back();
  }

  const WantedItems& wanted_;
  const EachVersion& each_;
  std::vector<RawVersionPtr> newest_;  // newest first
  std::vector<std::string> names_;     // of versions with a wanted item that may be the latest
};

}  // namespace

ProductsHead read_products(const TrustedText& text, std::string_view where,
                           const EachVersion& each) {
  Outline outline = read_outline(text, where);
  EveryVersion(text, where, outline, each).read();
  return std::move(outline.head);
}

ProductsHead read_products(const TrustedText& text, std::string_view where,
                           const WantedItems& wanted, const EachVersion& each) {
  Outline outline = read_outline(text, where);
  WantedVersions(text, where, outline, wanted, each).read();
  return std::move(outline.head);
}

}  // namespace streamsync
