#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>

#include "base/http/retry.h"
#include "streams/source.h"
#include "streams/target.h"

namespace streamsync {

/// What is told of a transfer, in the thread that called for it.
struct TransferListener {
  std::function<void(std::uint64_t bytes)> on_bytes;  ///< so many the target has been given
  RetryListener on_retry;                             ///< not empty
};

/// Copies one item: a source leg in the calling thread, a target leg in a thread of its own, and a
/// bounded pipe between them (docs/adr/0002). Bytes flow once, hashed on the way; the target sees
/// the last of them only when size and digest match.
///
/// The source leg goes on where it was cut: of the same source as long as `retries` allows, each
/// MiB that came being a new beginning, then of the next of `sources`, to which `base` moves on;
/// and behind what the target has from an earlier attempt, unless that turns out to be wrong.
/// Throws what failed first, a source or the target. `Error{Corrupt, Source}`: the bytes were
/// wrong, the last of them from `base`.
Held transfer(std::span<Source* const> sources, std::size_t& base, ItemTarget& target,
              const BlobSpec& blob, const RetryPolicy& retries, std::stop_token stop,
              const TransferListener& listener);

}  // namespace streamsync
