#pragma once

#include <string>
#include <string_view>

namespace streamsync {

/// What Python's str(json.loads(number)) gives for a JSON number (`upstream-gss.md` §1.5): integers
/// as they are, 1e3 as "1000.0", 1e400 as "inf".
std::string python_number(std::string_view number);

}  // namespace streamsync
