#include "streams/image_ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/io/bytes.h"
#include "base/text.h"
#include "streams/json.h"

namespace streamsync {
namespace {

// `upstream-gss.md` §4.8, and sha512, which upstream does not know.
constexpr std::array<std::string_view, 9> kNeverLifted = {
    "endpoint", "ftype", "id", "md5", "name", "region", "sha256", "sha512", "size"};

// Juju's reader drops these on a version, so they go from the items to the product or nowhere
// (`consumers.md` §1.2); region, endpoint and id never leave the item. It wants them as strings.
constexpr std::array<std::string_view, 5> kLiftedToProductOnly = {"arch", "crsn", "root_store",
                                                                  "version", "virt"};
constexpr std::array<std::string_view, 9> kReadByJuju = {
    "arch", "crsn", "endpoint", "id", "region", "release", "root_store", "version", "virt"};
constexpr std::array<std::string_view, 2> kStructure = {"items", "versions"};

template <std::size_t kSize>
bool contains(const std::array<std::string_view, kSize>& keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// As Go's JSON reader, and with it Juju, takes names: without case, and with the two letters
// outside ASCII that fold to s and k.
std::string folded(std::string_view key) {
  std::string name = to_lower_ascii(key);
  for (const auto& [letter, plain] : {std::pair("\u017F", "s"), std::pair("\u212A", "k")}) {
    for (auto at = name.find(letter); at != std::string::npos; at = name.find(letter)) {
      name.replace(at, std::string_view(letter).size(), plain);
    }
  }
  return name;
}

// A tag that Juju would take for another one, or for a part of the document.
bool misleads_juju(std::string_view key) {
  const std::string name = folded(key);
  return contains(kStructure, name) || (contains(kReadByJuju, name) && name != key);
}

bool lifts_by_version(std::string_view key) {
  return !contains(kNeverLifted, key) && !contains(kLiftedToProductOnly, key);
}
bool lifts_to_product_only(std::string_view key) { return contains(kLiftedToProductOnly, key); }

struct VersionNode {
  Tags tags;
  std::map<std::string, Tags> items;
};

struct ProductNode {
  Tags tags;
  std::map<std::string, VersionNode> versions;
};

using ProductTree = std::map<std::string, ProductNode>;

// Region and endpoint stand on the product and on the item, as upstream writes them.
ProductTree tree_of(const ImageIdsStream& stream, const std::vector<PublishedImage>& images) {
  const Tags place = {{"region", stream.region}, {"endpoint", stream.endpoint}};
  ProductTree products;
  for (const PublishedImage& image : images) {
    ProductNode& product = products[image.product];
    product.tags = place;
    Tags tags = place;
    for (const auto& [key, value] : image.tags) {
      if (!misleads_juju(key)) tags.emplace(key, value);
    }
    product.versions[image.version].items.emplace(image.item, std::move(tags));
  }
  return products;
}

// Moves to `parent` the tags that all `children` have with one value.
void lift(Tags& parent, const std::vector<Tags*>& children, bool (*lifts)(std::string_view)) {
  if (children.empty()) return;
  Tags common;
  for (const auto& [key, value] : *children.front()) {
    const bool in_all = std::all_of(children.begin(), children.end(),
                                    [&key = key, &value = value](const Tags* tags) {
                                      const auto found = tags->find(key);
                                      return found != tags->end() && found->second == value;
                                    });
    const auto present = parent.find(key);
    const bool free = present == parent.end() || present->second == value;
    if (lifts(key) && in_all && free) common.emplace(key, value);
  }
  for (Tags* tags : children) {
    for (const auto& [key, value] : common) tags->erase(key);
  }
  parent.merge(common);
}

void lift_tags(ProductNode& product) {
  std::vector<Tags*> all_items;
  std::vector<Tags*> versions;
  for (auto& [version_name, version] : product.versions) {
    std::vector<Tags*> items;
    for (auto& [item_name, item] : version.items) items.push_back(&item);
    lift(version.tags, items, lifts_by_version);
    all_items.insert(all_items.end(), items.begin(), items.end());
    versions.push_back(&version.tags);
  }
  lift(product.tags, versions, lifts_by_version);
  lift(product.tags, all_items, lifts_to_product_only);
}

JsonValue json_of(std::string_view key, const std::string& text) {
  if (key == "size") {
    if (const auto size = parse_decimal(text)) return {JsonNumber{std::to_string(*size)}};
  }
  if ((text == "True" || text == "False") && !contains(kReadByJuju, key)) return {text == "True"};
  return {text};
}

JsonObject json_of(const Tags& tags) {
  JsonObject object;
  for (const auto& [key, value] : tags) object.emplace(key, json_of(key, value));
  return object;
}

JsonObject json_of(const VersionNode& version) {
  JsonObject items;
  for (const auto& [name, tags] : version.items) items.emplace(name, JsonValue{json_of(tags)});
  JsonObject object = json_of(version.tags);
  object.insert_or_assign("items", JsonValue{std::move(items)});
  return object;
}

JsonObject json_of(const ProductNode& product) {
  JsonObject versions;
  for (const auto& [name, version] : product.versions) {
    versions.emplace(name, JsonValue{json_of(version)});
  }
  JsonObject object = json_of(product.tags);
  object.insert_or_assign("versions", JsonValue{std::move(versions)});
  return object;
}

JsonValue products_of(const std::vector<PublishedImage>& images) {
  std::set<std::string> names;
  for (const PublishedImage& image : images) names.insert(image.product);
  JsonArray array;
  for (const std::string& name : names) array.push_back({name});
  return {std::move(array)};
}

std::string_view suffix_of(DocumentForm form) {
  return form == DocumentForm::Plain ? ".json" : ".sjson";
}

JsonValue index_entry(const ImageIdsStream& stream, const std::vector<PublishedImage>& images,
                      Time updated, DocumentForm form) {
  JsonObject cloud = {{"region", {stream.region}}, {"endpoint", {stream.endpoint}}};
  return {JsonObject{{"clouds", {JsonArray{{std::move(cloud)}}}},
                     {"cloudname", {stream.cloud_name}},
                     {"datatype", {"image-ids"}},
                     {"format", {"products:1.0"}},
                     {"path", {products_path(stream, form)}},
                     {"products", products_of(images)},
                     {"updated", {to_rfc2822(updated)}}}};
}

std::optional<JsonValue> parse(std::string_view text) {
  try {
    JsonReader reader(std::make_unique<TextSource>(text), "a published document");
    JsonValue value = reader.value();
    reader.finish();
    return value;
  } catch (const Error&) {
    return std::nullopt;
  }
}

JsonObject* member_object(JsonObject& object, std::string_view key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : found->second.object();
}

bool is_index(JsonObject& document) {
  const auto format = document.find("format");
  return format != document.end() && format->second == JsonValue{"index:1.0"} &&
         member_object(document, "index") != nullptr;
}

// The entries of an index that end before its damage begins.
JsonObject whole_entries(std::string_view damaged) {
  JsonObject entries;
  try {
    JsonReader reader(std::make_unique<TextSource>(damaged), "a published index");
    reader.enter_object("an index");
    while (const auto key = reader.next_key()) {
      if (*key != "index") continue;
      reader.enter_object("entries");
      while (const auto content_id = reader.next_key()) {
        std::string name(*content_id);
        JsonValue entry = reader.value();
        if (entry.object()) entries.insert_or_assign(std::move(name), std::move(entry));
      }
    }
  } catch (const Error&) {
    // What comes after can't be told from damage.
  }
  return entries;
}

// The current index if something can be kept of it.
JsonObject index_to_change(std::optional<std::string_view> current) {
  auto document = current ? parse(*current) : std::nullopt;
  if (document && document->object() && is_index(*document->object())) {
    return std::move(*document->object());
  }
  // What can be read, and is no index, is not a damaged one.
  const bool is_damaged = current && !document;
  return {{"format", {"index:1.0"}},
          {"index", {is_damaged ? whole_entries(*current) : JsonObject{}}}};
}

std::string path_in(const JsonValue& entry) {
  const auto* members = std::get_if<JsonObject>(&entry.value);
  if (!members) return "";
  const auto found = members->find("path");
  const auto* path =
      found == members->end() ? nullptr : std::get_if<std::string>(&found->second.value);
  return path ? *path : "";
}

std::optional<Time> date_in(JsonObject* object) {
  if (!object) return std::nullopt;
  const auto updated = object->find("updated");
  const auto* date =
      updated == object->end() ? nullptr : std::get_if<std::string>(&updated->second.value);
  return date ? parse_date(*date) : std::nullopt;
}

void drop_updated(JsonValue& document) {
  JsonObject* object = document.object();
  if (!object) return;
  object->erase("updated");
  JsonObject* entries = member_object(*object, "index");
  if (!entries) return;
  for (auto& [content_id, entry] : *entries) {
    if (JsonObject* members = entry.object()) members->erase("updated");
  }
}

bool is_better(const PublishedImage& one, const PublishedImage& other) {
  return std::tuple(item_preference(one.item), std::string_view(one.item)) <
         std::tuple(item_preference(other.item), std::string_view(other.item));
}

}  // namespace

std::size_t item_preference(std::string_view item_name) {
  constexpr std::array<std::string_view, 4> kOrder = {"disk1.img", "disk.img", "uefi1.img",
                                                      "uefi.img"};
  return static_cast<std::size_t>(std::find(kOrder.begin(), kOrder.end(), item_name) -
                                  kOrder.begin());
}

std::vector<PublishedImage> one_per_kind(std::vector<PublishedImage> images) {
  using Kind = std::tuple<std::string_view, std::string_view, std::string_view, std::string_view>;
  std::map<Kind, const PublishedImage*> best;
  for (const PublishedImage& image : images) {
    const Kind kind(image.product, image.version, tag(image.tags, "virt"),
                    tag(image.tags, "root_store"));
    const auto [place, first] = best.emplace(kind, &image);
    if (!first && is_better(image, *place->second)) place->second = &image;
  }
  std::set<const PublishedImage*> chosen;
  for (const auto& [kind, image] : best) chosen.insert(image);

  std::vector<PublishedImage> result;
  for (PublishedImage& image : images) {
    if (chosen.contains(&image)) result.push_back(std::move(image));
  }
  return result;
}

std::string render_products(const ImageIdsStream& stream, const std::vector<PublishedImage>& images,
                            Time updated) {
  JsonObject products;
  for (auto& [name, product] : tree_of(stream, images)) {
    lift_tags(product);
    products.emplace(name, JsonValue{json_of(product)});
  }
  return to_json({JsonObject{{"content_id", {stream.content_id}},
                             {"datatype", {"image-ids"}},
                             {"format", {"products:1.0"}},
                             {"products", {std::move(products)}},
                             {"updated", {to_rfc2822(updated)}}}});
}

std::string products_path(const ImageIdsStream& stream, DocumentForm form) {
  return fmt::format("streams/v1/{}{}", stream.content_id, suffix_of(form));
}

std::string index_path(DocumentForm form) {
  return fmt::format("streams/v1/index{}", suffix_of(form));
}

std::string render_index(const ImageIdsStream& stream, const std::vector<PublishedImage>& images,
                         std::optional<std::string_view> current, const EditionDates& updated,
                         DocumentForm form) {
  JsonObject document = index_to_change(current);
  JsonObject& entries = *member_object(document, "index");
  if (images.empty()) {
    entries.erase(stream.content_id);
  } else {
    entries.insert_or_assign(stream.content_id,
                             index_entry(stream, images, updated.products, form));
  }
  document.insert_or_assign("updated", JsonValue{to_rfc2822(updated.index)});
  return to_json({std::move(document)});
}

bool is_index(std::string_view text) {
  auto document = parse(text);
  return document && document->object() && is_index(*document->object());
}

std::string without_lost_entries(std::string_view index, const ImageIdsStream& stream,
                                 const std::function<bool(const std::string& path)>& is_there) {
  auto document = parse(index);
  if (!document || !document->object() || !is_index(*document->object())) return std::string(index);
  std::erase_if(*member_object(*document->object(), "index"), [&](const auto& member) {
    return member.first != stream.content_id && !is_there(path_in(member.second));
  });
  return to_json(*document);
}

std::string with_whole_entries(std::string_view known, std::string_view damaged) {
  auto document = parse(known);
  const bool can_be_read = parse(damaged).has_value();
  if (can_be_read || !document || !document->object() || !is_index(*document->object())) {
    return std::string(known);
  }
  JsonObject& entries = *member_object(*document->object(), "index");
  for (auto& [content_id, entry] : whole_entries(damaged)) {
    entries.insert_or_assign(content_id, std::move(entry));
  }
  return to_json(*document);
}

std::optional<Time> updated_of(std::string_view text) {
  auto document = parse(text);
  return document ? date_in(document->object()) : std::nullopt;
}

std::optional<Time> entry_updated_of(std::string_view index, std::string_view content_id) {
  auto document = parse(index);
  JsonObject* object = document ? document->object() : nullptr;
  JsonObject* entries = object ? member_object(*object, "index") : nullptr;
  return entries ? date_in(member_object(*entries, content_id)) : std::nullopt;
}

bool same_but_for_updated(std::string_view one, std::string_view other) {
  auto left = parse(one);
  auto right = parse(other);
  if (!left || !right) return false;
  drop_updated(*left);
  drop_updated(*right);
  return *left == *right;
}

}  // namespace streamsync
