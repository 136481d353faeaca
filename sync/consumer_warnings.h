#pragma once

#include <optional>
#include <string>
#include <vector>

#include "filters/selection.h"

namespace streamsync {

/// That consumers, and we like them, take a version for the newest that is not (`consumers.md` §4,
/// line 8).
std::optional<std::string> order_warning(const std::vector<Selection>& selections);

/// Why Multipass can't use a tree of these items (`consumers.md` §4, lines 7 and 26), a line for
/// each reason.
std::vector<std::string> multipass_warnings(const std::vector<Selection>& selections);

}  // namespace streamsync
