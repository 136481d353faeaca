#pragma once

#include <cstdint>

namespace streamsync {

/// How far an item has come to its targets, in this try.
struct Arrival {
  std::uint64_t bytes = 0;
  std::uint64_t known = 0;  ///< the first of them, that all targets had: they were only read again
};

}  // namespace streamsync
