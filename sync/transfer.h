#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

#include "streams/source.h"
#include "streams/target.h"

namespace streamsync {

/// Copies one item: a source leg in the calling thread, a target leg in a thread of its own, and a
/// bounded pipe between them (docs/adr/0002). Bytes flow once, hashed on the way; the target sees
/// the last of them only when size and digest match. `on_bytes` hears, in the calling thread, how
/// many have arrived. Throws what failed first: the source's `Error`, else the target's.
Held transfer(Source& source, ItemTarget& target, const BlobSpec& blob, std::stop_token stop,
              const std::function<void(std::uint64_t)>& on_bytes);

}  // namespace streamsync
