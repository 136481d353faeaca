#pragma once

#include <vector>

#include "streams/target.h"
#include "sync/observer.h"
#include "sync/plan.h"

namespace streamsync {

/// What consumers may be told of after the plan was carried out, its Removes aside: of a version
/// that this run shows, all or nothing (`cli.md` §4.2).
std::vector<Held> shown_items(const Plan& plan, const std::vector<ActionResult>& results);

}  // namespace streamsync
