#pragma once

#include <string>
#include <vector>

#include "filters/selection.h"

namespace streamsync {

/// Why Multipass can't use a tree of these items (`consumers.md` §4, lines 7 and 26), a line for
/// each reason.
std::vector<std::string> multipass_warnings(const std::vector<Selection>& selections);

}  // namespace streamsync
