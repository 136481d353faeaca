#pragma once

#include <cstdint>

namespace streamsync {

/// What sources gave for a content.
struct FetchedBytes {
  std::uint64_t all = 0;
  std::uint64_t used = 0;  ///< those of them that an attempt was made of that brought the item

  FetchedBytes& operator+=(const FetchedBytes& more) noexcept {
    all += more.all;
    used += more.used;
    return *this;
  }
};

}  // namespace streamsync
