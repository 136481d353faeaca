#include "sync/yaml_map.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace streamsync {
namespace {

[[noreturn]] void throw_config(const std::string& where, const std::string& what) {
  throw Error(ErrorKind::Config, Origin::Config, printable(fmt::format("{}: {}", where, what)));
}

}  // namespace

YAML::Node parse_yaml(const std::string& text, const std::string& file, int line_offset) {
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& error) {
    throw_config(fmt::format("{}:{}", file, error.mark.line + 1 + line_offset),
                 fmt::format("not valid YAML: {}", error.msg));
  }
}

YamlMap::YamlMap(YAML::Node node, std::string file, int line_offset)
    : node_(std::move(node)), file_(std::move(file)), line_offset_(line_offset) {
  if (!node_.IsMap()) {
    throw_config(fmt::format("{}:{}", file_, line_of(node_)),
                 "a mapping (key: value) is expected here");
  }
}

int YamlMap::line_of(const YAML::Node& node) const {
  return std::max(node.Mark().line, 0) + 1 + line_offset_;
}

std::string YamlMap::where(const std::string& key) const {
  const YAML::Node value = node_[key];
  return fmt::format("{}:{}", file_, line_of(value.IsDefined() ? value : node_));
}

void YamlMap::fail(const std::string& key, const std::string& why) const {
  throw_config(where(key), fmt::format("{}: {}", key, why));
}

std::optional<YAML::Node> YamlMap::find(const std::string& key) {
  known_.insert(key);
  const YAML::Node& node = node_;
  const YAML::Node value = node[key];
  if (!value.IsDefined() || value.IsNull()) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::string> YamlMap::text(const std::string& key) {
  const auto value = find(key);
  if (!value) {
    return std::nullopt;
  }
  if (!value->IsScalar()) {
    fail(key, "one value is expected, not a list or a mapping");
  }
  return value->Scalar();
}

std::optional<bool> YamlMap::boolean(const std::string& key) {
  const auto value = text(key);
  if (!value) {
    return std::nullopt;
  }
  bool result = false;
  if (!YAML::convert<bool>::decode(node_[key], result)) {
    fail(key, fmt::format("'{}' is neither true nor false", *value));
  }
  return result;
}

std::optional<std::uint64_t> YamlMap::number(const std::string& key) {
  const auto value = text(key);
  if (!value) {
    return std::nullopt;
  }
  const auto result = parse_decimal(*value);
  if (!result) {
    fail(key, fmt::format("'{}' is not a whole number", *value));
  }
  return result;
}

std::optional<std::vector<std::string>> YamlMap::texts(const std::string& key) {
  const auto value = find(key);
  if (!value) {
    return std::nullopt;
  }
  std::vector<std::string> result;
  if (value->IsScalar()) {
    result.push_back(value->Scalar());
    return result;
  }
  if (!value->IsSequence()) {
    fail(key, "a list is expected");
  }
  for (const YAML::Node& element : *value) {
    if (!element.IsScalar()) {
      fail(key, "the list may hold plain values only");
    }
    result.push_back(element.Scalar());
  }
  return result;
}

std::optional<YamlMap> YamlMap::map(const std::string& key) {
  const auto value = find(key);
  if (!value) {
    return std::nullopt;
  }
  return YamlMap(*value, file_, line_offset_);
}

void YamlMap::refuse_unknown() const {
  for (const auto& pair : node_) {
    const auto key = pair.first.Scalar();
    if (known_.contains(key)) {
      continue;
    }
    const std::vector<std::string> candidates(known_.begin(), known_.end());
    const auto nearest = nearest_word(key, candidates);
    throw_config(fmt::format("{}:{}", file_, line_of(pair.first)),
                 fmt::format("unknown key '{}'{}", printable(key),
                             nearest ? fmt::format("; did you mean '{}'?", *nearest) : ""));
  }
}

}  // namespace streamsync
