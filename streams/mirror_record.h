#pragma once

#include <string_view>
#include <vector>

#include "base/io/bytes.h"
#include "streams/item.h"

namespace streamsync {

/// A `products:1.0` document over `items`, all of content_id `content_id`: what upstream keeps in
/// `.data/<content_id>` of a mirror (`upstream-gss.md` §3.1). Tags stand on the items. `to` is not
/// finished.
void write_record(std::string_view content_id, const std::vector<Item>& items, ByteSink& to);

}  // namespace streamsync
