#pragma once

#include <yaml-cpp/yaml.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace streamsync {

/// The lines of a file that a YAML text stands in.
class FileLines {
 public:
  /// The text is the file.
  FileLines() = default;
  /// The text is a scalar of the file, in any of YAML's forms, which begins at `begin`.
  FileLines(std::string_view file_text, const YAML::Mark& begin, std::string_view scalar);

  /// Of a place in the text; the first is 1.
  int at(const YAML::Mark& mark) const;

 private:
  std::shared_ptr<const std::vector<int>> of_characters_;
};

/// A YAML mapping read key by key. Every key that was asked for is known; `refuse_unknown` turns
/// the others into errors with the line and the nearest known key (`cli.md` §3). Null counts as
/// absent. All failures are `Error{Config, Config}` that begin with "FILE:LINE: ".
class YamlMap {
 public:
  /// A key that stands there twice is an error: nobody could tell which one counts.
  YamlMap(YAML::Node node, std::string file, FileLines lines = {});

  std::optional<YAML::Node> find(const std::string& key);
  std::optional<std::string> text(const std::string& key);
  std::optional<bool> boolean(const std::string& key);
  std::optional<std::uint64_t> number(const std::string& key);
  /// A sequence of scalars, or one scalar.
  std::optional<std::vector<std::string>> texts(const std::string& key);
  std::optional<YamlMap> map(const std::string& key);
  /// In the order of the file.
  std::vector<std::string> keys() const;

  [[noreturn]] void fail(const std::string& key, const std::string& why) const;
  void refuse_unknown() const;

  /// "FILE:LINE" of the key's value, or of the mapping.
  std::string where(const std::string& key) const;
  const std::string& file() const noexcept { return file_; }

 private:
  int line_of(const YAML::Node& node) const;
  void refuse_doubles() const;

  YAML::Node node_;
  std::string file_;
  FileLines lines_;
  std::set<std::string> known_;
};

/// Parses YAML text; syntax errors name file and line.
YAML::Node parse_yaml(const std::string& text, const std::string& file,
                      const FileLines& lines = {});

}  // namespace streamsync
