#include "sync/executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <tuple>
#include <utility>
#include <variant>

#include "sync/transfer.h"

namespace streamsync {
namespace {

using Clock = std::chrono::steady_clock;

struct Progress {
  std::size_t action;
  std::uint64_t bytes;
};
struct Retry {
  std::size_t action;
  Error error;
  std::chrono::milliseconds wait;
};
struct Staged {
  std::size_t action;
  Held held;
  std::chrono::duration<double> seconds;
};
struct Failed {
  std::size_t action;
  Error error;
  std::chrono::duration<double> seconds;
};
struct JobEnded {};
using JobEvent = std::variant<Progress, Retry, Staged, Failed, JobEnded>;

// From the job threads to the thread that owns the run.
class JobEvents {
 public:
  void post(JobEvent event) {
    {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::move(event));
    }
    arrived_.notify_one();
  }

  JobEvent next() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return !events_.empty(); });
    JobEvent event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<JobEvent> events_;
};

using VersionKey = std::tuple<std::string, std::string, std::string>;

VersionKey version_of(const ItemKey& key) { return {key.content_id, key.product, key.version}; }

bool brings_bytes(const Action& action) {
  return action.kind == ActionKind::Create || action.kind == ActionKind::Adopt;
}

// One item from wherever it can be had. Bytes that do not match are asked for once more, then of
// the next base; a target's failure is no reason to change bases.
class ItemCopy {
 public:
  ItemCopy(ItemTarget& target, const ItemSources& sources, const RetryPolicy& retries,
           std::stop_token stop, JobEvents& events)
      : target_(target), sources_(sources), retries_(retries), stop_(stop), events_(events) {}

  Held run(std::size_t index, const Action& action) const {
    if (action.kind == ActionKind::Adopt && target_.verify_unrevealed(*action.held, *action.blob)) {
      return *action.held;
    }
    constexpr unsigned kAsksOfABase = 2;
    std::size_t base = 0;
    for (unsigned asks = 1;; ++asks) {
      const auto asked_first = base;
      try {
        return from(base, index, action);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::Corrupt || error.origin() != Origin::Source) throw;
        if (base != asked_first) asks = 1;
        if (asks == kAsksOfABase) {
          if (++base == sources_.size()) throw;
          asks = 0;
        }
        events_.post(Retry{index, error, std::chrono::milliseconds(0)});
      }
    }
  }

 private:
  // `base` moves on when one can't be asked.
  Held from(std::size_t& base, std::size_t index, const Action& action) const {
    const RetryListener on_retry = [&](const Error& error, std::chrono::milliseconds wait) {
      events_.post(Retry{index, error, wait});
    };
    const TransferListener listener{[&](std::uint64_t bytes) {
                                      events_.post(Progress{index, bytes});
                                    },
                                    on_retry};
    std::optional<Held> held;
    // What a source fails in has been retried where it stood.
    retrying(retries_, stop_, on_retry, [&] {
      held = transfer(sources_, base, target_, *action.blob, retries_, stop_, listener);
    });
    return std::move(*held);
  }

  ItemTarget& target_;
  const ItemSources& sources_;
  const RetryPolicy& retries_;
  std::stop_token stop_;
  JobEvents& events_;
};

void withhold(ActionResult& result, std::string reason) {
  result.status = ActionStatus::Withheld;
  result.withheld_because = std::move(reason);
}

// Turns job events into results: reveals whole versions, tells the observer in plan order.
class Results {
 public:
  Results(const Plan& plan, ItemTarget& target, Observer& observer)
      : plan_(plan), target_(target), observer_(observer), results_(plan.actions.size()) {
    for (std::size_t index = 0; index < plan.actions.size(); ++index) {
      settle_without_bytes(index);
    }
    tell();
  }

  void staged(const Staged& event) {
    results_[event.action].held = event.held;
    results_[event.action].seconds = event.seconds;
    item_ended(event.action);
  }

  void failed(const Failed& event) {
    results_[event.action].status = ActionStatus::Failed;
    results_[event.action].error = event.error;
    results_[event.action].seconds = event.seconds;
    versions_.at(version_of(plan_.actions[event.action].key)).failed = true;
    item_ended(event.action);
  }

  // Nothing names them, and what comes may need their room.
  void remove_begun() {
    for (std::size_t index = 0; index < plan_.actions.size(); ++index) {
      const auto& action = plan_.actions[index];
      if (action.kind != ActionKind::Remove || action.held->state != HeldState::Incomplete)
        continue;
      try {
        target_.remove(*action.held);
        results_[index].status = ActionStatus::Done;
      } catch (const Error& error) {
        results_[index].status = ActionStatus::Failed;
        results_[index].error = error;
      }
    }
  }

  // A version without its successor stays (`cli.md` §4.2).
  std::vector<ActionResult> take() && {
    std::set<std::pair<std::string, std::string>> failed_products;
    for (std::size_t index = 0; index < results_.size(); ++index) {
      if (results_[index].status == ActionStatus::Failed) {
        const auto& key = plan_.actions[index].key;
        failed_products.emplace(key.content_id, key.product);
      }
    }
    for (std::size_t index = 0; index < results_.size(); ++index) {
      const auto& action = plan_.actions[index];
      if (action.kind == ActionKind::Remove && results_[index].status == ActionStatus::Planned &&
          failed_products.contains({action.key.content_id, action.key.product})) {
        withhold(results_[index], "its successor failed");
      }
    }
    return std::move(results_);
  }

 private:
  struct VersionProgress {
    std::vector<std::size_t> members;
    std::size_t missing = 0;
    bool failed = false;
  };

