#include "base/http/content_range.h"

#include "base/text.h"

namespace streamsync {

std::optional<ContentRange> parse_content_range(std::string_view field) {
  constexpr std::string_view kUnit = "bytes ";
  if (to_lower_ascii(field.substr(0, kUnit.size())) != kUnit) return std::nullopt;
  field.remove_prefix(kUnit.size());
  const std::size_t dash = field.find('-');
  const std::size_t slash = field.find('/');
  if (dash == field.npos || slash == field.npos || slash < dash) return std::nullopt;
  const auto first = parse_decimal(field.substr(0, dash));
  const auto last = parse_decimal(field.substr(dash + 1, slash - dash - 1));
  const auto size = parse_decimal(field.substr(slash + 1));
  const bool is_size_known = field.substr(slash + 1) != "*";
  if (!first || !last || *first > *last || (is_size_known && (!size || *last >= *size))) {
    return std::nullopt;
  }
  return ContentRange{*first, *last, size};
}

}  // namespace streamsync
