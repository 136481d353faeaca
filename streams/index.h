#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/crypto/openpgp.h"
#include "base/relative_path.h"
#include "streams/tags.h"

namespace streamsync {

struct IndexEntry {
  std::string content_id;
  Tags tags;  ///< the entry's own scalars: what index filters see
  RelativePath path;
  std::string format;  ///< "products:1.0", "index:1.0", or anything: those are not followed
};

/// An `index:1.0` document (`upstream-gss.md` §1.2), entries in document order.
struct Index {
  std::optional<std::string> updated;
  std::vector<IndexEntry> entries;
};

/// Throws `Error{Malformed, Source}`: not JSON, wrong format, unsafe path, duplicate keys.
Index read_index(const TrustedText& text, std::string_view where);

}  // namespace streamsync
