#include "sync/content_copy.h"

#include <algorithm>
#include <set>
#include <utility>

namespace streamsync {
ContentCopy::ContentCopy(std::vector<WantedItem> wanted, std::vector<PresentItem> present,
                         const TransferRules& rules, SilentTargets& silent, JobEvents& events)
    : wanted_(std::move(wanted)),
      present_(std::move(present)),
      rules_(rules),
      silent_(silent),
      events_(events) {}

void ContentCopy::run() {
  began_ = Clock::now();
  for (auto& wanted : std::exchange(wanted_, {})) {
    if (!is_left_out(wanted) && !is_there(wanted)) wanted_.push_back(wanted);
  }
  while (!wanted_.empty()) {
    begin_round();
    bring();
  }
}

bool ContentCopy::is_left_out(const WantedItem& wanted) {
  if (!silent_.why(*wanted.target)) return false;
  events_.post(LeftOut{wanted.id});
  return true;
}

bool ContentCopy::is_there(const WantedItem& wanted) {
  try {
    return is_adopted(wanted) || is_taken_over(wanted) || is_linked(wanted);
  } catch (const Cancelled&) {
    throw;
  } catch (const std::exception& error) {
    failed(wanted, as_error(error));
    return true;
  }
}

bool ContentCopy::is_adopted(const WantedItem& wanted) {
  const auto& action = *wanted.action;
  if (action.kind != ActionKind::Adopt) return false;
  auto held = wanted.target->verify_unrevealed(*action.held, *action.blob);
  if (held) staged(wanted, std::move(*held));
  return held.has_value();
}

bool ContentCopy::is_taken_over(const WantedItem& wanted) {
  if (!may_be_taken_over(*wanted.action)) return false;
  try {
    auto held = wanted.target->take_over(*wanted.action->blob);
    if (!held) return false;
    known_ = held->size;  // nothing was copied
    staged(wanted, std::move(*held));
    known_ = 0;
    return true;
  } catch (const Error& error) {
    events_.post(Retry{wanted.id, error, std::chrono::milliseconds(0)});
    return false;
  }
}

bool ContentCopy::is_linked(const WantedItem& wanted) {
  for (const auto& [target, held] : present_) {
    if (target != wanted.target || held.state != HeldState::Present) continue;
    try {
      if (auto linked = target->link(held, *wanted.action->blob)) {
        staged(wanted, std::move(*linked));
        return true;
      }
    } catch (const Error& error) {
      events_.post(Retry{wanted.id, error, std::chrono::milliseconds(0)});
    }
  }
  return false;
}

// Of two items of one target the second is copied from the first.
void ContentCopy::begin_round() {
  began_ = Clock::now();
  failures_.clear();
  std::set<const ItemTarget*> targets;
  std::vector<WantedItem> later;
  for (auto& wanted : wanted_) {
    if (is_left_out(wanted)) continue;
    (targets.insert(wanted.target).second ? round_ : later).push_back(wanted);
  }
  wanted_ = std::move(later);
  std::erase_if(present_, [this](const PresentItem& present) {
    return silent_.gives_nothing(*present.target);
  });
}

// Bytes that do not match are asked for once more, then at the next place; a target's failure is no
// reason to ask elsewhere.
void ContentCopy::bring() {
  constexpr unsigned kAsksOfAPlace = 2;
  const auto places = this->places();
  SourceCourse course;
  for (unsigned asks = 1; !round_.empty(); ++asks) {
    const auto asked_first = course.place;
    try {
      copy_from(places, course);
    } catch (const Cancelled&) {
      throw;
    } catch (const std::exception& failure) {
      Error error = as_error(failure);
      course.trail.cut(0);
      if (course.place != asked_first) asks = 1;
      const bool another_ask = asks < kAsksOfAPlace;
      if (!has_wrong_bytes(error) || (!another_ask && course.place + 1 == places.size())) {
        fail_round(error);
        return;
      }
      if (!another_ask) {
        move_on(course, places, error);
        asks = 0;
      }
      tell_retry(error, std::chrono::milliseconds(0));
    }
  }
}

// Each has its own reason; that of one alone also says how often it was tried.
void ContentCopy::fail_round(const Error& error) {
  for (const auto& wanted : std::exchange(round_, {})) {
    const auto own = failures_.find(wanted.id);
    const bool is_shared = own == failures_.end() || failures_.size() == 1;
    failed(wanted, is_shared ? error : own->second);
  }
}

// `course` moves on when a place can't be asked.
void ContentCopy::copy_from(const std::vector<ItemPlace>& places, SourceCourse& course) {
  const RetryListener on_retry = [this](const Error& error, std::chrono::milliseconds wait) {
    tell_retry(error, wait);
  };
  // What a source fails in has been retried where it stood.
  retrying_while_it_comes(
      rules_.retries, rules_.stop, on_retry, [&] { return parts_of_all(deliveries(), course); },
      [&] { copy_once(places, course); });
}

std::vector<Delivery> ContentCopy::deliveries() const {
  std::vector<Delivery> deliveries;
  for (const auto& wanted : round_) deliveries.push_back({wanted.target, &*wanted.action->blob});
  return deliveries;
}

void ContentCopy::copy_once(const std::vector<ItemPlace>& places, SourceCourse& course) {
  const auto deliveries = this->deliveries();
  const TransferListener listener{
      [this](const Arrival& arrival) { tell_progress(arrival); },
      [this](const Error& error, std::chrono::milliseconds wait) { tell_retry(error, wait); }};
  auto result = transfer({places, deliveries, head_start()}, course, rules_, listener);
  fetched_ += result.fetched;
  if (!present_.empty() && result.head_start_failed) present_.pop_back();
  tell(std::move(result.delivered));
}

// All bases of each item, those of the first item first.
std::vector<ItemPlace> ContentCopy::places() const {
  std::vector<ItemPlace> places;
  std::set<std::pair<const Source*, std::string>> known;
  for (const auto& wanted : round_) {
    const auto& path = *wanted.action->blob->item.path;
    for (auto* source : *wanted.sources) {
      if (known.emplace(source, path.str()).second) places.push_back({source, path});
    }
  }
  return places;
}

// The newest, until it fails itself: a target that fails takes nothing from what it was given.
HeadStart ContentCopy::head_start() {
  if (present_.empty()) return nullptr;
  return [this, present = present_.back()](ByteSink& to) {
    LimitedSink limited(to, rules_.rate.get());
    try {
      present.target->copy_out(present.held, limited);
    } catch (const Error& error) {
      silent_.note_as_giver(*present.target, error);
      throw;
    }
  };
}

// Throws what those failed in that are to be brought again: wrong bytes before all else, because
// it is for another ask then.
void ContentCopy::tell(std::vector<Delivered> delivered) {
  std::optional<Error> reason;
  std::vector<WantedItem> again;
  for (std::size_t at = 0; at < delivered.size(); ++at) {
    auto& [held, failure] = delivered[at];
    if (held) {
      staged(round_[at], std::move(*held));
    } else if (is_retryable(*failure) || has_wrong_bytes(*failure)) {
      again.push_back(round_[at]);
      failures_.insert_or_assign(round_[at].id, *failure);
      if (!reason || (has_wrong_bytes(*failure) && !has_wrong_bytes(*reason))) {
        reason = std::move(failure);
      }
    } else {
      failed(round_[at], *failure);
    }
  }
  round_ = std::move(again);
  if (reason) throw Error(*reason);
}

void ContentCopy::tell_progress(const Arrival& arrival) {
  known_ = arrival.known;
  std::vector<ActionId> ids;
  for (const auto& wanted : round_) ids.push_back(wanted.id);
  events_.post(Progress{std::move(ids), arrival});
}

void ContentCopy::tell_retry(const Error& error, std::chrono::milliseconds wait) {
  events_.post(Retry{round_.front().id, error, wait});
}

void ContentCopy::staged(const WantedItem& wanted, Held held) {
  present_.push_back({wanted.target, held});
  events_.post(Staged{wanted.id, std::move(held), std::exchange(fetched_, {}),
                      Clock::now() - began_, known_});
}

void ContentCopy::failed(const WantedItem& wanted, const Error& error) {
  silent_.note(*wanted.target, error);
  events_.post(Failed{wanted.id, error, std::exchange(fetched_, {}), Clock::now() - began_});
}

}  // namespace streamsync
