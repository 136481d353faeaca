#include "sync/executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <variant>

#include "base/crypto/digest.h"
#include "sync/fair_queue.h"
#include "sync/job_events.h"
#include "sync/jobs.h"
#include "sync/results.h"
#include "sync/silent_targets.h"

namespace streamsync {
namespace {

using Clock = std::chrono::steady_clock;

// An index can be ahead of its files while a mirror is being filled.
constexpr std::chrono::milliseconds kMayComeWithin{4000};

// A service that is started anew is back by then.
constexpr std::chrono::milliseconds kMayAnswerWithin{60'000};

// All pipes together hold 20 MiB, and two chunks each where there are more jobs (docs/adr/0013); at
// 4 chunks either leg can go on while the other waits for the scheduler.
std::size_t depth_of(std::size_t jobs) {
  constexpr std::size_t kChunks = 20;
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

// By every digest that tells what is wanted: what is there may lack the strongest.
using ContentsByDigest = std::multimap<ContentKey, Content*>;

// The strongest first.
std::vector<ContentKey> keys_of(const Item& item, std::uint64_t size) {
  std::vector<ContentKey> keys;
  for (const auto& digest : sha2_digests_of(item)) keys.push_back({size, digest});
  const auto md5 = Digest::parse(DigestAlgorithm::Md5, tag(item.tags, "md5"));
  if (keys.empty() && md5) keys.push_back({size, *md5});
  return keys;
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
    try {
      do_all();
    } catch (const Cancelled&) {
      // Nobody would take what is not done for that.
      if (!rules_.stop.stop_requested()) throw std::logic_error("copying ended without a stop");
    }
    std::vector<std::vector<ActionResult>> taken;
    for (auto& results : results_) taken.push_back(std::move(results).take());
    return taken;
  }

 private:
  void do_all() {
    const auto coming = chosen(brings_bytes);
    observer_.starting(size_of(coming));
    for (auto& results : results_) results.remove_begun();
    carry_out(chosen(updates_shown), PutOff::Silent);
    carry_out(coming, asks_again() ? PutOff::MissingAndSilent : PutOff::Silent);
    if (!missing_.empty()) {
      wait_for(may_come_within(), rules_.stop);
      ask_what_has_changed();
      carry_out(std::exchange(missing_, {}), PutOff::Silent);
    }
    ask_silent_targets();
    show_again();
  }

  // What is tried again when all others are done: what a source says it does not have, and what is
  // for a target that does not answer.
  enum class PutOff { Nothing, Silent, MissingAndSilent };

  bool asks_again() const { return rules_.retries.attempts > 1; }

  std::chrono::milliseconds may_come_within() const {
    return std::min<std::chrono::milliseconds>(kMayComeWithin, rules_.retries.max_wait);
  }

  std::chrono::milliseconds may_answer_within() const {
    if (!asks_again()) return {};
    return std::min<std::chrono::milliseconds>(kMayAnswerWithin, rules_.retries.max_wait);
  }

  ItemTarget& target(const ActionId& id) const { return *assignments_[id.assignment].target; }

  const Action& action(const ActionId& id) const {
    return assignments_[id.assignment].plan.actions[id.action];
  }

  const ItemSources& sources(const ActionId& id) const {
    return assignments_[id.assignment].sources.at(action(id).entry);
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

  // What was there before, and what has come by now.
  void add_present(Contents& contents) const {
    if (contents.empty()) return;
    const auto by_digest = by_digest_of(contents);
    for (std::size_t at = 0; at < assignments_.size(); ++at) {
      const auto& actions = assignments_[at].plan.actions;
      for (std::size_t index = 0; index < actions.size(); ++index) {
        const auto& action = actions[index];
        auto& target = *assignments_[at].target;
        const Held* come = results_[at].held(index);
        if (come != nullptr && brings_bytes(action)) add_present(target, *come, by_digest);
        for (const auto& held : {action.held, action.replaced}) {
          if (!held || held->state != HeldState::Present) continue;
          add_present(target, *held, by_digest);
        }
      }
    }
  }

  ContentsByDigest by_digest_of(Contents& contents) const {
    ContentsByDigest by_digest;
    for (auto& [key, content] : contents) {
      for (const auto& digest : keys_of(action(content.wanted.front()).blob->item, key.size)) {
        by_digest.emplace(digest, &content);
      }
    }
    return by_digest;
  }

  void add_present(ItemTarget& target, const Held& held, const ContentsByDigest& by_digest) const {
    std::set<const Content*> given;
    for (const auto& key : keys_of(held.item, held.size)) {
      const auto [begin, end] = by_digest.equal_range(key);
      for (auto at = begin; at != end; ++at) {
        auto& [wanted, present] = *at->second;
        if (lacks(held, *at->second) || !given.insert(at->second).second) continue;
        present.push_back({&target, held});
      }
    }
  }

  // Its metadata promise these bytes, and its target tells of others.
  bool lacks(const Held& held, const Content& content) const {
    return held.is_damaged ||
           std::any_of(content.wanted.begin(), content.wanted.end(), [&](const ActionId& id) {
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
      if (results.version_failed(id.action)) {
        results.hold_back(id.action);
      } else {
        ids.push_back(id);
      }
    }
    carry_out(ids, PutOff::Silent);
    ask_silent_targets();
  }

  void carry_out(const std::vector<ActionId>& ids, PutOff put_off) {
    std::vector<ActionId> updates, coming;
    for (const auto& id : ids) {
      (action(id).kind == ActionKind::Update ? updates : coming).push_back(id);
    }
    update(updates, put_off);
    copy(coming, put_off);
    tell();
  }

  void update(const std::vector<ActionId>& ids, PutOff put_off) {
    JobEvents events;
    in_jobs(ids.size(), events, put_off, [&](std::size_t at) { events.post(updated(ids[at])); });
  }

  JobEvent updated(const ActionId& id) {
    if (silent_.why(target(id))) return LeftOut{id};
    try {
      const auto& update = action(id);
      const Item* told = update.blob ? &update.blob->item : nullptr;
      return Updated{id, target(id).update(*update.held, told), std::nullopt};
    } catch (const Error& error) {
      silent_.note(target(id), error);
      return Updated{id, std::nullopt, error};
    }
  }

  void copy(const std::vector<ActionId>& ids, PutOff put_off) {
    auto contents = contents_of(ids);
    add_present(contents);
    const auto order = largest_first(contents);
    FairQueue queue;
    for (std::size_t at = 0; at < order.size(); ++at) {
      const auto& first = order[at]->wanted.front();
      queue.add(sources(first).front()->server(), at, action(first).size);
    }
    JobEvents events;
    const auto copy_one = [&](std::size_t at) {
      ContentCopy(wanted(*order[at]), order[at]->present, rules_, silent_, events).run();
    };
    in_jobs(order.size(), events, put_off, [&](std::size_t) { queue.work_on_next(copy_one); });
  }

  void ask_silent_targets() {
    while (!waiting_.empty()) {
      auto waiting = std::exchange(waiting_, {});
      wait_for_answers(waiting);
      silent_.forget();
      try_one_for_each_target(waiting);
      go_on_with(waiting);
    }
  }

  void wait_for_answers(const std::set<ActionId>& waiting) {
    std::chrono::milliseconds wait{0};
    const auto first = one_for_each_target(waiting);
    for (const auto& id : first) {
      if (has_budget_for(*silent_.why(target(id)))) wait = may_answer_within();
    }
    for (const auto& id : first) {
      observer_.retrying(action(id).name, *silent_.why(target(id)), wait);
    }
    wait_for(wait, rules_.stop);
  }

  // One item alone shows whether the others are worth all their attempts, or the next one where its
  // target was not asked in the end.
  void try_one_for_each_target(std::set<ActionId>& waiting) {
    for (auto first = one_for_each_target(waiting); !first.empty();) {
      for (const auto& id : first) waiting.erase(id);
      unasked_.clear();
      carry_out(first, PutOff::Nothing);
      auto left = waiting;
      std::erase_if(left, [&](const ActionId& id) { return !unasked_.contains(id.assignment); });
      first = one_for_each_target(left);
    }
  }

  // The wait counts as any other for that host does (`cli.md` §3, `retries`).
  bool has_budget_for(const Error& silence) const {
    return rules_.retries.waits->add(silence.host(), WaitsPerHost::Clock::now(),
                                     may_answer_within(), rules_.retries.budget);
  }

  // Another one than that which was not answered, if there is one: it may be the item's own fault.
  // Of those the smallest.
  std::vector<ActionId> one_for_each_target(const std::set<ActionId>& waiting) const {
    const auto rank = [this](const ActionId& id) {
      return std::tuple(unanswered_.contains(id), action(id).size, id);
    };
    std::map<std::size_t, ActionId> chosen;  // by assignment
    for (const auto& id : waiting) {
      const auto [known, is_first] = chosen.try_emplace(id.assignment, id);
      if (!is_first && rank(id) < rank(known->second)) known->second = id;
    }
    std::vector<ActionId> ids;
    for (const auto& [assignment, id] : chosen) ids.push_back(id);
    return ids;
  }

  // One that nobody answers must not have the others put off again.
  void go_on_with(const std::set<ActionId>& waiting) {
    std::vector<ActionId> untried, tried;
    for (const auto& id : waiting) {
      if (silent_.why(target(id))) {
        fail(id, reason_of_silence(id));
      } else {
        (unanswered_.contains(id) ? tried : untried).push_back(id);
      }
    }
    carry_out(untried, PutOff::Silent);
    carry_out(tried, PutOff::Silent);
  }

  // Of an item whose target is silent.
  Error reason_of_silence(const ActionId& id) const {
    const auto own = unanswered_.find(id);
    return own == unanswered_.end() ? not_tried(*silent_.why(target(id))) : own->second;
  }

  void fail(const ActionId& id, const Error& error) {
    auto& results = results_[id.assignment];
    if (action(id).kind == ActionKind::Update) {
      results.updated({id, std::nullopt, error});
    } else {
      observer_.ended(action(id));
      results.failed({id, error, {}, {}});
    }
  }

  void in_jobs(std::size_t count, JobEvents& events, PutOff put_off,
               const std::function<void(std::size_t)>& work) {
    const auto reveal_and_tell = [this] {
      for (auto& results : results_) results.reveal_versions();
      tell();
    };
    streamsync::in_jobs(
        count, jobs_, rules_.stop, events, work,
        {[this, put_off](const JobEvent& event) { handle(event, put_off); }, reveal_and_tell});
  }

  std::vector<WantedItem> wanted(const Content& content) const {
    std::vector<WantedItem> items;
    for (const auto& id : content.wanted) {
      items.push_back({id, &action(id), &target(id), &sources(id)});
    }
    return items;
  }

  void handle(const JobEvent& event, PutOff put_off) {
    if (const auto* progress = std::get_if<Progress>(&event)) {
      tell(*progress);
    } else if (const auto* retry = std::get_if<Retry>(&event)) {
      observer_.retrying(action(retry->id).name, retry->error, retry->wait);
    } else if (const auto* left_out = std::get_if<LeftOut>(&event)) {
      waiting_.insert(left_out->id);
    } else if (const auto* updated = std::get_if<Updated>(&event)) {
      handle(*updated, put_off);
    } else if (const auto* staged = std::get_if<Staged>(&event)) {
      observer_.ended(action(staged->id));
      results_[staged->id.assignment].staged(*staged);
    } else if (const auto* failed = std::get_if<Failed>(&event)) {
      handle(*failed, put_off);
    }
  }

  void tell(const Progress& progress) {
    std::vector<const Action*> actions;
    for (const auto& id : progress.ids) actions.push_back(&action(id));
    observer_.progress(actions, progress.arrival);
  }

  void handle(const Updated& updated, PutOff put_off) {
    if (updated.error && may_be_answered(updated.id, *updated.error, put_off)) {
      wait_for_target(updated.id, *updated.error);
    } else {
      results_[updated.id.assignment].updated(updated);
    }
  }

  void handle(const Failed& failed, PutOff put_off) {
    auto& results = results_[failed.id.assignment];
    if (is_missing(failed.error) && put_off == PutOff::MissingAndSilent) {
      observer_.retrying(action(failed.id).name, failed.error, may_come_within());
      observer_.put_off(action(failed.id));
      results.put_off(failed);
      missing_.push_back(failed.id);
    } else if (may_be_answered(failed.id, failed.error, put_off)) {
      observer_.put_off(action(failed.id));
      results.put_off(failed);
      wait_for_target(failed.id, failed.error);
    } else {
      if (failed.error.origin() != Origin::Target) unasked_.insert(failed.id.assignment);
      observer_.ended(action(failed.id));
      results.failed(as_of_now(failed));
    }
  }

  bool may_be_answered(const ActionId& id, const Error& error, PutOff put_off) const {
    return is_silence(error) && put_off != PutOff::Nothing && asks_again() &&
           !unanswered_.contains(id);
  }

  void wait_for_target(const ActionId& id, const Error& error) {
    observer_.warn(fmt::format("{}: {}; its target is asked again when all others are done",
                               action(id).name, error.what()));
    waiting_.insert(id);
    unanswered_.emplace(id, error);
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
    told.error = Error(
        failed.error.kind(), failed.error.origin(),
        fmt::format("{}; the source has changed since this run read it", failed.error.what()));
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
  SilentTargets silent_;
  std::set<ActionId> waiting_;            // for silent targets
  std::map<ActionId, Error> unanswered_;  // what was tried at one; once more at most
  std::set<std::size_t> unasked_;         // assignments: what was tried last failed elsewhere
  std::set<std::size_t> changed_;         // entries
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
