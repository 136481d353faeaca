#include "streams/tree_records.h"

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
    for (const auto& blob : coming) coming_.emplace(blob.item.key, &blob);
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

  // None: nothing comes for it, or to another path.
  const BlobSpec* coming_to_its_path(const Held& held) const {
    const auto blob = coming_.find(held.item.key);
    const bool comes = blob != coming_.end() && blob->second->item.path == held.item.path;
    return comes ? blob->second : nullptr;
  }

 private:
  std::map<std::string, std::vector<const Held*>> recorded_at_;
  std::map<ItemKey, const BlobSpec*> coming_;
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
    const auto* blob = comparison.coming_to_its_path(held);
    const bool is_replaced = blob && !has_content(held.item, blob->content.strongest);
    if (!blob || (is_replaced && held.state == HeldState::Present)) {
      records.items[held.item.key.content_id].push_back(held.item);
    } else if (is_replaced) {
      records.useless.push_back(held);
    }
  }
  return records;
}

bool replaces(const Item& item, const Item& recorded) {
  return item.path == recorded.path && !has_content(recorded, content_of(item).strongest);
}

}  // namespace streamsync
