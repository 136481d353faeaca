#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace streamsync {

/// Which part of a file the body of a 206 is.
struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::optional<std::uint64_t> size;  ///< of the whole file; none where the server does not know
};

/// Of a Content-Range field (RFC 9110 §14.4). None for anything but one range of bytes that fits
/// into its file.
std::optional<ContentRange> parse_content_range(std::string_view field);

}  // namespace streamsync
