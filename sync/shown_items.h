#pragma once

#include <set>
#include <string>
#include <vector>

#include "streams/target.h"
#include "sync/observer.h"
#include "sync/plan.h"

namespace streamsync {

/// What consumers may be told of after the plan was carried out, its Removes aside: of a version
/// that this run shows, all or nothing (`cli.md` §4.2).
std::vector<Held> shown_items(const Plan& plan, const std::vector<ActionResult>& results);

/// Placements of those whose version lacks an item: was it whole once, or did a killed run show
/// them alone? Only what names them tells.
std::set<std::string> shown_of_lacking_versions(const Plan& plan,
                                                const std::vector<ActionResult>& results);

}  // namespace streamsync
