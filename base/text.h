#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Text: the few operations the standard library of C++20 lacks. All pure.
namespace streamsync {

/// Lower-case hexadecimal of `bytes`.
std::string to_hex(std::string_view bytes);

/// `text` with every control character (C0, DEL, C1) and invalid UTF-8 byte written as \xNN, so
/// that foreign names can go to a terminal or a log.
std::string printable(std::string_view text);

/// `json`, a JSON text, with DEL and the C1 control characters as \u escapes, which writers of JSON
/// leave as they are, and terminals obey.
std::string without_raw_controls(std::string_view json);

std::string to_lower_ascii(std::string_view text);

/// `text` without blanks and line ends at both ends.
std::string_view trimmed(std::string_view text);

/// Parts of `text` between `separator`s, empty ones included.
std::vector<std::string_view> split(std::string_view text, char separator);

/// Exactly a decimal number without sign, blanks or leading '+', up to 2^63-1.
std::optional<std::uint64_t> parse_decimal(std::string_view text);

/// A size as `cli.md` §3 writes it: 512, 64K, 10M, 4G (powers of 1024).
std::optional<std::uint64_t> parse_size(std::string_view text);

/// "1.4 GB" for people.
std::string human_size(std::uint64_t bytes);

/// The candidate with the smallest edit distance to `word`, if it is close enough to be a slip.
std::optional<std::string> nearest_word(std::string_view word,
                                        const std::vector<std::string>& candidates);

}  // namespace streamsync
