#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace streamsync {

/// How many versions of a product are wanted (`cli.md` §3).
struct RetentionPolicy {
  std::optional<std::size_t> max;
  bool keep = true;  ///< versions that left the source stay while there is room; needs `max`
};

/// Versions sort by bytes (`upstream-gss.md` §1.3).
struct Retention {
  std::vector<std::string> add;     ///< newest first
  std::vector<std::string> remove;  ///< oldest first
  std::set<std::string, std::less<>> wanted;
};

/// Which versions to add and remove, given those at the source (that have an item which passes the
/// filters) and those at the target. `upstream-gss.md` §2.3, but `keep` never swaps a newer version
/// for an older one: with it the newest `max` of both sides are wanted. Pure.
Retention retain(const std::set<std::string, std::less<>>& source,
                 const std::set<std::string, std::less<>>& target, const RetentionPolicy& policy);

}  // namespace streamsync
