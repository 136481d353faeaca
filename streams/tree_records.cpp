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
  Comparison(const std::vector<Held>& there, const std::vector<BlobSpec>& coming) {
    for (const auto& held : there) {
      if (held.state == HeldState::Present) shown_at_[held.placement].push_back(&held);
    }
    for (const auto& blob : coming) coming_.emplace(blob.item.key, &blob);
  }

  bool has_other_content_at_its_path(const BlobSpec& blob) const {
    const auto shown = shown_at_.find(blob.item.path->str());
    return shown != shown_at_.end() &&
           std::any_of(shown->second.begin(), shown->second.end(), [&blob](const Held* held) {
             return !has_content(held->item, blob.content.strongest);
           });
  }

  // None: nothing comes for it, or to another path.
  const BlobSpec* coming_to_its_path(const Held& held) const {
    const auto blob = coming_.find(held.item.key);
    const bool comes = blob != coming_.end() && blob->second->item.path == held.item.path;
    return comes ? blob->second : nullptr;
  }

 private:
  std::map<std::string, std::vector<const Held*>> shown_at_;
  std::map<ItemKey, const BlobSpec*> coming_;
};

}  // namespace

TreeRecords records_of(const std::vector<Held>& there, const std::vector<BlobSpec>& coming) {
  const Comparison comparison(there, coming);
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
