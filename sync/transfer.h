#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "base/error.h"
#include "base/http/rate_limit.h"
#include "base/http/retry.h"
#include "base/relative_path.h"
#include "streams/source.h"
#include "streams/target.h"
#include "sync/arrival.h"
#include "sync/fetched_bytes.h"
#include "sync/source_course.h"

namespace streamsync {

/// Where the bytes of an item can be had.
struct ItemPlace {
  Source* source;
  RelativePath path;
};

/// One item that is to come to one target.
struct Delivery {
  ItemTarget* target;
  const BlobSpec* blob;
};

/// What became of a delivery: the item as held, or why there is none.
struct Delivered {
  std::optional<Held> held;
  std::optional<Error> failure;
};

/// Pushes what there is of the bytes without asking a source.
using HeadStart = std::function<void(ByteSink&)>;

/// What is to be copied: one content, to one or several targets.
struct TransferOrder {
  std::span<const ItemPlace> places;  ///< asked in this order
  std::span<const Delivery> deliveries;
  HeadStart head_start;  ///< may be empty
};

struct TransferRules {
  std::size_t depth;  ///< chunks of the pipe
  RetryPolicy retries;
  std::stop_token stop;
  std::shared_ptr<RateLimit> rate{};  ///< that sources obey, too; none: as fast as it can
};

/// What is told of a transfer, in the thread that called for it.
struct TransferListener {
  std::function<void(const Arrival&)> on_bytes;
  RetryListener on_retry;  ///< not empty
};

struct TransferResult {
  std::vector<Delivered> delivered;  ///< in the order of the deliveries
  FetchedBytes fetched;
  bool head_start_failed = false;  ///< what it gave was wrong, or not all
};

/// So many first bytes the targets have, all of them, in parts that they were given on this course.
/// 0, too, where these are not of one size.
std::uint64_t parts_of_all(std::span<const Delivery> deliveries, const SourceCourse& course);

/// The next place is asked from now on, which the error tells then.
void move_on(SourceCourse& course, std::span<const ItemPlace> places, Error& error);

/// Whether what a source gave is not what was promised.
bool has_wrong_bytes(const Error& error);

/// What failed in a thread, for another one; what is no `Error` is our own fault.
Error as_error(const std::exception& failure);

/// Copies one content: a source leg in the calling thread, a target leg for each delivery in a
/// thread of its own, and one bounded pipe between them (docs/adr/0002, 0013). Bytes flow once, at
/// the pace of the slowest target, hashed on the way; a target sees the last of them only when size
/// and digest match. A target that fails drops out, the others go on.
///
/// The source leg begins with the head start, or else with the most that a target has from an
/// earlier attempt, unless that turns out to be wrong. Where all targets take parts of one size it
/// begins behind those that all of them were given on the same `course` (docs/adr/0031). It goes on
/// where it was cut: at the same place as long as `retries` allows, each MiB that came
/// being a new beginning, then at the next one, to which `course` moves on.
///
/// `Error{Corrupt, Source}` in a delivery: the bytes were wrong, the last of them from the place of
/// `course`. Throws `Cancelled` when asked to end.
TransferResult transfer(const TransferOrder& order, SourceCourse& course,
                        const TransferRules& rules, const TransferListener& listener);

}  // namespace streamsync
