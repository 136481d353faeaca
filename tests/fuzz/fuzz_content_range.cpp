// The Content-Range of any server (RFC 9110 §14.4): a part of a file goes to the right place or is
// not taken.

#include "base/http/content_range.h"

#include <fmt/format.h>

#include <string>

#include "tests/fuzz/property.h"

namespace streamsync {
namespace {

std::string str(const ContentRange& range) {
  return fmt::format("bytes {}-{}/{}", range.first, range.last,
                     range.size ? std::to_string(*range.size) : "*");
}

void check(std::string_view field) {
  const auto range = parse_content_range(field);
  if (!range) return;
  require(range->first <= range->last, "a part has a byte");
  require(!range->size || range->last < *range->size, "a part lies within its file");
  require(field.size() >= str(*range).size(), "nothing is made up");
  const auto again = parse_content_range(str(*range));
  require(again && again->first == range->first && again->last == range->last &&
              again->size == range->size,
          "what was read can be written and read");
}

}  // namespace
}  // namespace streamsync

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  streamsync::check(streamsync::input(data, size));
  return 0;
}
