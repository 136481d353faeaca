#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/io/spool.h"
#include "streams/stream_family.h"
#include "streams/target.h"
#include "sync/catalog.h"

namespace streamsync {

/// What is to come into a root.
struct ComingStreams {
  std::optional<StreamFamily> family;
  std::set<std::string> content_ids;  ///< what the root's indexes say of these is replaced
};

/// All that a source's indexes name.
ComingStreams coming_from(const std::vector<const Catalog*>& catalogs);

/// Why these streams may not come into that root: readers would find two families there
/// (`consumers.md` §4, line 11). None when they may, also where one of the two is not known. Throws
/// what reading the root does.
std::optional<Error> family_conflict(MetadataTarget& root, const ComingStreams& coming);

/// The same, by one index that was read there.
std::optional<Error> family_conflict(const MetadataTarget& root, const std::string& path,
                                     Spool index, const ComingStreams& coming);

}  // namespace streamsync
