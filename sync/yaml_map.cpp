#include "sync/yaml_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/text.h"

namespace streamsync {
namespace {

[[noreturn]] void throw_config(const std::string& where, const std::string& what) {
  throw Error(ErrorKind::Config, Origin::Config, printable(fmt::format("{}: {}", where, what)));
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Where line `number`, counted from 0, begins.
std::size_t begin_of_line(std::string_view text, int number) {
  std::size_t at = 0;
  for (; number > 0 && at < text.size(); --number) {
    at = std::min(text.find('\n', at), text.size() - 1) + 1;
  }
  return at;
}

// Behind what announces a block scalar: "|", ">-", with a comment.
std::size_t skip_header(std::string_view text, std::size_t at) {
  const bool is_block = at < text.size() && (text[at] == '|' || text[at] == '>');
  return is_block ? std::min(text.find('\n', at), text.size()) : at;
}

}  // namespace

// Folding and indentation change blanks alone, and quoting adds characters: what is no blank stands
// in the file in the order of the scalar.
FileLines::FileLines(std::string_view file_text, const YAML::Mark& begin, std::string_view scalar) {
  std::size_t at = begin_of_line(file_text, begin.line) + static_cast<std::size_t>(begin.column);
  int line = begin.line + 1;
  const auto advance_to = [&](std::size_t end) {
    for (; at < end; ++at) line += file_text[at] == '\n' ? 1 : 0;
  };
  advance_to(std::min(skip_header(file_text, at), file_text.size()));
  auto lines = std::make_shared<std::vector<int>>();
  lines->reserve(scalar.size());
  for (const char c : scalar) {
    if (!is_blank(c)) advance_to(std::min(file_text.find(c, at), file_text.size()));
    lines->push_back(line);
    if (!is_blank(c) && at < file_text.size()) ++at;
  }
  of_characters_ = std::move(lines);
}

int FileLines::at(const YAML::Mark& mark) const {
  if (!of_characters_) return std::max(mark.line, 0) + 1;
  if (of_characters_->empty()) return 1;
  const auto position = static_cast<std::size_t>(std::max(mark.pos, 0));
  return of_characters_->at(std::min(position, of_characters_->size() - 1));
}

YAML::Node parse_yaml(const std::string& text, const std::string& file, const FileLines& lines) {
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& error) {
    throw_config(fmt::format("{}:{}", file, lines.at(error.mark)),
                 fmt::format("not valid YAML: {}", error.msg));
  }
}

YamlMap::YamlMap(YAML::Node node, std::string file, FileLines lines)
    : node_(std::move(node)), file_(std::move(file)), lines_(std::move(lines)) {
  if (!node_.IsMap()) {
    throw_config(fmt::format("{}:{}", file_, line_of(node_)),
                 "a mapping (key: value) is expected here");
  }
  refuse_doubles();
}

int YamlMap::line_of(const YAML::Node& node) const { return lines_.at(node.Mark()); }

// yaml-cpp keeps both, and finds the first.
void YamlMap::refuse_doubles() const {
  std::map<std::string, int> known;
  for (const auto& pair : node_) {
    const auto key = pair.first.Scalar();
    const int line = line_of(pair.first);
    const auto [first, is_new] = known.emplace(key, line);
    if (is_new) continue;
    throw_config(fmt::format("{}:{}", file_, line),
                 fmt::format("{}: is given a second time, after line {}; take one of them out",
                             printable(key), first->second));
  }
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
  return YamlMap(*value, file_, lines_);
}

std::vector<std::string> YamlMap::keys() const {
  std::vector<std::string> result;
  for (const auto& pair : node_) result.push_back(pair.first.Scalar());
  return result;
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
