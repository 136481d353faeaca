#include "streams/mirror_record.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <map>

namespace streamsync {
namespace {

using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;
using Items = std::map<std::string, const Item*>;
using Versions = std::map<std::string, Items>;
using Products = std::map<std::string, Versions>;

void write_item(Writer& json, const Item& item) {
  json.StartObject();
  for (const auto& [key, value] : item.tags) {
    if (key != "product_name" && key != "version_name" && key != "item_name") {
      json.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
      json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    }
  }
  json.EndObject();
}

void write_versions(Writer& json, const Versions& versions) {
  for (const auto& [version, items] : versions) {
    json.Key(version);
    json.StartObject();
    json.Key("items");
    json.StartObject();
    for (const auto& [name, item] : items) {
      json.Key(name);
      write_item(json, *item);
    }
    json.EndObject();
    json.EndObject();
  }
}

}  // namespace

std::string render_record(std::string_view content_id, const std::vector<Item>& items) {
  Products products;
  for (const auto& item : items) {
    products[item.key.product][item.key.version][item.key.item] = &item;
  }
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.SetIndent(' ', 1);
  json.StartObject();
  json.Key("content_id");
  json.String(content_id.data(), static_cast<rapidjson::SizeType>(content_id.size()));
  json.Key("format");
  json.String("products:1.0");
  json.Key("products");
  json.StartObject();
  for (const auto& [product, versions] : products) {
    json.Key(product);
    json.StartObject();
    json.Key("versions");
    json.StartObject();
    write_versions(json, versions);
    json.EndObject();
    json.EndObject();
  }
  json.EndObject();
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace streamsync
