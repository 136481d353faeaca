#pragma once

#include <string_view>
#include <vector>

#include "objects/object_store.h"

namespace streamsync {

/// One page of a container's listing as JSON (Object Storage API, "Show container details and list
/// objects"). Throws `Error{Protocol, Target}` for what is none.
std::vector<ListedObject> read_container_page(std::string_view json);

}  // namespace streamsync
