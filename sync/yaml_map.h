#pragma once

#include <yaml-cpp/yaml.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace streamsync {

/// A YAML mapping read key by key. Every key that was asked for is known; `refuse_unknown` turns
/// the others into errors with the line and the nearest known key (`cli.md` §3). Null counts as
/// absent. All failures are `Error{Config, Config}` that begin with "FILE:LINE: ".
class YamlMap {
 public:
  /// `line_offset`: where the text that holds `node` begins in the file.
  YamlMap(YAML::Node node, std::string file, int line_offset = 0);

  std::optional<YAML::Node> find(const std::string& key);
  std::optional<std::string> text(const std::string& key);
  std::optional<bool> boolean(const std::string& key);
  std::optional<std::uint64_t> number(const std::string& key);
  /// A sequence of scalars, or one scalar.
  std::optional<std::vector<std::string>> texts(const std::string& key);
  std::optional<YamlMap> map(const std::string& key);

  [[noreturn]] void fail(const std::string& key, const std::string& why) const;
  void refuse_unknown() const;

  /// "FILE:LINE" of the key's value, or of the mapping.
  std::string where(const std::string& key) const;
  const std::string& file() const noexcept { return file_; }
  int line_of(const YAML::Node& node) const;

 private:
  YAML::Node node_;
  std::string file_;
  int line_offset_;
  std::set<std::string> known_;
};

/// Parses YAML text; syntax errors name file and line.
YAML::Node parse_yaml(const std::string& text, const std::string& file, int line_offset = 0);

}  // namespace streamsync
