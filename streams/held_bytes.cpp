#include "streams/held_bytes.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace streamsync {

HeldBytes::HeldBytes(std::uint64_t limit, std::string_view what, std::string_view where)
    : limit_(limit), what_(what), where_(where) {}

void HeldBytes::add(std::uint64_t bytes) {
  bytes_ += bytes;
  if (bytes_ > limit_) {
    throw Error(ErrorKind::Malformed, Origin::Source,
                fmt::format("{}: {} take more than {} of memory, more than a stream has use for",
                            where_, what_, human_size(limit_)));
  }
}

}  // namespace streamsync