  void settle_without_bytes(std::size_t index) {
    const auto& action = plan_.actions[index];
    auto& version = versions_[version_of(action.key)];
    if (brings_bytes(action)) {
      version.members.push_back(index);
      ++version.missing;
    } else if (action.kind == ActionKind::Skip) {
      results_[index].status = ActionStatus::Failed;
      results_[index].error = action.error;
      version.failed = true;
    } else if (action.kind == ActionKind::Keep) {
      results_[index].status = ActionStatus::Done;
    }
  }

  void item_ended(std::size_t index) {
    auto& version = versions_.at(version_of(plan_.actions[index].key));
    if (--version.missing == 0) {
      for (const auto member : version.members) {
        if (results_[member].status != ActionStatus::Failed) {
          version_ended(member, version);
        }
      }
    }
    tell();
  }

  void version_ended(std::size_t index, const VersionProgress& version) {
    auto& result = results_[index];
    try {
      if (version.failed) {
        throw Error(ErrorKind::Conflict, Origin::Target,
                    fmt::format("{}: held back, because another item of its version failed",
                                plan_.actions[index].name));
      }
      target_.reveal(*result.held);
      result.held->state = HeldState::Present;
      result.status = ActionStatus::Done;
    } catch (const Error& error) {
      result.status = ActionStatus::Failed;
      result.error = error;
    }
  }

  void tell() {
    while (told_ < results_.size() && plan_.actions[told_].kind != ActionKind::Remove &&
           results_[told_].status != ActionStatus::Planned) {
      observer_.finished(plan_.actions[told_], results_[told_]);
      ++told_;
    }
  }

  const Plan& plan_;
  ItemTarget& target_;
  Observer& observer_;
  std::vector<ActionResult> results_;
  std::map<VersionKey, VersionProgress> versions_;
  std::size_t told_ = 0;
};

std::vector<std::size_t> largest_first(const Plan& plan) {
  std::vector<std::size_t> work;
  for (std::size_t index = 0; index < plan.actions.size(); ++index) {
    if (brings_bytes(plan.actions[index])) {
      work.push_back(index);
    }
  }
  std::stable_sort(work.begin(), work.end(), [&plan](std::size_t one, std::size_t other) {
    return plan.actions[one].size > plan.actions[other].size;
  });
  return work;
}

}  // namespace

Executor::Executor(ItemTarget& target, std::vector<ItemSources> sources, std::size_t jobs,
                   RetryPolicy retries, std::stop_token stop, Observer& observer)
    : target_(target),
      sources_(std::move(sources)),
      jobs_(jobs),
      retries_(retries),
      stop_(stop),
      observer_(observer) {}

std::vector<ActionResult> Executor::copy(const Plan& plan) {
  const auto work = largest_first(plan);
  std::vector<BlobSpec> coming;
  for (const auto index : work) {
    coming.push_back(*plan.actions[index].blob);
  }
  if (!coming.empty()) {
    target_.announce(coming);
  }
  observer_.starting(plan);
  Results results(plan, target_, observer_);
  results.remove_begun();
  JobEvents events;
  std::atomic<std::size_t> next{0};
  const auto job = [&] {
    for (auto at = next++; at < work.size() && !stop_.stop_requested(); at = next++) {
      const auto& action = plan.actions[work[at]];
      const auto begin = Clock::now();
      try {
        const ItemCopy copy(target_, sources_.at(action.entry), retries_, stop_, events);
        Held held = with_context(action.name, [&] { return copy.run(work[at], action); });
        events.post(Staged{work[at], std::move(held), Clock::now() - begin});
      } catch (const Error& error) {
        events.post(Failed{work[at], error, Clock::now() - begin});
      } catch (const Cancelled&) {
        break;
      } catch (const std::exception& error) {
        events.post(Failed{work[at], Error(ErrorKind::Protocol, Origin::Local, error.what()),
                           Clock::now() - begin});
      }
    }
    events.post(JobEnded{});
  };
  std::vector<std::jthread> jobs(std::min(jobs_, work.size()));
  for (auto& thread : jobs) {
    thread = std::jthread(job);
  }
  for (auto running = jobs.size(); running > 0;) {
    const auto event = events.next();
    if (const auto* progress = std::get_if<Progress>(&event)) {
      observer_.progress(plan.actions[progress->action], progress->bytes);
    } else if (const auto* retry = std::get_if<Retry>(&event)) {
      observer_.retrying(plan.actions[retry->action], retry->error, retry->wait);
    } else if (const auto* staged = std::get_if<Staged>(&event)) {
      results.staged(*staged);
    } else if (const auto* failed = std::get_if<Failed>(&event)) {
      results.failed(*failed);
    } else {
      --running;
    }
  }
  if (stop_.stop_requested()) {
    throw Cancelled();
  }
  return std::move(results).take();
}

void Executor::remove(const Plan& plan, std::vector<ActionResult>& results) {
  for (std::size_t index = 0; index < plan.actions.size(); ++index) {
    const auto& action = plan.actions[index];
    if (action.kind != ActionKind::Remove) {
      continue;
    }
    if (stop_.stop_requested()) {
      throw Cancelled();
    }
    auto& result = results[index];
    if (result.status == ActionStatus::Planned) {
      try {
        target_.remove(*action.held);
        result.status = ActionStatus::Done;
      } catch (const Error& error) {
        result.status = ActionStatus::Failed;
        result.error = error;
      }
    }
    observer_.finished(action, result);
  }
}

void Executor::withhold_removals(const Plan& plan, std::vector<ActionResult>& results,
                                 const std::string& reason) {
  for (std::size_t index = 0; index < plan.actions.size(); ++index) {
    if (plan.actions[index].kind == ActionKind::Remove &&
        results[index].status == ActionStatus::Planned) {
      withhold(results[index], reason);
    }
  }
}

}  // namespace streamsync
