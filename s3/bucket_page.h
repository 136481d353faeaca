#pragma once

#include <string_view>
#include <vector>

#include "objects/object_store.h"

namespace streamsync {

/// One page of a bucket's listing (S3 API reference, "ListObjectsV2"). Throws `Error{Protocol,
/// Target}` for what is none, or was cut off.
std::vector<ListedObject> read_bucket_page(std::string_view xml);

}  // namespace streamsync
