#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "objects/object_store.h"

namespace streamsync {

/// Sizes of those of `names`, which all begin with `prefix`, that a listing shows. What it does not
/// show may be there all the same. It is left off when a page passes by fewer than ten of `names`:
/// then to ask for each costs less. A listing that is refused or makes no sense says no more than
/// it did until then, and is no error. See docs/adr/0026.
std::map<std::string, std::uint64_t> listed_sizes(ObjectStore& store, const std::string& prefix,
                                                  const std::set<std::string>& names);

}  // namespace streamsync
