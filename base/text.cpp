#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <numeric>

namespace streamsync {
namespace {

constexpr std::uint64_t kLargestNumber = std::numeric_limits<std::int64_t>::max();

unsigned char byte_at(std::string_view text, std::size_t position) {
  return static_cast<unsigned char>(text[position]);
}

bool is_continuation(unsigned char byte) { return (byte & 0xC0U) == 0x80U; }

/// What a lead byte announces: the length of its sequence, and the range of the second byte, which
/// is what excludes overlong forms, surrogates and code points past U+10FFFF (Unicode table 3-7).
struct Utf8Lead {
  std::size_t length;
  unsigned char second_min;
  unsigned char second_max;
};

std::optional<Utf8Lead> utf8_lead(unsigned char byte) {
  if (byte < 0x80) return Utf8Lead{1, 0, 0};
  if (byte >= 0xC2 && byte <= 0xDF) return Utf8Lead{2, 0x80, 0xBF};
  if (byte == 0xE0) return Utf8Lead{3, 0xA0, 0xBF};
  if (byte == 0xED) return Utf8Lead{3, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return Utf8Lead{3, 0x80, 0xBF};
  if (byte == 0xF0) return Utf8Lead{4, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return Utf8Lead{4, 0x80, 0xBF};
  if (byte == 0xF4) return Utf8Lead{4, 0x80, 0x8F};
  return std::nullopt;
}

/// Length of the well-formed UTF-8 sequence that `text` begins with, 0 when there is none.
std::size_t utf8_sequence_length(std::string_view text) {
  const auto lead = utf8_lead(byte_at(text, 0));
  if (!lead || lead->length > text.size()) return 0;
  if (lead->length == 1) return 1;
  const unsigned char second = byte_at(text, 1);
  if (second < lead->second_min || second > lead->second_max) return 0;
  for (std::size_t i = 2; i < lead->length; ++i) {
    if (!is_continuation(byte_at(text, i))) return 0;
  }
  return lead->length;
}

bool is_control(std::string_view sequence) {
  const unsigned char first = byte_at(sequence, 0);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7F;
  // C1, U+0080 to U+009F: terminals may obey them as they obey ESC sequences.
  return sequence.size() == 2 && first == 0xC2 && byte_at(sequence, 1) < 0xA0;
}

void append_escaped(std::string& out, std::string_view bytes) {
  for (const char byte : bytes) out += fmt::format("\\x{:02X}", static_cast<unsigned char>(byte));
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t substituted = diagonal + (from[i] == to[j] ? 0U : 1U);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex(bytes.size() * 2, '\0');
  char* digit = hex.data();
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    *digit++ = kDigits[value >> 4U];
    *digit++ = kDigits[value & 0x0FU];
  }
  return hex;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_sequence_length(text);
    const std::string_view sequence = text.substr(0, std::max<std::size_t>(length, 1));
    if (length == 0 || is_control(sequence)) {
      append_escaped(out, sequence);
    } else {
      out += sequence;
    }
    text.remove_prefix(sequence.size());
  }
  return out;
}

std::string without_raw_controls(std::string_view json) {
  const bool may_hold_some =
      json.find('\x7F') != std::string_view::npos || json.find('\xC2') != std::string_view::npos;
  if (!may_hold_some) return std::string(json);
  std::string safe;
  safe.reserve(json.size());
  for (std::size_t at = 0; at < json.size(); ++at) {
    const auto byte = static_cast<unsigned char>(json[at]);
    const auto next = at + 1 < json.size() ? static_cast<unsigned char>(json[at + 1]) : 0U;
    if (byte == 0x7F) {
      safe += "\\u007f";
    } else if (byte == 0xC2 && next >= 0x80 && next <= 0x9F) {
      safe += fmt::format("\\u{:04x}", next);
      ++at;
    } else {
      safe += json[at];
    }
  }
  return safe;
}

std::string to_lower_ascii(std::string_view text) {
  std::string lower(text);
  // Not std::tolower: it obeys the locale.
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (kLargestNumber - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  constexpr std::string_view kUnits = "KMG";
  std::uint64_t factor = 1;
  if (!text.empty()) {
    const std::size_t unit = kUnits.find(text.back());
    if (unit != std::string_view::npos) {
      factor = std::uint64_t{1} << (10U * (unit + 1));
      text.remove_suffix(1);
    }
  }
  const auto number = parse_decimal(text);
  if (!number || *number > kLargestNumber / factor) return std::nullopt;
  return *number * factor;
}

std::string human_size(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 6> kUnits = {"kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  // 999.95 would be printed as 1000.0.
  while (value >= 999.95 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::optional<std::string> nearest_word(std::string_view word,
                                        const std::vector<std::string>& candidates) {
  std::optional<std::string> nearest;
  std::size_t smallest = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    // Replacing every letter is not a slip of the pen, however short the word.
    if (distance < smallest && distance < std::max(word.size(), candidate.size())) {
      smallest = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace streamsync
