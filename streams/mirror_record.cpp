#include "streams/mirror_record.h"

#include <fmt/format.h>
#include <rapidjson/prettywriter.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <map>
#include <utility>

#include "base/error.h"
#include "streams/products.h"

namespace streamsync {
namespace {

using Items = std::map<std::string, const Item*>;
using Versions = std::map<std::string_view, Items>;
using Products = std::map<std::string_view, Versions>;

/// Of an item that stands under another name than its own.
constexpr const char* kItem = "streamsync_item";

// An item that moves is at two paths for a while, and a name stands once.
const Item*& place_of(const Item& item, Items& items) {
  std::string name = item.key.item;
  for (auto at = items.find(name); at != items.end(); at = items.find(name)) {
    const Item& other = *at->second;
    if (other.key == item.key && other.path == item.path) break;
    name += '+';
  }
  return items[name];
}

// A sink as RapidJSON writes to it. A record grows with the tree, so it is never held as a whole.
class SinkStream {
 public:
  using Ch = char;

  explicit SinkStream(ByteSink& sink) : sink_(sink) {}

  void Put(char c) {
    if (filled_ == block_.size()) Flush();
    block_[filled_++] = c;
  }
  void Flush() {
    sink_.write(as_bytes({block_.data(), filled_}));
    filled_ = 0;
  }

 private:
  ByteSink& sink_;
  std::array<char, 64 * 1024> block_;
  std::size_t filled_ = 0;
};

using Writer = rapidjson::PrettyWriter<SinkStream>;

void write_key(Writer& json, std::string_view key) {
  json.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
}

void write_string(Writer& json, std::string_view text) {
  json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

// Those that the reader does not make itself of the names.
FlatTags written_tags(const Item& item) {
  constexpr std::array kMade = {"product_name", "version_name", "item_name", kItem};
  FlatTags tags;
  for (const auto& tag : item.tags) {
    if (std::find(kMade.begin(), kMade.end(), tag.first) == kMade.end()) tags.push_back(tag);
  }
  return tags;
}

// Tags that all parts have stand above them, as upstream's do (`upstream-gss.md` §4.8): items
// inherit them, and every run reads the whole record. What an item is recognised by stays with it.
template <typename Parts, typename TagsOf>
FlatTags lifted(const Parts& parts, const TagsOf& tags_of) {
  constexpr std::array kStay = {"ftype",  "items",  "md5",  "path",
                                "sha256", "sha512", "size", "versions"};
  FlatTags common = tags_of(parts.begin()->second);
  std::erase_if(common, [&](const auto& tag) {
    return std::find(kStay.begin(), kStay.end(), tag.first) != kStay.end();
  });
  for (const auto& [name, part] : parts) {
    const FlatTags tags = tags_of(part);
    FlatTags in_both;
    std::set_intersection(common.begin(), common.end(), tags.begin(), tags.end(),
                          std::back_inserter(in_both));
    common = std::move(in_both);
  }
  return common;
}

FlatTags lifted(const Items& items) {
  return lifted(items, [](const Item* item) { return written_tags(*item); });
}

FlatTags lifted(const Versions& versions) {
  return lifted(versions, [](const Items& items) { return lifted(items); });
}

FlatTags without(const FlatTags& tags, const FlatTags& inherited) {
  FlatTags own;
  std::set_difference(tags.begin(), tags.end(), inherited.begin(), inherited.end(),
                      std::back_inserter(own));
  return own;
}

void write_tags(Writer& json, const FlatTags& tags) {
  for (const auto& [key, value] : tags) {
    write_key(json, key);
    write_string(json, value);
  }
}

void write_item(Writer& json, std::string_view name, const Item& item, const FlatTags& inherited) {
  json.StartObject();
  write_tags(json, without(written_tags(item), inherited));
  if (item.key.item != name) {
    write_key(json, kItem);
    write_string(json, item.key.item);
  }
  json.EndObject();
}

void write_version(Writer& json, const Items& items, const FlatTags& inherited) {
  const FlatTags of_all = lifted(items);
  json.StartObject();
  write_tags(json, without(of_all, inherited));
  json.Key("items");
  json.StartObject();
  for (const auto& [name, item] : items) {
    write_key(json, name);
    write_item(json, name, *item, of_all);
  }
  json.EndObject();
  json.EndObject();
}

void write_product(Writer& json, const Versions& versions) {
  const FlatTags of_all = lifted(versions);
  json.StartObject();
  write_tags(json, of_all);
  json.Key("versions");
  json.StartObject();
  for (const auto& [version, items] : versions) {
    write_key(json, version);
    write_version(json, items, of_all);
  }
  json.EndObject();
  json.EndObject();
}

}  // namespace

void write_record(std::string_view content_id, const std::vector<Item>& items, ByteSink& to) {
  Products products;
  for (const auto& item : items) {
    place_of(item, products[item.key.product][item.key.version]) = &item;
  }
  SinkStream stream(to);
  Writer json(stream);
  json.SetIndent(' ', 1);
  json.StartObject();
  json.Key("content_id");
  write_string(json, content_id);
  json.Key("format");
  json.String("products:1.0");
  json.Key("products");
  json.StartObject();
  for (const auto& [product, versions] : products) {
    write_key(json, product);
    write_product(json, versions);
  }
  json.EndObject();
  json.EndObject();
  stream.Put('\n');
  stream.Flush();
}

namespace {

void restore_name(Item& item) {
  const std::string name(tag(item.tags, kItem));
  if (name.empty()) return;
  item.tags.erase(kItem);
  item.tags.set("item_name", name);
  item.key.item = name;
}

}  // namespace

Record read_record(Spool spool, const std::string& name) {
  Record record;
  auto& items = record.items;
  record.damage = read_record(std::move(spool), name, [&items](std::vector<Item> of_version) {
    std::move(of_version.begin(), of_version.end(), std::back_inserter(items));
  });
  return record;
}

std::optional<Error> read_record(Spool spool, const std::string& name,
                                 const std::function<void(std::vector<Item>)>& each_version) {
  // Our own file, so nobody has signed it.
  const auto document = accept_unverified(std::move(spool), name);
  try {
    read_products(document, name, [&each_version](const ProductsHead&, Version version) {
      std::for_each(version.items.begin(), version.items.end(), restore_name);
      each_version(std::move(version.items));
    });
  } catch (const Error& error) {
    return Error(ErrorKind::Corrupt, Origin::Target,
                 fmt::format("the record is damaged: {}", error.what()));
  }
  return std::nullopt;
}

std::string record_file_name(std::string_view content_id) {
  std::string name;
  for (const char c : content_id) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == ':' || c == '-' || c == '_' || (c == '.' && !name.empty());
    if (plain) {
      name += c;
    } else {
      name += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return name;
}

}  // namespace streamsync
