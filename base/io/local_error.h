#pragma once

#include <string_view>

#include "base/error.h"

namespace streamsync {

/// What the `code` of a failed system call (errno) means: "doing: why", origin Local.
Error local_error(int code, std::string_view doing);

}  // namespace streamsync
