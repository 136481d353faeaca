#include "sync/jobs.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace streamsync {

void in_jobs(std::size_t count, std::size_t jobs, const std::stop_token& stop, JobEvents& events,
             const std::function<void(std::size_t)>& work, const JobListener& listener) {
  std::atomic<std::size_t> next{0};
  const auto job = [&] {
    std::exception_ptr failure;
    try {
      for (auto at = next++; at < count && !stop.stop_requested(); at = next++) work(at);
    } catch (const Cancelled&) {
      // The caller sees it, too.
    } catch (const std::exception&) {
      failure = std::current_exception();
    }
    events.post(JobEnded{failure});
  };
  std::vector<std::jthread> threads(std::min(jobs, count));
  try {
    for (auto& thread : threads) thread = std::jthread(job);
    for (auto running = threads.size(); running > 0;) {
      for (auto& event : events.take()) {
        if (const auto* ended = std::get_if<JobEnded>(&event)) {
          --running;
          if (ended->failure) std::rethrow_exception(ended->failure);
        } else {
          listener.on_event(event);
        }
      }
      if (listener.on_pause) listener.on_pause();
    }
  } catch (...) {
    next = count;  // else all the rest would be done before anybody hears of it
    throw;
  }
  if (stop.stop_requested()) throw Cancelled();
}

}  // namespace streamsync
