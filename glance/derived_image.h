#pragma once

#include "glance/image_client.h"
#include "streams/item.h"

namespace streamsync {

/// Whether somebody has made it from an image of `item` and its properties came along: a snapshot,
/// a backup, the disk of a shelved server, an uploaded volume. It is a user's (docs/adr/0023).
bool is_derived(const Image& image, const Item& item);

}  // namespace streamsync
