#include "sync/executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <variant>

#include "base/crypto/digest.h"
#include "sync/job_events.h"
#include "sync/results.h"

namespace streamsync {
namespace {

using Clock = std::chrono::steady_clock;

// An index can be ahead of its files while a mirror is being filled.
constexpr std::chrono::milliseconds kMayComeWithin{4000};

// All pipes together hold 24 MiB, and two chunks each where there are more jobs (docs/adr/0013); at
// 4 chunks either leg can go on while the other waits for the scheduler.
std::size_t depth_of(std::size_t jobs) {
  constexpr std::size_t kChunks = 24;
  return std::clamp<std::size_t>(kChunks / std::max<std::size_t>(jobs, 1), 2, 4);
}

// Who is wrong about the size must not spoil it for those who are right.
struct ContentKey {
  std::uint64_t size = 0;
  Digest strongest;
  auto operator<=>(const ContentKey&) const = default;
};

ContentKey key_of(const ItemContent& content) { return {content.size, content.strongest}; }

// Items with the same bytes, wherever they are to go.
struct Content {
  std::vector<ActionId> wanted{};
  std::vector<PresentItem> present{};
};

using Contents = std::map<ContentKey, Content>;

std::optional<ContentKey> key_of_held(const Held& held) {
  try {
    return ContentKey{held.size, content_of(held.item).strongest};
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Some servers answer 403 for what is not there.
bool is_missing(const Error& error) {
  return error.origin() == Origin::Source &&
         (error.kind() == ErrorKind::NotFound || error.kind() == ErrorKind::Denied);
}

class Copying {
 public:
  Copying(const std::vector<Assignment>& assignments, std::size_t jobs, const TransferRules& rules,
          Observer& observer)
      : assignments_(assignments), jobs_(jobs), rules_(rules), observer_(observer) {
    results_.reserve(assignments.size());
    for (const auto& assignment : assignments) {
      results_.emplace_back(assignment.plan, *assignment.target, observer);
    }
  }

  std::vector<std::vector<ActionResult>> run() {
    const auto coming = chosen(brings_bytes);
    observer_.starting(size_of(coming));
    for (auto& results : results_) results.remove_begun();
    update(chosen(updates_shown));
    tell();
    const bool asks_again = rules_.retries.attempts > 1;
    carry_out(coming, asks_again ? Missing::MayCome : Missing::HasFailed);
    if (!missing_.empty()) {
      wait_for(may_come_within(), rules_.stop);
      ask_what_has_changed();
      carry_out(std::exchange(missing_, {}), Missing::HasFailed);
    }
    show_again();
    std::vector<std::vector<ActionResult>> taken;
    for (auto& results : results_) taken.push_back(std::move(results).take());
    return taken;
  }

 private:
  // What a source says it does not have.
  enum class Missing { MayCome, HasFailed };

  std::chrono::milliseconds may_come_within() const {
    return std::min<std::chrono::milliseconds>(kMayComeWithin, rules_.retries.max_wait);
  }

  const Action& action(const ActionId& id) const {
    return assignments_[id.assignment].plan.actions[id.action];
  }

  static bool updates_shown(const Action& action) noexcept {
    return action.kind == ActionKind::Update && !shows_anew(action);
  }
  static bool shows_again(const Action& action) noexcept {
    return action.kind == ActionKind::Update && shows_anew(action);
  }

  std::vector<ActionId> chosen(bool (*is_wanted)(const Action&) noexcept) const {
    std::vector<ActionId> ids;
    for (std::size_t assignment = 0; assignment < assignments_.size(); ++assignment) {
      const auto& actions = assignments_[assignment].plan.actions;
      for (std::size_t index = 0; index < actions.size(); ++index) {
        if (is_wanted(actions[index])) ids.push_back({assignment, index});
      }
    }
    return ids;
  }

  std::uint64_t size_of(const std::vector<ActionId>& ids) const {
    std::uint64_t size = 0;
    for (const auto& id : ids) size += action(id).size;
    return size;
  }

  Contents contents_of(const std::vector<ActionId>& ids) const {
    Contents contents;
    for (const auto& id : ids) {
      contents[key_of(action(id).blob->content)].wanted.push_back(id);
    }
    return contents;
  }

  void add_present(Contents& contents) const {
    if (contents.empty()) return;
    for (const auto& assignment : assignments_) {
      for (const auto& action : assignment.plan.actions) {
        if (!action.held || action.held->state != HeldState::Present) continue;
        const auto key = key_of_held(*action.held);
        const auto content = key ? contents.find(*key) : contents.end();
        if (content == contents.end() || lacks(*action.held, content->second)) continue;
        content->second.present.push_back({assignment.target, *action.held});
      }
    }
  }

  // Its metadata promise these bytes, and its target tells of others.
  bool lacks(const Held& held, const Content& content) const {
    return std::any_of(content.wanted.begin(), content.wanted.end(), [&](const ActionId& id) {
      return stores_bytes_of(held, action(id).blob->item) == false;
    });
  }

  std::vector<const Content*> largest_first(const Contents& contents) const {
    std::vector<const Content*> order;
    for (const auto& [key, content] : contents) order.push_back(&content);
    std::sort(order.begin(), order.end(), [this](const Content* one, const Content* other) {
      const auto& first = one->wanted.front();
      const auto& second = other->wanted.front();
      const auto size = action(first).size, other_size = action(second).size;
      return size != other_size ? size > other_size : first < second;
    });
    return order;
  }

  // When it is known which versions are whole (`cli.md` §4.2).
  void show_again() {
    std::vector<ActionId> ids;
    for (const auto& id : chosen(shows_again)) {
      auto& results = results_[id.assignment];
      results.version_failed(id.action) ? results.hold_back(id.action) : ids.push_back(id);
    }
    update(ids);
    tell();
  }

  void update(const std::vector<ActionId>& ids) {
    JobEvents events;
    in_jobs(ids.size(), events, Missing::HasFailed,
            [&](std::size_t at) { events.post(updated(ids[at])); });
  }

  Updated updated(const ActionId& id) const {
    try {
      auto& target = *assignments_[id.assignment].target;
      const auto& update = action(id);
      const Item* told = update.blob ? &update.blob->item : nullptr;
      return {id, target.update(*update.held, told), std::nullopt};
    } catch (const Error& error) {
      return {id, std::nullopt, error};
    }
  }

  void carry_out(const std::vector<ActionId>& ids, Missing missing) {
    auto contents = contents_of(ids);
    add_present(contents);
    const auto order = largest_first(contents);
    JobEvents events;
    in_jobs(order.size(), events, missing, [&](std::size_t at) {
      ContentCopy(wanted(*order[at]), order[at]->present, rules_, events).run();
    });
  }

  // `work` for each number below `count`, in as many threads as there may be.
  void in_jobs(std::size_t count, JobEvents& events, Missing missing,
               const std::function<void(std::size_t)>& work) {
    std::atomic<std::size_t> next{0};
    const auto job = [&] {
      std::exception_ptr failure;
      try {
        for (auto at = next++; at < count && !rules_.stop.stop_requested(); at = next++) work(at);
      } catch (const Cancelled&) {
        // The run sees it, too.
      } catch (const std::exception&) {
        failure = std::current_exception();
      }
      events.post(JobEnded{failure});
    };
    std::vector<std::jthread> jobs(std::min(jobs_, count));
    try {
      for (auto& thread : jobs) thread = std::jthread(job);
      for (auto running = jobs.size(); running > 0;) {
        for (auto& event : events.take()) {
          if (std::holds_alternative<JobEnded>(event)) --running;
          handle(event, missing);
        }
        for (auto& results : results_) results.reveal_versions();
        tell();
      }
    } catch (...) {
      next = count;  // else all the rest would be done before anybody hears of it
      throw;
    }
    if (rules_.stop.stop_requested()) throw Cancelled();
  }

  std::vector<WantedItem> wanted(const Content& content) const {
    std::vector<WantedItem> items;
    for (const auto& id : content.wanted) {
      const auto& assignment = assignments_[id.assignment];
      const auto& action = assignment.plan.actions[id.action];
      items.push_back({id, &action, assignment.target, &assignment.sources.at(action.entry)});
    }
    return items;
  }

  void handle(const JobEvent& event, Missing missing) {
    if (const auto* ended = std::get_if<JobEnded>(&event)) {
      if (ended->failure) std::rethrow_exception(ended->failure);
    } else if (const auto* progress = std::get_if<Progress>(&event)) {
      observer_.progress(action(progress->id), progress->arrival);
    } else if (const auto* retry = std::get_if<Retry>(&event)) {
      observer_.retrying(action(retry->id), retry->error, retry->wait);
    } else if (const auto* updated = std::get_if<Updated>(&event)) {
      results_[updated->id.assignment].updated(*updated);
    } else if (const auto* staged = std::get_if<Staged>(&event)) {
      observer_.ended(action(staged->id));
      results_[staged->id.assignment].staged(*staged);
    } else if (const auto* failed = std::get_if<Failed>(&event)) {
      if (is_missing(failed->error) && missing == Missing::MayCome) {
        observer_.retrying(action(failed->id), failed->error, may_come_within());
        results_[failed->id.assignment].put_off(*failed);
        missing_.push_back(failed->id);
      } else {
        observer_.ended(action(failed->id));
        results_[failed->id.assignment].failed(as_of_now(*failed));
      }
    }
  }

  // Once of each entry, whatever number of its items is missing.
  void ask_what_has_changed() {
    std::set<std::size_t> asked;
    for (const auto& id : missing_) {
      const auto entry = action(id).entry;
      const auto& has_changed = assignments_[id.assignment].has_changed;
      if (!has_changed || !asked.insert(entry).second) continue;
      if (has_changed(entry)) changed_.insert(entry);
    }
  }

  // The new documents may not name it any more.
  Failed as_of_now(const Failed& failed) const {
    if (!is_missing(failed.error) || !changed_.contains(action(failed.id).entry)) return failed;
    Failed told = failed;
    told.error =
        Error(failed.error.kind(), failed.error.origin(),
              fmt::format("{}; the source has changed since this run read it, so run again",
                          failed.error.what()));
    return told;
  }

  // In the order of the plans, each as soon as it and all before it are done (`cli.md` §1).
  void tell() {
    for (auto& results : results_) {
      if (!results.tell()) return;
    }
  }

  const std::vector<Assignment>& assignments_;
  std::size_t jobs_;
  const TransferRules& rules_;
  Observer& observer_;
  std::vector<Results> results_;
  std::vector<ActionId> missing_;
  std::set<std::size_t> changed_;  // entries
};

}  // namespace

Executor::Executor(const std::vector<Assignment>& assignments, std::size_t jobs,
                   RetryPolicy retries, std::shared_ptr<RateLimit> rate, std::stop_token stop,
                   Observer& observer)
    : assignments_(assignments),
      jobs_(jobs),
      rules_{depth_of(jobs), retries, std::move(stop), std::move(rate)},
      observer_(observer) {}

std::vector<std::vector<ActionResult>> Executor::copy() {
  return Copying(assignments_, jobs_, rules_, observer_).run();
}

}  // namespace streamsync
