#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "streams/tags.h"

namespace streamsync {

/// Counts what is kept of a document and refuses one that wants more memory than any real stream
/// (threats-and-faults.md T20): a few bytes of `_aliases` can stand for a lot of tags.
class HeldBytes {
 public:
  /// `what` and `where` name in the message what is counted and the document.
  HeldBytes(std::uint64_t limit, std::string_view what, std::string_view where);

  /// Throws `Error{Malformed, Source}` past the limit.
  void add(const Tags& tags);
  void clear() noexcept { bytes_ = 0; }

 private:
  std::uint64_t limit_;
  std::uint64_t bytes_ = 0;
  std::string what_;
  std::string where_;
};

}  // namespace streamsync
