#include "glance/image_json.h"

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

#include "base/error.h"

namespace streamsync {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

Error unexpected(std::string_view what) {
  return {ErrorKind::Protocol, Origin::Target,
          fmt::format("the image service answered with {}", what)};
}

rapidjson::Document parse_object(std::string_view json) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) throw unexpected("something not JSON");
  return document;
}

std::string text_of(const rapidjson::Value& value) {
  return value.IsString() ? std::string(value.GetString(), value.GetStringLength()) : std::string();
}

/// Takes the member's value out of `members`.
std::string take(Tags& members, std::string_view name) {
  const auto found = members.find(name);
  if (found == members.end()) return {};
  std::string value = std::move(found->second);
  members.erase(found);
  return value;
}

bool is_true(const rapidjson::Value& object, const char* name) {
  const auto member = object.FindMember(name);
  return member != object.MemberEnd() && member->value.IsTrue();
}

Image image_of(const rapidjson::Value& object) {
  if (!object.IsObject()) throw unexpected("an image that is no JSON object");
  Tags texts;
  for (const auto& member : object.GetObject()) {
    if (member.value.IsString())
      texts.insert_or_assign(text_of(member.name), text_of(member.value));
  }

  Image image;
  image.id = take(texts, "id");
  if (image.id.empty()) throw unexpected("an image that has no id");
  image.name = take(texts, "name");
  image.status = take(texts, "status");
  image.visibility = take(texts, "visibility");
  image.owner = take(texts, "owner");
  image.disk_format = take(texts, "disk_format");
  image.container_format = take(texts, "container_format");
  image.checksum = take(texts, "checksum");
  image.os_hash_algo = take(texts, "os_hash_algo");
  image.os_hash_value = take(texts, "os_hash_value");
  image.created_at = parse_date(take(texts, "created_at"));
  image.updated_at = parse_date(take(texts, "updated_at"));
  image.os_hidden = is_true(object, "os_hidden");
  image.is_protected = is_true(object, "protected");
  const auto size = object.FindMember("size");
  if (size != object.MemberEnd() && size->value.IsUint64()) image.size = size->value.GetUint64();
  image.properties = std::move(texts);
  return image;
}

void write(Writer& writer, std::string_view text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write_key(Writer& writer, std::string_view name) {
  writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
}

/// The schema of the image has these as booleans, and takes no text for them.
bool is_boolean(std::string_view member) { return member == "os_hidden" || member == "protected"; }

void write_value(Writer& writer, std::string_view member, std::string_view value) {
  if (is_boolean(member)) {
    writer.Bool(value == "true");
  } else {
    write(writer, value);
  }
}

/// RFC 6901 §3.
std::string json_pointer(std::string_view member) {
  std::string pointer = "/";
  for (const char c : member) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
  return pointer;
}

void write_addition(Writer& writer, std::string_view name, std::string_view value) {
  writer.StartObject();
  writer.Key("op");
  // Also replaces what is there (RFC 6902 §4.1); "replace" is refused where nothing is.
  writer.String("add");
  writer.Key("path");
  write(writer, json_pointer(name));
  writer.Key("value");
  write_value(writer, name, value);
  writer.EndObject();
}

void write_removal(Writer& writer, std::string_view name) {
  writer.StartObject();
  writer.Key("op");
  writer.String("remove");
  writer.Key("path");
  write(writer, json_pointer(name));
  writer.EndObject();
}

}  // namespace

Image read_image(std::string_view json) { return image_of(parse_object(json)); }

ImagePage read_image_page(std::string_view json) {
  const rapidjson::Document document = parse_object(json);
  const auto images = document.FindMember("images");
  if (images == document.MemberEnd() || !images->value.IsArray()) {
    throw unexpected("something other than a list of images");
  }
  ImagePage page;
  page.images.reserve(images->value.Size());
  for (const auto& image : images->value.GetArray()) page.images.push_back(image_of(image));
  const auto next = document.FindMember("next");
  if (next != document.MemberEnd()) page.next = text_of(next->value);
  return page;
}

std::optional<std::string> value_of(const Image& image, std::string_view name) {
  const auto said = [](bool value) { return value ? "true" : "false"; };
  if (name == "id") return image.id;
  if (name == "name") return image.name;
  if (name == "visibility") return image.visibility;
  if (name == "disk_format") return image.disk_format;
  if (name == "container_format") return image.container_format;
  if (name == "os_hidden") return said(image.os_hidden);
  if (name == "protected") return said(image.is_protected);
  const auto property = image.properties.find(name);
  return property == image.properties.end() ? std::nullopt : std::optional(property->second);
}

bool has_values(const Image& image, const std::map<std::string, std::string>& values) {
  return std::all_of(values.begin(), values.end(), [&](const auto& wanted) {
    return value_of(image, wanted.first) == wanted.second;
  });
}

std::string image_body(const std::map<std::string, std::string>& members, const Tags& properties) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  for (const auto& [name, value] : members) {
    write_key(writer, name);
    write_value(writer, name, value);
  }
  for (const auto& [name, value] : properties) {
    if (members.count(name) != 0) continue;
    write_key(writer, name);
    write(writer, value);
  }
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

std::string image_patch(const std::map<std::string, std::string>& values,
                        const std::set<std::string>& dropped) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartArray();
  for (const auto& [name, value] : values) write_addition(writer, name, value);
  for (const auto& name : dropped) {
    // What is absent can't be removed (RFC 6902 §4.2), and the patch may come a second time.
    write_addition(writer, name, "");
    write_removal(writer, name);
  }
  writer.EndArray();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace streamsync
