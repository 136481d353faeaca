#include "streams/held_bytes.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace streamsync {

HeldBytes::HeldBytes(std::uint64_t limit, std::string_view what, std::string_view where)
    : limit_(limit), what_(what), where_(where) {}

std::uint64_t HeldBytes::of(const Tags& tags) noexcept {
  std::uint64_t bytes = kObject;
  for (const auto& [key, value] : tags) bytes += of(key, value);
  return bytes;
}

void HeldBytes::add(std::uint64_t bytes) {
  bytes_ += bytes;
  if (bytes_ > limit_) {
    throw Error(ErrorKind::Malformed, Origin::Source,
                fmt::format("{}: {} take more than {} of memory, more than a stream has use for",
                            where_, what_, human_size(limit_)));
  }
}

}  // namespace streamsync
