#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>

#include "sync/job_events.h"

namespace streamsync {

/// What the calling thread does with what its jobs tell.
struct JobListener {
  std::function<void(const JobEvent&)> on_event;  ///< never a JobEnded
  std::function<void()> on_pause{};               ///< nothing is waiting to be heard; may be empty
};

/// `work` for each number below `count`, in at most `jobs` threads, which tell by `events` what
/// they do. Returns when all have ended. Throws `Cancelled` when asked to end, and what `work`
/// throws besides: then the rest is left undone.
void in_jobs(std::size_t count, std::size_t jobs, const std::stop_token& stop, JobEvents& events,
             const std::function<void(std::size_t)>& work, const JobListener& listener);

}  // namespace streamsync
