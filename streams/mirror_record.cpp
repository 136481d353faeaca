#include "streams/mirror_record.h"

#include <fmt/format.h>
#include <rapidjson/prettywriter.h>

#include <algorithm>
#include <array>
#include <cstddef>
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

void write_item(Writer& json, std::string_view name, const Item& item) {
  json.StartObject();
  for (const auto& [key, value] : item.tags) {
    if (key != "product_name" && key != "version_name" && key != "item_name" && key != kItem) {
      write_key(json, key);
      write_string(json, value);
    }
  }
  if (item.key.item != name) {
    write_key(json, kItem);
    write_string(json, item.key.item);
  }
  json.EndObject();
}

void write_versions(Writer& json, const Versions& versions) {
  for (const auto& [version, items] : versions) {
    write_key(json, version);
    json.StartObject();
    json.Key("items");
    json.StartObject();
    for (const auto& [name, item] : items) {
      write_key(json, name);
      write_item(json, name, *item);
    }
    json.EndObject();
    json.EndObject();
  }
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
    json.StartObject();
    json.Key("versions");
    json.StartObject();
    write_versions(json, versions);
    json.EndObject();
    json.EndObject();
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

std::vector<Item> read_record(Spool record, const std::string& name) {
  std::vector<Item> items;
  // Our own file, so nobody has signed it.
  const auto document = accept_unverified(std::move(record), name);
  try {
    read_products(document, name, [&items](const ProductsHead&, const Version& version) {
      items.insert(items.end(), version.items.begin(), version.items.end());
    });
  } catch (const Error&) {
    // As said.
  }
  std::for_each(items.begin(), items.end(), restore_name);
  return items;
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
