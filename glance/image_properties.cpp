#include "glance/image_properties.h"

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "base/crypto/digest.h"
#include "base/error.h"
#include "base/text.h"

namespace streamsync {
namespace {

/// Glance takes 255 characters; bytes are never fewer.
constexpr std::size_t kNameLimit = 255;

constexpr const char* kMetadata = "simplestreams_metadata";

/// Tags that have a property of their own, or, the path, no meaning in a cloud.
constexpr std::array<std::string_view, 4> kNotInMetadata{"item_name", "path", "product_name",
                                                         "version_name"};

/// At most `limit` bytes of `text`, which is UTF-8, without a torn character at the end.
std::string_view cut(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  const auto continues = [&](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
  };
  while (limit > 0 && continues(limit)) --limit;
  return text.substr(0, limit);
}

/// Glance 25 answers 400 for characters that take four bytes of UTF-8, in any text of an image.
bool is_of_four_bytes(char first) { return static_cast<unsigned char>(first) >= 0xF0U; }

std::string without_four_bytes(std::string_view text) {
  std::string fitted;
  for (std::size_t at = 0; at < text.size();) {
    const bool replaced = is_of_four_bytes(text[at]);
    fitted += replaced ? std::string_view("\uFFFD") : text.substr(at, 1);
    at += replaced ? 4 : 1;
  }
  return fitted;
}

void append_escape(std::string& json, unsigned code_unit) {
  json += fmt::format("\\u{:04x}", code_unit);
}

void append_code_point(std::string& json, unsigned code_point) {
  switch (code_point) {
    case '"':
      json += "\\\"";
      return;
    case '\\':
      json += "\\\\";
      return;
    case '\b':
      json += "\\b";
      return;
    case '\f':
      json += "\\f";
      return;
    case '\n':
      json += "\\n";
      return;
    case '\r':
      json += "\\r";
      return;
    case '\t':
      json += "\\t";
      return;
  }
  if (code_point >= 0x20 && code_point < 0x7F) {
    json += static_cast<char>(code_point);
  } else if (code_point < 0x10000) {
    append_escape(json, code_point);
  } else {
    append_escape(json, 0xD7C0 + (code_point >> 10U));
    append_escape(json, 0xDC00 + (code_point & 0x3FFU));
  }
}

void append_string(std::string& json, std::string_view text) {
  constexpr unsigned kReplacement = 0xFFFD;
  json += '"';
  rapidjson::MemoryStream stream(text.data(), text.size());
  while (stream.Tell() < text.size()) {
    unsigned code_point = 0;
    const bool valid = rapidjson::UTF8<>::Decode(stream, &code_point);
    append_code_point(json, valid ? code_point : kReplacement);
  }
  json += '"';
}

/// Exactly what Python's json.dumps(tags, sort_keys=True) gives, which is what upstream stores:
/// either tool can take over the other's images only when both write the same text. (RapidJSON's
/// writer can't: no blanks, hexadecimal in upper case, DEL not escaped.)
std::string python_json(const Tags& tags) {
  std::string json = "{";
  for (const auto& [name, value] : tags) {
    if (json.size() > 1) json += ", ";
    append_string(json, name);
    json += ": ";
    append_string(json, value);
  }
  return json + "}";
}

/// None when it is damaged. Upstream writes nothing but strings.
std::optional<Tags> read_metadata(std::string_view json) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) return std::nullopt;
  Tags tags;
  for (const auto& member : std::as_const(document).GetObject()) {
    if (!member.value.IsString()) continue;
    tags.insert_or_assign(std::string(member.name.GetString(), member.name.GetStringLength()),
                          std::string(member.value.GetString(), member.value.GetStringLength()));
  }
  return tags;
}

/// What the properties alone tell of an item.
Tags tags_from_properties(const Tags& properties) {
  Tags tags;
  const auto copy = [&](std::string_view property, const char* name) {
    const auto found = properties.find(property);
    if (found != properties.end()) tags.emplace(name, found->second);
  };
  copy("os_distro", "os");
  copy("os_version", "version");
  return tags;
}

std::optional<std::string> part_that_does_not_fit(const ItemKey& key) {
  for (const std::string_view part : {key.content_id, key.product, key.version, key.item}) {
    if (std::any_of(part.begin(), part.end(), is_of_four_bytes)) return std::string(part);
  }
  return std::nullopt;
}

/// Text that can't be read as any other sequence of fields.
void append_field(std::string& text, std::string_view field) {
  const auto size = static_cast<std::uint64_t>(field.size());
  for (unsigned shift = 64; shift > 0; shift -= 8) {
    text += static_cast<char>((size >> (shift - 8)) & 0xFFU);
  }
  text += field;
}

}  // namespace

std::string image_name(const Item& item, const ImagePolicy& policy) {
  auto stem = item.tags.find("pubname");
  if (!stem) stem = item.tags.find("name");
  // "None" is what upstream's Python makes of an item without either tag.
  const std::string wanted = policy.name_prefix + std::string(stem.value_or("None"));

  const std::string suffix = without_four_bytes(printable(item.key.item));
  std::string name = without_four_bytes(printable(wanted));
  if (!name.ends_with(suffix)) name += "-" + suffix;
  if (name.size() <= kNameLimit) return name;
  // The end tells the items of a version apart.
  const std::string end = "-" + suffix;
  if (end.size() >= kNameLimit) return std::string(cut(suffix, kNameLimit));
  return std::string(cut(name, kNameLimit - end.size())) + end;
}

