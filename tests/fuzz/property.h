#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/error.h"

/// Called by libFuzzer or by replay.cpp with one input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace streamsync {

/// A property that must hold for every input; unlike assert also in release builds.
inline void require(bool holds, std::string_view property) {
  if (holds) return;
  std::fprintf(stderr, "property violated: %.*s\n", static_cast<int>(property.size()),
               property.data());
  std::abort();
}

inline std::string_view input(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Runs `action`, which may take its input or refuse it by the one error that its contract names,
/// in one line that a terminal survives. Says whether it was taken.
template <typename Action>
bool taken(ErrorKind kind, Origin origin, Action&& action) {
  try {
    std::forward<Action>(action)();
    return true;
  } catch (const Error& error) {
    for (const char c : std::string_view(error.what())) {
      require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F,
              "a message is one printable line");
    }
    require(error.kind() == kind && error.origin() == origin,
            "the refusal is of the promised kind");
    return false;
  }
}

}  // namespace streamsync
