#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "base/error.h"

namespace streamsync {

/// The `Error` that `action` throws; without one the test fails.
template <typename Action>
Error failure_of(Action&& action) {
  try {
    std::forward<Action>(action)();
  } catch (const Error& error) {
    return error;
  }
  throw std::logic_error("no Error was thrown");
}

}  // namespace streamsync
