#include "sync/tree_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <unordered_map>
#include <utility>
#include <variant>

#include "base/crypto/digest.h"
#include "streams/products.h"
#include "sync/jobs.h"
#include "sync/silent_targets.h"

namespace streamsync {
namespace {

// What can be used of it, if anything can.
void promise(const Item& told, Action& item) {
  try {
    item.blob = std::make_shared<const BlobSpec>(BlobSpec{told, content_of(told)});
    item.size = item.blob->content.size;
    item.error.reset();
  } catch (const Error& error) {
    if (!item.blob) item.error = error;
  }
}

/// Tells how many bytes have come.
class CountedBytes final : public ByteSink {
 public:
  CountedBytes(const std::stop_token& stop, const std::function<void(std::uint64_t)>& on_bytes)
      : stop_(stop), on_bytes_(on_bytes) {}

  void write(Bytes bytes) override {
    if (stop_.stop_requested()) throw Cancelled();
    count_ += bytes.size();
    on_bytes_(count_);
  }
  void finish() override {}

 private:
  const std::stop_token& stop_;
  const std::function<void(std::uint64_t)>& on_bytes_;
  std::uint64_t count_ = 0;
};

Error damage(const Action& item, std::string_view what) {
  return Error(ErrorKind::Corrupt, Origin::Target, fmt::format("{}: {}", item.name.str(), what));
}

void read_one_again(const Action& item, ItemTarget& tree, const ReadingRules& rules,
                    const std::function<void(std::uint64_t)>& on_bytes) {
  if (item.error) throw Error(*item.error);
  const auto& promised = item.blob->content;
  const auto& held = *item.held;
  if (held.state == HeldState::Unrevealed) throw damage(item, "is not at its place yet");
  if (held.state != HeldState::Present || held.size != promised.size) {
    throw damage(item, fmt::format("{} bytes are there of {}", held.size, promised.size));
  }
  try {
    CountedBytes counted(rules.stop, on_bytes);
    VerifyingSink bytes(promised.strongest, promised.size, counted);
    LimitedSink limited(bytes, rules.rate.get());
    tree.copy_out(held, limited);
    bytes.finish();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::Corrupt || error.kind() == ErrorKind::NotFound) {
      throw damage(item, error.what());
    }
    throw;
  }
}

}  // namespace

Action keep_of(Held held) {
  Action action;
  action.kind = ActionKind::Keep;
  action.key = held.item.key;
  action.name = held.name;
  promise(held.item, action);
  // What has its temporary name is not at its place, whole or not.
  action.is_named =
      held.state == HeldState::Present || (held.state == HeldState::Incomplete && held.size > 0);
  action.held = std::make_shared<const Held>(std::move(held));
  return action;
}

std::map<std::size_t, Error> read_again(const std::vector<Action>& items, ItemTarget& tree,
                                        const ReadingRules& rules, Observer& observer) {
  std::uint64_t bytes = 0;
  for (const auto& item : items) bytes += item.size;
  observer.starting(bytes);
  std::map<std::size_t, Error> failures;
  SilentTargets silent;
  JobEvents events;
  const auto check = [&](std::size_t number) {
    const ActionId id{0, number};
    const auto& item = items[number];
    try {
      if (const auto why = silent.why(tree)) throw not_tried(*why);
      const auto on_retry = [&](const Error& error, std::chrono::milliseconds wait) {
        events.post(Retry{id, error, wait});
      };
      retrying(rules.retries, rules.stop, on_retry, [&] {
        read_one_again(item, tree, rules, [&](std::uint64_t count) {
          events.post(Progress{{id}, {count}});
        });
      });
      events.post(Staged{id, *item.held, {}, {}});
    } catch (const Error& error) {
      silent.note(tree, error);
      events.post(Failed{id, error, {}, {}});
    }
  };
  const auto hear = [&](const JobEvent& event) {
    if (const auto* progress = std::get_if<Progress>(&event)) {
      const auto* item = &items[progress->ids.front().action];
      observer.progress({&item, 1}, progress->arrival);
    } else if (const auto* retry = std::get_if<Retry>(&event)) {
      observer.retrying(items[retry->id.action].name, retry->error, retry->wait);
    } else if (const auto* right = std::get_if<Staged>(&event)) {
      observer.ended(items[right->id.action]);
    } else if (const auto* failed = std::get_if<Failed>(&event)) {
      observer.ended(items[failed->id.action]);
      failures.emplace(failed->id.action, failed->error);
    }
  };
  in_jobs(items.size(), rules.jobs, rules.stop, events, check, {hear});
  return failures;
}

TreeCheck::TreeCheck(ItemTarget& tree, ReadingRules rules, Observer& observer)
    : tree_(tree), rules_(std::move(rules)), observer_(observer) {
  for (auto& held : tree_.inventory()) found_.push_back(keep_of(std::move(held)));
  auto findings = tree_.record_findings();
  for (auto& held : findings.absent) found_.push_back(keep_of(std::move(held)));
  damaged_records_ = std::move(findings.damaged);
  name_siblings();
}

// Versions show as a whole (`cli.md` §4.2). Of what an interrupted run began nothing shows.
void TreeCheck::name_siblings() {
  std::set<VersionKey> shown;
  for (const auto& item : found_) {
    if (item.is_named) shown.insert(version_of(item.key));
  }
  for (auto& item : found_) item.is_named = shown.contains(version_of(item.key));
}

void TreeCheck::believe(const TrustedText& document, std::string_view where) {
  std::unordered_multimap<std::string_view, Action*> by_path;
  for (auto& item : found_) by_path.emplace(item.held->placement, &item);
  std::vector<Action> unrecorded;
  const auto compare = [&](const Item& told) {
    const auto [first, last] = by_path.equal_range(told.path->str());
    const auto known =
        std::find_if(first, last, [&](const auto& found) { return found.second->key == told.key; });
    if (known != last) {
      promise(told, *known->second);
      known->second->is_named = true;
    } else if (first == last) {
      if (auto held = tree_.look_at(told)) unrecorded.push_back(keep_of(*std::move(held)));
    }
  };
  const auto head =
      read_products(document, where, [&](const ProductsHead&, const Version& version) {
        for (const auto& told : version.items) {
          if (told.path) compare(told);
        }
      });
  documented_.insert(head.content_id);
  unrecorded_ += unrecorded.size();
  std::move(unrecorded.begin(), unrecorded.end(), std::back_inserter(found_));
}

std::set<std::string> TreeCheck::without_document(const std::set<std::string>& named) const {
  std::set<std::string> streams;
  for (const auto& item : found_) {
    const std::string& content_id = item.key.content_id;
    if (named.contains(content_id) && !documented_.contains(content_id)) streams.insert(content_id);
  }
  return streams;
}

std::vector<Action> TreeCheck::items() const {
  std::vector<Action> items;
  std::copy_if(found_.begin(), found_.end(), std::back_inserter(items),
               [](const Action& item) { return item.is_named; });
  return items;
}

std::map<std::size_t, Error> TreeCheck::failures(const std::vector<Action>& items) const {
  return streamsync::read_again(items, tree_, rules_, observer_);
}

}  // namespace streamsync
