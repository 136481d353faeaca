#pragma once

#include <cstdint>

namespace streamsync {

/// How far an item has come to its targets, in this try.
struct Arrival {
  std::uint64_t bytes = 0;
  /// So much of its beginning a target had of an earlier try: it is only read again, and given to
  /// those that lack it.
  std::uint64_t known = 0;
  /// Where this try began: what is before it the targets were given in an earlier one of this run.
  std::uint64_t from = 0;
};

}  // namespace streamsync
