#include "sync/custom_properties.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.h"

namespace streamsync {
namespace {

constexpr const char* kKey = "custom_properties";

// Columns of Glance's table image_properties: a name of 255 characters, a TEXT of MySQL.
constexpr std::size_t kNameLimit = 255;
constexpr std::size_t kValueLimit = 65535;

// What every image has beside its properties, by the Image API v2 and its schema, and what Glance
// keeps for itself. Most are answered with 403 or 400, once for each image.
constexpr std::array<std::string_view, 30> kMembers{"id",
                                                    "name",
                                                    "status",
                                                    "visibility",
                                                    "protected",
                                                    "os_hidden",
                                                    "checksum",
                                                    "os_hash_algo",
                                                    "os_hash_value",
                                                    "owner",
                                                    "size",
                                                    "min_disk",
                                                    "virtual_size",
                                                    "container_format",
                                                    "disk_format",
                                                    "created_at",
                                                    "updated_at",
                                                    "min_ram",
                                                    "tags",
                                                    "direct_url",
                                                    "self",
                                                    "file",
                                                    "schema",
                                                    "stores",
                                                    "location",
                                                    "locations",
                                                    "deleted",
                                                    "deleted_at",
                                                    "is_public",
                                                    "properties"};
constexpr std::string_view kOfGlance = "os_glance";

// What makes an image ours, and the item it was made from (`cli.md` §4.3, `upstream-gss.md` §4.2).
constexpr std::array<std::string_view, 6> kIdentity{"content_id",   "source_content_id",
                                                    "product_name", "version_name",
                                                    "item_name",    "simplestreams_metadata"};
constexpr std::string_view kOfStreamsync = "streamsync_";

template <typename Names>
bool contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

// Why Glance would not keep `text` as it is; none when it would.
std::optional<std::string> unfit_text(std::string_view text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  const auto is_of_four_bytes = [](char c) { return static_cast<unsigned char>(c) >= 0xF0U; };
  if (std::any_of(text.begin(), text.end(), is_control)) return "has a control character";
  if (std::any_of(text.begin(), text.end(), is_of_four_bytes)) {
    return "has a character of four bytes in UTF-8, which Glance refuses";
  }
  return std::nullopt;
}

std::optional<std::string> unfit_name(const std::string& name, LatestMark latest) {
  if (name.empty()) return "a property needs a name";
  if (contains(kMembers, name) || name.starts_with(kOfGlance)) {
    return "is what Glance itself says of an image, and no property";
  }
  if (contains(kIdentity, name) || name.starts_with(kOfStreamsync)) {
    return "is how streamsync knows its images again";
  }
  if (name == "latest" && latest == LatestMark::Ours) {
    return "is set by set_latest_property; take one of them out";
  }
  if (characters(name) > kNameLimit) {
    return fmt::format("is a name of more than {} characters", kNameLimit);
  }
  return unfit_text(name);
}

std::optional<std::string> unfit_value(const std::string& value) {
  if (value.size() > kValueLimit) {
    return fmt::format("has a value of more than {} bytes", kValueLimit);
  }
  if (const auto why = unfit_text(value)) return "its value " + *why;
  return std::nullopt;
}

Tags read_map(YamlMap map, LatestMark latest) {
  Tags result;
  for (const auto& name : map.keys()) {
    if (const auto why = unfit_name(name, latest)) map.fail(name, *why);
    // Null is no value, and not the text "null".
    const auto value = map.text(name);
    if (!value) map.fail(name, "needs a value");
    if (const auto why = unfit_value(*value)) map.fail(name, *why);
    result[name] = *value;
  }
  return result;
}

std::vector<std::string> pairs_of(YamlMap& config) {
  const auto node = *config.find(kKey);
  if (!node.IsScalar()) return *config.texts(kKey);
  // The charm's form: separated by blanks, so that values can't hold any.
  std::string text = node.Scalar();
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  std::vector<std::string> pairs;
  for (const auto part : split(text, ' ')) {
    if (!trimmed(part).empty()) pairs.emplace_back(trimmed(part));
  }
  return pairs;
}

Tags read_pairs(YamlMap& config, LatestMark latest) {
  Tags result;
  for (const auto& pair : pairs_of(config)) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      config.fail(kKey, fmt::format("'{}' is not KEY=VALUE", pair));
    }
    const auto name = pair.substr(0, equals);
    auto value = pair.substr(equals + 1);
    auto why = unfit_name(name, latest);
    if (!why) why = unfit_value(value);
    if (why) config.fail(kKey, fmt::format("'{}': {}", name, *why));
    if (!result.emplace(name, std::move(value)).second) {
      config.fail(kKey, fmt::format("'{}' is given twice", name));
    }
  }
  return result;
}

}  // namespace

Tags read_custom_properties(YamlMap& config, LatestMark latest) {
  const auto node = config.find(kKey);
  if (!node) return {};
  return node->IsMap() ? read_map(*config.map(kKey), latest) : read_pairs(config, latest);
}

}  // namespace streamsync
