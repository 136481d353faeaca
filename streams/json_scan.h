#pragma once

#include <cstddef>
#include <string_view>

namespace streamsync {

/// Most bytes of a document only need to be passed: they are text of strings, and indentation.
/// These say how many, several at a time, for text that JSON may still turn out not to be.

constexpr bool is_json_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// How many blanks `text` begins with.
std::size_t blank_length(std::string_view text);

/// How many bytes of a string `text` begins with that mean themselves: up to a quote, a backslash,
/// a control character, or what must be looked at as UTF-8.
std::size_t plain_length(std::string_view text);

/// Finds the end of an object or list by its brackets. It is given piece by piece.
class BracketCounter {
 public:
  /// How much of `text` belongs to the value.
  std::size_t count(std::string_view text);
  bool done() const { return begun_ && depth_ == 0; }

 private:
  std::size_t pass_string(std::string_view text, std::size_t at);
  std::size_t pass_structure(std::string_view text, std::size_t at);
  bool escapes_next(std::string_view text) const;

  std::size_t depth_ = 0;
  bool begun_ = false;
  bool in_string_ = false;
  bool escaped_ = false;
};

}  // namespace streamsync
