#pragma once

#include <functional>
#include <optional>
#include <string>

namespace streamsync {

/// getenv, replaceable in tests.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

}  // namespace streamsync
