#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "streams/target.h"

namespace streamsync {

/// What a tree is to record before items come, so that neither what they replace nor what a killed
/// run leaves is ever without a record (docs/adr/0007).
struct TreeRecords {
  std::map<std::string, std::vector<Item>> items;  ///< by content_id: what is there, and what comes
  /// What comes to a path that has another content as yet, or one that no record explains, by path:
  /// to be recorded when it lies there, as until then a record could not tell the one from the
  /// other, and would vouch for bytes that nobody has compared (`cli.md` §4.4).
  std::map<std::string, std::vector<Item>> renewals;
  /// Was begun at the path of another content. What lies at the path itself is not of it.
  std::vector<Held> useless;
};

/// Whether a file lies at a path; asked only where no record tells.
using IsTaken = std::function<bool(const std::string& path)>;

TreeRecords records_of(const std::vector<Held>& there, const std::vector<BlobSpec>& coming,
                       const IsTaken& is_taken);

/// Whether the bytes of what is recorded are gone once `item` is at its path.
bool replaces(const Item& item, const Item& recorded);

}  // namespace streamsync
