#include "sync/scrub.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "sync/silent_targets.h"

namespace streamsync {
namespace {

/// So much is read before it is kept how far that was.
constexpr std::uint64_t kBytesAtOnce = std::uint64_t{1} << 30;
constexpr std::size_t kItemsAtOnce = 256;

// From 0 up to 2^32, spread evenly.
std::uint64_t place_of(const Digest& digest) {
  const auto hex = digest.hex().substr(0, 8);
  std::uint32_t place = 0;
  std::from_chars(hex.data(), hex.data() + hex.size(), place, 16);
  return place;
}

// None for what nothing usable is promised of.
std::optional<Digest> promised_of(const Item& item) {
  try {
    return content_of(item).strongest;
  } catch (const Error&) {
    return std::nullopt;
  }
}

Error no_time_left() {
  return Error(ErrorKind::Corrupt, Origin::Target,
               "was damaged or could not be read, and there was no time to read it again");
}

}  // namespace

// When a clock went back it is unknown what was read (threats-and-faults.md F14).
Scrub::Scrub(std::chrono::seconds period, const std::optional<Scrubbed>& last, Time now)
    : period_(period),
      last_(last.value_or(Scrubbed{now})),
      now_(now),
      is_kept_(last && last->until <= now) {
  last_.until = std::min(last_.until, now);
  // Behind by more than a period all is due, and what was left first.
  const auto periods = std::max<Time::rep>(1, (now - last_.until) / period);
  begin_ = last_.until + (periods - 1) * period;
}

std::optional<std::chrono::seconds> Scrub::moment_of(const Held& held) const {
  const auto promised = promised_of(held.item);
  if (!promised) return std::nullopt;
  const auto period = static_cast<std::uint64_t>(period_.count());
  const auto moment = place_of(*promised) * period >> 32U;
  const auto begin = static_cast<std::uint64_t>(begin_.time_since_epoch().count()) % period;
  return std::chrono::seconds((moment + period - begin) % period);
}

bool Scrub::is_due(const Held& held) const {
  if (held.state != HeldState::Present) return false;
  if (last_.wrong.contains(held.placement)) return true;
  const auto moment = moment_of(held);
  return moment && *moment < now_ - begin_;
}

// What was wrong comes first.
std::vector<Scrub::Due> Scrub::all_due(std::vector<Held>& inventory) const {
  std::map<std::tuple<bool, std::chrono::seconds, std::string_view, std::string>, Due> due;
  for (auto& held : inventory) {
    if (!is_due(held)) continue;
    const auto promised = promised_of(held.item);
    const bool was_wrong = last_.wrong.contains(held.placement);
    const auto moment = was_wrong ? std::chrono::seconds{0} : *moment_of(held);
    auto& one = due[{!was_wrong, moment, held.placement.str(), promised ? promised->hex() : ""}];
    one.was_wrong = was_wrong;
    one.moment = moment;
    one.held.push_back(&held);
  }
  std::vector<Due> in_order;
  for (auto& [key, one] : due) in_order.push_back(std::move(one));
  return in_order;
}

ScrubFindings Scrub::read_again(std::vector<Held>& inventory, ItemTarget& tree,
                                const ReadingRules& rules, std::optional<Clock::time_point> end,
                                Observer& observer, const Keep& keep) const {
  ScrubFindings findings;
  const auto due = all_due(inventory);
  Scrubbed reached{begin_};
  for (const auto& one : due) {
    if (one.was_wrong) reached.wrong.insert(one.held.front()->placement);
  }
  std::set<std::string> still_wrong;
  for (std::size_t at = 0; at < due.size();) {
    if (end && Clock::now() >= *end) {
      for (; at < due.size() && due[at].was_wrong; ++at) {
        findings.unread.emplace(due[at].held.front()->placement, no_time_left());
      }
      return findings;
    }
    const auto first = at;
    std::vector<Action> items;
    std::uint64_t bytes = 0;
    const auto is_full = [&] { return bytes >= kBytesAtOnce || items.size() >= kItemsAtOnce; };
    const auto may_part = [&] { return due[at].was_wrong || due[at].moment != due[at - 1].moment; };
    for (; at < due.size() && !(is_full() && may_part()); ++at) {
      items.push_back(keep_of(*due[at].held.front()));
      bytes += items.back().size;
    }
    const auto failures = streamsync::read_again(items, tree, rules, observer);
    bool is_silent = false;
    for (std::size_t number = 0; number < items.size(); ++number) {
      const auto& held = due[first + number].held;
      const std::string& placement = held.front()->placement;
      const auto failure = failures.find(number);
      if (failure == failures.end()) {
        if (!still_wrong.contains(placement)) reached.wrong.erase(placement);
        continue;
      }
      const auto& error = failure->second;
      const bool is_damaged = error.kind() == ErrorKind::Corrupt;
      for (auto* one : held) one->is_damaged = is_damaged;
      still_wrong.insert(placement);
      reached.wrong.insert(placement);
      (is_damaged ? findings.damaged : findings.unread).emplace(placement, error);
      is_silent |= is_silence(error);
    }
    // Of a store that does not answer the next run reads all that this one was to read.
    if (is_silent) return findings;
    if (at == due.size()) {
      reached.until = now_;
    } else if (!due[at].was_wrong) {
      reached.until = begin_ + due[at].moment;
    }
    keep(reached);
  }
  if (due.empty() && !is_kept_) keep({now_, {}});
  return findings;
}

}  // namespace streamsync
