#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace streamsync {

/// Whether two versions differ in the number behind their last dot alone, and `one` has the higher.
bool is_later_serial(std::string_view one, std::string_view other);

/// The version that is later than the one that sorts last. Versions sort by their bytes, so .10
/// comes before .9, and consumers take .9 (`consumers.md` §4, line 8).
std::optional<std::string> overtaken_among(const std::vector<std::string>& versions);

}  // namespace streamsync
