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

namespace streamsync {
namespace {

// What can be used of it, if anything can.
void promise(const Item& told, Action& item) {
  try {
    item.blob = BlobSpec{told, content_of(told)};
    item.size = item.blob->content.size;
    item.error.reset();
  } catch (const Error& error) {
    if (!item.blob) item.error = error;
  }
}

Action keep(Held held) {
  Action action;
  action.kind = ActionKind::Keep;
  action.key = held.item.key;
  action.name = held.name;
  promise(held.item, action);
  action.held = std::make_shared<const Held>(std::move(held));
  return action;
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

}  // namespace

TreeCheck::TreeCheck(ItemTarget& tree, std::size_t jobs, RetryPolicy retries, std::stop_token stop,
                     Observer& observer)
    : tree_(tree),
      jobs_(jobs),
      retries_(std::move(retries)),
      stop_(std::move(stop)),
      observer_(observer) {
  for (auto& held : tree_.inventory()) recorded_.push_back(keep(std::move(held)));
  for (auto& held : tree_.absent()) {
    recorded_.push_back(keep(std::move(held)));
    recorded_.back().is_named = false;
  }
}

void TreeCheck::believe(const TrustedText& document, std::string_view where) {
  std::unordered_multimap<std::string_view, Action*> by_path;
  for (auto& item : recorded_) by_path.emplace(item.held->placement, &item);
  read_products(document, where, [&](const ProductsHead&, const Version& version) {
    for (const auto& told : version.items) {
      if (!told.path) continue;
      const auto [first, last] = by_path.equal_range(told.path->str());
      for (auto found = first; found != last; ++found) {
        auto& item = *found->second;
        if (item.key != told.key) continue;
        promise(told, item);
        item.is_named = true;
      }
    }
  });
}

std::vector<Action> TreeCheck::items() const {
  std::vector<Action> items;
  std::copy_if(recorded_.begin(), recorded_.end(), std::back_inserter(items),
               [](const Action& item) { return item.is_named; });
  return items;
}

void TreeCheck::read_again(const Action& item,
                           const std::function<void(std::uint64_t)>& on_bytes) const {
  if (item.error) throw Error(*item.error);
  const auto& promised = item.blob->content;
  if (item.held->state == HeldState::Incomplete) {
    throw damage(item, fmt::format("is not there as a whole: {} of {} bytes", item.held->size,
                                   promised.size));
  }
  try {
    CountedBytes counted(stop_, on_bytes);
    VerifyingSink bytes(promised.strongest, promised.size, counted);
    tree_.copy_out(*item.held, bytes);
    bytes.finish();
  } catch (const Error& error) {
    // Of a source it knows, and here is none.
    if (error.kind() == ErrorKind::Corrupt) throw damage(item, error.what());
    throw;
  }
}

std::map<std::size_t, Error> TreeCheck::damaged(const std::vector<Action>& items) const {
  std::uint64_t bytes = 0;
  for (const auto& item : items) bytes += item.size;
  observer_.starting(bytes);
  std::map<std::size_t, Error> damaged;
  JobEvents events;
  const auto check = [&](std::size_t number) {
    const ActionId id{0, number};
    const auto& item = items[number];
    try {
      const auto on_retry = [&](const Error& error, std::chrono::milliseconds wait) {
        events.post(Retry{id, error, wait});
      };
      retrying(retries_, stop_, on_retry, [&] {
        read_again(item, [&](std::uint64_t count) { events.post(Progress{id, {count}}); });
      });
      events.post(Staged{id, *item.held, {}, {}});
    } catch (const Error& error) {
      events.post(Failed{id, error, {}, {}});
    }
  };
  const auto hear = [&](const JobEvent& event) {
    if (const auto* progress = std::get_if<Progress>(&event)) {
      observer_.progress(items[progress->id.action], progress->arrival);
    } else if (const auto* retry = std::get_if<Retry>(&event)) {
      observer_.retrying(items[retry->id.action].name, retry->error, retry->wait);
    } else if (const auto* right = std::get_if<Staged>(&event)) {
      observer_.ended(items[right->id.action]);
    } else if (const auto* failed = std::get_if<Failed>(&event)) {
      observer_.ended(items[failed->id.action]);
      damaged.emplace(failed->id.action, failed->error);
    }
  };
  in_jobs(items.size(), jobs_, stop_, events, check, {hear});
  return damaged;
}

}  // namespace streamsync
