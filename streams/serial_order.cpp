#include "streams/serial_order.h"

#include <algorithm>
#include <cstdint>

#include "base/text.h"

namespace streamsync {
namespace {

struct Serial {
  std::string_view day;  ///< "20240101" of "20240101.10"
  std::uint64_t number = 0;
};

std::optional<Serial> serial_of(std::string_view version) {
  const auto dot = version.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto number = parse_decimal(version.substr(dot + 1));
  if (!number) return std::nullopt;
  return Serial{version.substr(0, dot), *number};
}

}  // namespace

bool is_later_serial(std::string_view one, std::string_view other) {
  const auto first = serial_of(one);
  const auto second = serial_of(other);
  return first && second && first->day == second->day && first->number > second->number;
}

std::optional<std::string> overtaken_among(const std::vector<std::string>& versions) {
  const auto newest = std::max_element(versions.begin(), versions.end());
  auto latest = newest;
  for (auto version = versions.begin(); version != versions.end(); ++version) {
    if (is_later_serial(*version, *latest)) latest = version;
  }
  return latest == newest ? std::nullopt : std::optional(*latest);
}

}  // namespace streamsync
