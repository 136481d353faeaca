#pragma once

#include <set>
#include <string>
#include <vector>

#include "streams/target.h"
#include "sync/observer.h"
#include "sync/plan.h"

namespace streamsync {

/// Another unit may have worked on a target since the plan was made (threats-and-faults.md F23). By
/// what the target holds `now`, what the other has brought has not failed, or is kept where the
/// plan knows nothing of its version; and what it has taken away is named no more. Returns the
/// placements of what is kept so: whether a version of them is whole only the other unit knows.
std::set<std::string> look_again(Plan& plan, std::vector<ActionResult>& results,
                                 const std::vector<Held>& now);

}  // namespace streamsync
