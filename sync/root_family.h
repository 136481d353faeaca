#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/io/spool.h"
#include "streams/stream_family.h"
#include "streams/target.h"
#include "sync/catalog.h"

namespace streamsync {

/// Of all that a source's indexes name.
std::optional<StreamFamily> family_of(const std::vector<const Catalog*>& catalogs);

/// Why a stream of this family may not come into that root: readers would find two families there
/// (`consumers.md` §4, line 11). None when it may, also where one of the two is not known. Throws
/// what reading the root does.
std::optional<Error> family_conflict(MetadataTarget& root, std::optional<StreamFamily> coming);

/// The same, by one index that was read there.
std::optional<Error> family_conflict(const MetadataTarget& root, const std::string& path,
                                     Spool index, std::optional<StreamFamily> coming);

}  // namespace streamsync
