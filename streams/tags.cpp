#include "streams/tags.h"

namespace streamsync {

std::string_view tag(const Tags& tags, std::string_view key) noexcept {
  const auto found = tags.find(key);
  return found == tags.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace streamsync
