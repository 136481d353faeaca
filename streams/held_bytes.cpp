#include "streams/held_bytes.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace streamsync {
namespace {

// What the standard library takes for an object and for each of its tags, beside the text.
constexpr std::uint64_t kObject = 128;
constexpr std::uint64_t kTag = 128;

}  // namespace

HeldBytes::HeldBytes(std::uint64_t limit, std::string_view what, std::string_view where)
    : limit_(limit), what_(what), where_(where) {}

void HeldBytes::add(const Tags& tags) {
  bytes_ += kObject;
  for (const auto& [key, value] : tags) bytes_ += kTag + key.size() + value.size();
  if (bytes_ > limit_) {
    throw Error(ErrorKind::Malformed, Origin::Source,
                fmt::format("{}: {} take more than {} of memory, more than a stream has use for",
                            where_, what_, human_size(limit_)));
  }
}

}  // namespace streamsync
