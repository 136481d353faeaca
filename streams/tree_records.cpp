#include "streams/tree_records.h"

#include <algorithm>

#include "base/error.h"

namespace streamsync {
namespace {

// Not where the item's own tags are no use; it is recorded, so they were once.
bool has_content(const Item& item, const Digest& strongest) {
  try {
    return content_of(item).strongest == strongest;
  } catch (const Error&) {
    return false;
  }
}

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
        const bool is_same = has_content(held->item, blob.content.strongest);
        if (!is_same && held->state == HeldState::Present) return true;
        is_explained = is_explained || is_same;
      }
    }
    return !is_explained && is_taken_(path);
  }

  bool comes_again(const Held& held) const {
    return comes(held, [&held](const BlobSpec& blob) {
      return blob.item.key == held.item.key && has_content(held.item, blob.content.strongest);
    });
  }

  bool is_replaced(const Held& held) const {
    return comes(held, [&held](const BlobSpec& blob) {
      return !has_content(held.item, blob.content.strongest);
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
  return item.path == recorded.path && !has_content(recorded, content_of(item).strongest);
}

}  // namespace streamsync
