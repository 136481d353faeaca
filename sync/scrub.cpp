#include "sync/scrub.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

namespace streamsync {
namespace {

// From 0 up to 2^32, spread evenly. None for what nothing usable is promised of.
std::optional<std::uint32_t> place_of(const Item& item) {
  try {
    const auto hex = content_of(item).strongest.hex().substr(0, 8);
    std::uint32_t place = 0;
    std::from_chars(hex.data(), hex.data() + hex.size(), place, 16);
    return place;
  } catch (const Error&) {
    return std::nullopt;
  }
}

bool may_pass(const Error& error) noexcept {
  return error.kind() == ErrorKind::Transient || error.kind() == ErrorKind::RateLimited;
}

}  // namespace

// When a clock went back it is unknown what was read (threats-and-faults.md F14).
Scrub::Scrub(std::chrono::seconds period, const std::optional<Scrubbed>& last, Time now)
    : period_(period),
      last_(last.value_or(Scrubbed{now})),
      now_(now),
      begins_anew_(!last || last->until > now) {
  last_.until = std::min(last_.until, now);
}

bool Scrub::is_due(const Held& held) const {
  if (held.state != HeldState::Present) return false;
  if (last_.wrong.contains(held.placement)) return true;
  const auto place = place_of(held.item);
  if (!place) return false;
  if (now_ - last_.until >= period_) return true;
  // Its moment, as the time since `until` when it comes next.
  const auto period = static_cast<std::uint64_t>(period_.count());
  const auto moment = *place * period >> 32U;
  const auto begun = static_cast<std::uint64_t>(last_.until.time_since_epoch().count()) % period;
  const auto next = (moment + period - begun) % period;
  return next < static_cast<std::uint64_t>((now_ - last_.until).count());
}

ScrubFindings Scrub::read_again(std::vector<Held>& inventory, ItemTarget& tree,
                                const ReadingRules& rules, Observer& observer) const {
  std::vector<Held*> due;
  std::vector<Action> items;
  for (auto& held : inventory) {
    if (!is_due(held)) continue;
    due.push_back(&held);
    items.push_back(keep_of(held));
  }
  ScrubFindings findings;
  if (due.empty() && !begins_anew_) return findings;
  Scrubbed news{now_};
  bool may_be_read_soon = false;
  for (const auto& [number, error] : streamsync::read_again(items, tree, rules, observer)) {
    auto& held = *due[number];
    held.is_damaged = error.kind() == ErrorKind::Corrupt;
    news.wrong.insert(held.placement);
    if (held.is_damaged) {
      findings.damaged.emplace(held.placement, error);
    } else {
      findings.unread.push_back(error);
      may_be_read_soon |= may_pass(error);
    }
  }
  // Of a store that does not answer the next run reads all that this one was to read.
  if (!may_be_read_soon) findings.news = std::move(news);
  return findings;
}

}  // namespace streamsync