FormatOfFtype format_of_ftype(std::string_view ftype) {
  const std::string lower = to_lower_ascii(ftype);
  if (lower == "disk.img" || lower == "disk1.img") return {"qcow2", "qemu", "kvm"};
  if (lower == "root.tar.gz" || lower == "root.tar.xz") return {"root-tar", "lxc", "lxd"};
  if (lower == "squashfs") return {"squashfs", "lxc", "lxd"};
  return {"qcow2", "", ""};
}

std::string openstack_architecture(std::string_view arch) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kNames{{
      {"amd64", "x86_64"},
      {"arm64", "aarch64"},
      {"armhf", "armv7l"},
      {"i386", "i686"},
      {"powerpc", "ppc"},
      {"ppc64el", "ppc64le"},
  }};
  std::string lower = to_lower_ascii(arch);
  const auto found = std::find_if(kNames.begin(), kNames.end(),
                                  [&](const auto& names) { return names.first == lower; });
  return found == kNames.end() ? lower : std::string(found->second);
}

Tags image_properties(const Item& item, const ImagePolicy& policy) {
  Tags properties{{"content_id", policy.content_id},
                  {"source_content_id", item.key.content_id},
                  {"product_name", item.key.product},
                  {"version_name", item.key.version},
                  {"item_name", item.key.item}};

  // Glance takes no null, so what is absent in the stream is left out.
  const auto add = [&](const char* property, std::string_view tag_name, auto&& translate) {
    const auto found = item.tags.find(tag_name);
    if (found) properties.emplace(property, translate(*found));
  };
  add("os_distro", "os", without_four_bytes);
  add("os_version", "version", without_four_bytes);
  add("architecture", "arch",
      [](std::string_view arch) { return without_four_bytes(openstack_architecture(arch)); });

  if (policy.hypervisor_mapping) {
    std::string type = format_of_ftype(tag(item.tags, "ftype")).hypervisor_type;
    if (!type.empty()) properties.emplace("hypervisor_type", std::move(type));
  }

  Tags metadata = item.tags.unpacked();
  for (const auto name : kNotInMetadata) {
    const auto found = metadata.find(name);
    if (found != metadata.end()) metadata.erase(found);
  }
  properties.emplace(kMetadata, python_json(metadata));

  for (const auto& [name, value] : policy.custom_properties) {
    properties.insert_or_assign(name, value);
  }
  return properties;
}

std::map<std::string, std::string> image_changes(const Image& image, const Item& item,
                                                 const ImagePolicy& policy) {
  std::map<std::string, std::string> changes;
  if (image.visibility != policy.visibility) changes.emplace("visibility", policy.visibility);
  if (image.os_hidden) changes.emplace("os_hidden", "false");
  for (const auto& [name, value] : image_properties(item, policy)) {
    const auto found = image.properties.find(name);
    if (found == image.properties.end() || found->second != value) changes.emplace(name, value);
  }
  return changes;
}

bool has_address_that_fits(const ItemKey& key) { return !part_that_does_not_fit(key); }

void require_address_that_fits(const ItemKey& key) {
  if (const auto part = part_that_does_not_fit(key)) {
    throw Error(ErrorKind::Malformed, Origin::Source,
                fmt::format("{}: Glance takes no characters of four bytes, as '{}' has, and "
                            "without them it would be another item",
                            printable(key.str()), printable(*part)));
  }
}

std::optional<Item> item_of(const Image& image) {
  const auto value = [&](std::string_view name) {
    return std::string(tag(image.properties, name));
  };
  Item item;
  item.key = {value("source_content_id"), value("product_name"), value("version_name"),
              value("item_name")};
  if (item.key.content_id.empty() || item.key.product.empty() || item.key.version.empty() ||
      item.key.item.empty()) {
    return std::nullopt;
  }
  auto metadata = read_metadata(tag(image.properties, kMetadata));
  Tags tags = metadata ? std::move(*metadata) : tags_from_properties(image.properties);
  tags.insert_or_assign("product_name", item.key.product);
  tags.insert_or_assign("version_name", item.key.version);
  tags.insert_or_assign("item_name", item.key.item);
  item.tags = tags;
  return item;
}

std::string image_id(const ImagePolicy& policy, const BlobSpec& blob, unsigned generation) {
  const ItemKey& key = blob.item.key;
  std::string text;
  append_field(text, "streamsync image id 1");
  append_field(text, policy.content_id);
  append_field(text, key.product);
  append_field(text, key.version);
  append_field(text, key.item);
  append_field(text, blob.content.strongest.str());
  append_field(text, std::to_string(generation));

  // RFC 9562 §5.8: version 8 in the 13th digit, variant 10 in the top bits of the 17th.
  std::string hex = digest_of(DigestAlgorithm::Sha256, text).hex().substr(0, 32);
  constexpr std::string_view kDigits = "0123456789abcdef";
  hex[12] = '8';
  hex[16] = kDigits[8 + kDigits.find(hex[16]) % 4];
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20, 12));
}

bool is_image_id(std::string_view id) noexcept { return id.size() == 36 && id[14] == '8'; }

}  // namespace streamsync
