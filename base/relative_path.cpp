#include "base/relative_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "base/error.h"
#include "base/text.h"

namespace streamsync {
namespace {

constexpr std::size_t kLongestPath = 4096;
constexpr std::size_t kLongestSegment = 255;
constexpr std::size_t kShownInMessage = 120;

/// The rule that is broken, as the end of a sentence; none when the path is good.
using BrokenRule = std::optional<std::string_view>;

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
}

/// None when a '%' is not followed by two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const auto high = hex_digit(text[i + 1]);
    const auto low = hex_digit(text[i + 2]);
    if (!high || !low) return std::nullopt;
    decoded += static_cast<char>(*high << 4U | *low);
    i += 2;
  }
  return decoded;
}

bool equal_but_for_case(std::string_view text, std::string_view lower) {
  const auto same = [](char c, char l) { return c == l || (c >= 'A' && c <= 'Z' && c + 32 == l); };
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), same);
}

// A mirror on a file system without case would take ".DATA" for ours.
bool is_reserved(std::string_view segment) {
  constexpr std::string_view kPart = ".part";
  if (segment.size() >= kPart.size() &&
      equal_but_for_case(segment.substr(segment.size() - kPart.size()), kPart)) {
    return true;
  }
  return equal_but_for_case(segment, ".data") || equal_but_for_case(segment, ".state") ||
         equal_but_for_case(segment, ".streamsync");
}

BrokenRule broken_by_segment(std::string_view segment) {
  if (segment.empty()) return "it has an empty segment";
  if (segment == "." || segment == "..") return "it has a segment '.' or '..'";
  if (segment.size() > kLongestSegment) return "a segment is longer than 255 bytes";
  if (is_reserved(segment)) return "it uses a name that is reserved";
  return std::nullopt;
}

BrokenRule broken_by_segments(std::string_view path) {
  for (;;) {
    const std::size_t end = path.find('/');
    if (const BrokenRule rule = broken_by_segment(path.substr(0, end))) return rule;
    if (end == std::string_view::npos) return std::nullopt;
    path.remove_prefix(end + 1);
  }
}

BrokenRule broken_by_size_or_root(std::string_view path) {
  if (path.empty()) return "it is empty";
  if (path.size() > kLongestPath) return "it is longer than 4096 bytes";
  if (path.front() == '/') return "it is not relative";
  return std::nullopt;
}

BrokenRule broken_by_name(std::string_view path) {
  if (const BrokenRule rule = broken_by_size_or_root(path)) return rule;
  if (path.find('\\') != std::string_view::npos) return "it has a backslash";
  if (printable(path) != path) return "it has a control character or is not UTF-8";
  return broken_by_segments(path);
}

/// RFC 3986 §4.2: in the first segment of a relative reference a ':' ends a scheme.
BrokenRule broken_by_url(std::string_view path) {
  if (path.find_first_of("?#") != std::string_view::npos) return "it has a query or a fragment";
  if (path.substr(0, path.find('/')).find(':') != std::string_view::npos) {
    return "its first segment has a ':', which makes it a URL of its own";
  }
  return std::nullopt;
}

/// Bytes that no rule but those on size and segments speaks of. Nearly all paths have no others.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (unsigned char c = '!'; c <= '~'; ++c) {
    plain[c] = std::string_view("\\?#:%").find(static_cast<char>(c)) == std::string_view::npos;
  }
  return plain;
}();

bool is_plain(std::string_view path) {
  return std::all_of(path.begin(), path.end(),
                     [](char c) { return kPlain[static_cast<unsigned char>(c)]; });
}

BrokenRule broken_rule(std::string_view path) {
  if (is_plain(path)) {
    const BrokenRule rule = broken_by_size_or_root(path);
    return rule ? rule : broken_by_segments(path);
  }
  if (const BrokenRule rule = broken_by_name(path)) return rule;
  if (const BrokenRule rule = broken_by_url(path)) return rule;
  if (path.find('%') == std::string_view::npos) return std::nullopt;
  const auto decoded = percent_decoded(path);
  if (!decoded) return "it has a '%' that begins no percent-encoded byte";
  return broken_by_name(*decoded);
}

std::string shown(std::string_view path) {
  if (path.size() <= kShownInMessage) return printable(path);
  return printable(path.substr(0, kShownInMessage)) + "...";
}

}  // namespace

void RelativePath::check(std::string_view text) {
  if (const BrokenRule rule = broken_rule(text)) {
    throw Error(ErrorKind::Malformed, Origin::Source,
                fmt::format("unsafe path '{}': {}", shown(text), *rule));
  }
}

RelativePath RelativePath::parse(std::string_view text) {
  check(text);
  return RelativePath(std::string(text));
}

std::string_view RelativePath::file_name() const noexcept {
  // npos + 1 is 0: a path of one segment is its own name.
  return std::string_view(str()).substr(str().rfind('/') + 1);
}

RelativePath RelativePath::with_file_name(std::string_view name) const {
  return parse(str().substr(0, str().rfind('/') + 1) + std::string(name));
}

}  // namespace streamsync
