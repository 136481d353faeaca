#include "streams/tree_records.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace streamsync {
namespace {

class Comparison {
 public:
  Comparison(const std::vector<Held>& there, const std::vector<BlobSpec>& coming,
             const IsTaken& is_taken)
      : is_taken_(is_taken) {
    for (const auto& held : there) recorded_at_[held.placement].push_back(&held);
    for (const auto& blob : coming) coming_to_[blob.item.path->str()].push_back(&blob);
  }

  bool has_other_content_at_its_path(const BlobSpec& blob) const {
    const auto& path = blob.item.path->str();
    bool is_explained = false;
    if (const auto recorded = recorded_at_.find(path); recorded != recorded_at_.end()) {
      for (const Held* held : recorded->second) {
        const bool is_same = has_digest(held->item, blob.content.strongest);
        if (!is_same && held->state == HeldState::Present) return true;
        is_explained = is_explained || is_same;
      }
    }
    return !is_explained && is_taken_(path);
  }

  bool comes_again(const Held& held) const {
    return comes(held, [&held](const BlobSpec& blob) {
      return blob.item.key == held.item.key && has_digest(held.item, blob.content.strongest);
    });
  }

  bool is_replaced(const Held& held) const {
    return comes(held, [&held](const BlobSpec& blob) {
      return !has_digest(held.item, blob.content.strongest);
    });
  }

 private:
  template <typename IsIt>
  bool comes(const Held& held, const IsIt& is_it) const {
    const auto coming = coming_to_.find(held.placement);
    return coming != coming_to_.end() &&
           std::any_of(coming->second.begin(), coming->second.end(),
                       [&is_it](const BlobSpec* blob) { return is_it(*blob); });
  }

  std::map<std::string, std::vector<const Held*>> recorded_at_;
  std::map<std::string, std::vector<const BlobSpec*>> coming_to_;
  const IsTaken& is_taken_;
};

/// A record of ten thousands of items is written in the time that so many bytes take.
constexpr std::uint64_t kWorthRecording = std::uint64_t{1} << 30;

}  // namespace

TreeRecords records_of(const std::vector<Held>& there, const std::vector<BlobSpec>& coming,
                       const IsTaken& is_taken) {
  const Comparison comparison(there, coming, is_taken);
  TreeRecords records;
  for (const auto& blob : coming) {
    auto& items = records.items[blob.item.key.content_id];
    if (comparison.has_other_content_at_its_path(blob)) {
      records.renewals[blob.item.path->str()].push_back(blob.item);
    } else {
      items.push_back(blob.item);
    }
  }
  for (const auto& held : there) {
    if (comparison.comes_again(held)) continue;
    if (held.state == HeldState::Present || !comparison.is_replaced(held)) {
      records.items[held.item.key.content_id].push_back(held.item);
    } else {
      // A record of it is not left behind: it would be begun for ever at the path of another item.
      records.items[held.item.key.content_id];
      records.useless.push_back(held);
    }
  }
  return records;
}

bool replaces(const Item& item, const Item& recorded) {
  return item.path == recorded.path && !has_digest(recorded, content_of(item).strongest);
}

void Renewals::expect(ByPath coming) {
  coming_ = std::move(coming);
  recorded();
}

void Renewals::came(const std::string& path) {
  const auto renewals = coming_.find(path);
  if (renewals == coming_.end() || !came_.insert(path).second) return;
  bytes_ += content_of(renewals->second.front()).size;
}

bool Renewals::should_be_recorded() const { return bytes_ >= kWorthRecording; }

std::set<std::string> Renewals::content_ids() const {
  std::set<std::string> content_ids;
  for (const auto& path : came_) {
    for (const auto& item : coming_.at(path)) content_ids.insert(item.key.content_id.str());
  }
  return content_ids;
}

Renewals::Renewed Renewals::renewed(const std::string& content_id,
                                    std::vector<Item> recorded) const {
  Renewed renewed;
  for (auto& item : recorded) {
    if (has_gone(item)) {
      renewed.gone.push_back(std::move(item));
    } else if (!has_come(item)) {
      renewed.items.push_back(std::move(item));
    }
  }
  for (const auto& path : came_) {
    for (const auto& item : coming_.at(path)) {
      if (item.key.content_id == content_id) renewed.items.push_back(item);
    }
  }
  return renewed;
}

void Renewals::recorded() {
  came_.clear();
  bytes_ = 0;
}

bool Renewals::has_gone(const Item& recorded) const {
  const auto& come = come_to_path_of(recorded);
  return std::any_of(come.begin(), come.end(),
                     [&recorded](const Item& item) { return replaces(item, recorded); });
}

bool Renewals::has_come(const Item& recorded) const {
  const auto& come = come_to_path_of(recorded);
  return std::any_of(come.begin(), come.end(),
                     [&recorded](const Item& item) { return item.key == recorded.key; });
}

const std::vector<Item>& Renewals::come_to_path_of(const Item& recorded) const {
  static const std::vector<Item> kNone;
  if (!recorded.path || !came_.contains(recorded.path->str())) return kNone;
  return coming_.at(recorded.path->str());
}

void Departures::know(std::vector<Item> recorded) {
  by_path_.emplace();
  by_path_->reserve(recorded.size());
  for (auto& item : recorded) {
    if (item.path) by_path_->emplace(item.path->str(), std::move(item));
  }
}

std::vector<const Item*> Departures::others_at_path_of(const Item& item) const {
  std::vector<const Item*> others;
  const auto [begin, end] = by_path_->equal_range(item.path->str());
  for (auto at = begin; at != end; ++at) {
    const Item& other = at->second;
    if (!(other.key == item.key) && !is_gone(other)) others.push_back(&other);
  }
  return others;
}

void Departures::gone(const Item& item) { gone_.insert(place_of(item)); }

std::set<std::string> Departures::content_ids() const {
  std::set<std::string> content_ids;
  for (const auto& [key, path] : gone_) content_ids.insert(key.content_id.str());
  return content_ids;
}

std::vector<Item> Departures::left_of(std::vector<Item> recorded) const {
  std::erase_if(recorded, [this](const Item& item) { return is_gone(item); });
  return recorded;
}

}  // namespace streamsync
