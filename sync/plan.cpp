#include "sync/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/text.h"

namespace streamsync {
namespace {

using VersionNames = std::set<std::string, std::less<>>;
/// Of what the target holds, which outlives the planner.
using Placements = std::unordered_set<std::string_view>;

struct ProductKey {
  SharedText content_id;
  SharedText product;
  auto operator<=>(const ProductKey&) const = default;
};

// Items of one document differ in these first of all.
struct AddressHash {
  std::size_t operator()(const ItemKey* key) const noexcept {
    const std::hash<std::string_view> hash;
    return (hash(key->product) * 31 + hash(key->version)) * 31 + hash(key->item);
  }
};

struct SameAddress {
  bool operator()(const ItemKey* one, const ItemKey* other) const noexcept {
    return *one == *other;
  }
};

/// What holds one address, the best first.
using Copies = std::vector<const Held*>;

struct Wanted {
  const Item* item;
  std::size_t entry;
  std::optional<ItemContent> content;  // none: it can't be had
};

// What is wanted there, and what there is.
struct Address {
  Copies copies{};
  std::optional<Wanted> wanted{};
  bool has_promised_digest = false;  // what holds it
  bool is_damaged = false;           // what holds it
  bool is_disputed = false;          // (`cli.md` §4.4)
  bool is_coming = false;
};

ProductKey product_of(const ItemKey& key) { return {key.content_id, key.product}; }

constexpr const char* kWithdrawn = "hidden by the operator";
constexpr const char* kDamaged = "what is there has not the bytes that its source signed";

bool is_complete(const Held& held) { return held.state != HeldState::Incomplete; }

bool is_in_place(const Held& held) {
  return held.state == HeldState::Present || held.state == HeldState::Deactivated ||
         held.state == HeldState::Withdrawn || held.state == HeldState::Hidden;
}

bool is_shown(const Held& held) { return is_in_place(held) && held.state != HeldState::Hidden; }

// By the strongest digest that both have. None: they have none in common.
std::optional<bool> have_same_bytes(const Item& one, const Item& other) {
  for (const auto algorithm : kStrongestFirst) {
    const auto hex = tag(one.tags, to_string(algorithm));
    const auto other_hex = tag(other.tags, to_string(algorithm));
    const auto first = Digest::parse(algorithm, hex);
    if (first && hex == other_hex) return true;
    const auto second = Digest::parse(algorithm, other_hex);
    if (first && second) return *first == *second;
  }
  return std::nullopt;
}

// A target that keeps items at their paths must have this one there, with this content. An image
// has no path; another digest is refused there.
bool is_same(const Address& address) {
  const auto& held = address.copies.front()->item;
  const auto& wanted = *address.wanted->item;
  if (!held.path || !wanted.path) {
    return true;
  }
  return address.has_promised_digest && held.path == wanted.path;
}

bool has_size_of(const Held& held, const Item& wanted) {
  return parse_decimal(tag(wanted.tags, "size")) == held.size;
}

enum class Likeness { Same, Unknown, Other };

Likeness likeness(const Held& held, const Item& wanted) {
  if (const auto stored = stores_bytes_of(held, wanted)) {
    return *stored ? Likeness::Same : Likeness::Other;
  }
  const auto same_bytes = have_same_bytes(held.item, wanted);
  if (!same_bytes) return Likeness::Unknown;
  return *same_bytes && has_size_of(held, wanted) ? Likeness::Same : Likeness::Other;
}

// It was made of what is wanted, and that is not what is there: a transfer was cut or altered where
// nobody compared it (threats-and-faults.md T25). What is as its own metadata say is whole; then it
// is the source that says something else now.
bool is_damaged(const Held& held, const Item& wanted) {
  const bool may_be_mended = held.state == HeldState::Present || held.state == HeldState::Hidden;
  if (held.is_damaged) return may_be_mended;
  return may_be_mended && stores_bytes_of(held, wanted) == false &&
         have_same_bytes(held.item, wanted) != false && stores_bytes_of(held, held.item) != true;
}

// Of several that hold one address the one to keep comes first (docs/adr/0021), in a tree the one
// that is where it is wanted. `wanted` is none for what no entry wants.
auto rank(const Held& held, const Item* wanted) {
  const bool is_active = held.state == HeldState::Present || held.state == HeldState::Hidden;
  const bool is_elsewhere = wanted && held.item.path && held.item.path != wanted->path;
  return std::tuple(is_elsewhere, !is_active, wanted ? likeness(held, *wanted) : Likeness::Same,
                    held.state, held.created.value_or(Time::max()),
                    std::string_view(held.placement));
}

void sort_best_first(Copies& copies, const Item* wanted) {
  std::sort(copies.begin(), copies.end(), [wanted](const Held* one, const Held* other) {
    return rank(*one, wanted) < rank(*other, wanted);
  });
}

// What the entries together say about one product.
struct ProductVerdict {
  bool selected = false;  ///< some entry's source has it, and it passes the filters
  VersionNames at_source;
  VersionNames wanted;
};

// Neighbours are mostly of one version, which is looked up once for all of them.
class Lookup {
 public:
  explicit Lookup(const VersionNames& names) : names_(names) {}

  bool finds(const SharedText& version) {
    if (!last_ || *last_ != version) is_there_ = names_.contains(version.str());
    last_ = version;
    return is_there_;
  }

 private:
  const VersionNames& names_;
  std::optional<SharedText> last_;
  bool is_there_ = false;
};

// How it stands with one that is held.
struct Standing {
  Address* address;
  bool is_claimed = false;  ///< it passes some entry's filters
  bool is_wanted = false;   ///< some entry wants it to stay
  bool is_settled = false;
};

class Planner {
 public:
  Planner(PlanInput input, const NameOf& name_of, const DriftOf& drift_of)
      : input_(std::move(input)),
        inventory_(std::make_shared<const Inventory>(std::move(input_.inventory))),
        name_of_(name_of),
        drift_of_(drift_of) {
    addresses_.reserve(inventory_->size());
    standings_.reserve(inventory_->size());
    for (const auto& held : *inventory_) {
      auto& address = addresses_[&held.item.key];
      address.copies.push_back(&held);
      standings_.push_back({&address});
      by_product_[product_of(held.item.key)].push_back(&held);
    }
    for (auto& [key, address] : addresses_) {
      sort_best_first(address.copies, nullptr);
    }
  }

  Plan make() {
    for (const auto& entry : input_.entries) {
      for (const auto& selection : entry.selections) {
        judge(entry, selection);
      }
    }
    refuse_conflicting_digests();
    plan_.actions.reserve(std::max(wanted_in_order_.size(), inventory_->size()));
    for (auto* address : wanted_in_order_) {
      plan_wanted(*address);
    }
    plan_held();
    return std::move(plan_);
  }

 private:
  using Inventory = std::vector<Held>;

  Action about(ActionKind kind, const Held& held, std::string reason) const {
    Action action;
    action.kind = kind;
    action.key = held.item.key;
    action.name = held.name;
    action.size = held.size;
    action.held = {inventory_, &held};
    action.reason = std::move(reason);
    return action;
  }

  const Standing& standing(const Held& held) const {
    return standings_[static_cast<std::size_t>(&held - inventory_->data())];
  }
  Standing& standing(const Held& held) {
    return standings_[static_cast<std::size_t>(&held - inventory_->data())];
  }
  const Address& address_of(const Held& held) const { return *standing(held).address; }

  void judge(const EntrySelection& entry, const Selection& selection) {
    sources_.insert(selection.head.content_id);
    if (!selection.products.empty()) giving_.insert(selection.head.content_id);
    for (const auto& product : selection.products) {
      judge_product(entry, selection, product);
    }
  }

  // `remove_vanished` of one entry says nothing about what another one takes.
  bool vanished_goes(const Held& held) const {
    bool goes = false;
    for (const auto& entry : input_.entries) {
      for (const auto& selection : entry.selections) {
        if (held.item.key.content_id != selection.head.content_id) continue;
        if (entry.remove_vanished) {
          goes = true;
        } else if (entry.filters.matches(lookup(held.item.tags, selection.head.tags))) {
          return false;
        }
      }
    }
    return goes;
  }

  void judge_product(const EntrySelection& entry, const Selection& selection,
                     const SelectedProduct& product) {
    const ProductKey key{selection.head.content_id, product.product};
    auto& verdict = verdicts_[key];
    verdict.selected = true;

    VersionNames source;
    for (const auto& version : product.versions) {
      source.insert(version.version);
    }
    std::vector<const Held*> claimed;
    VersionNames target;
    VersionNames partly;
    Lookup at_source(source);
    for (const auto* held : by_product_[key]) {
      if (entry.filters.matches(lookup(held->item.tags, selection.head.tags))) {
        claimed.push_back(held);
        standing(*held).is_claimed = true;
        if (counts_as_held(*held, at_source)) {
          target.insert(held->item.key.version);
        } else if (is_shown(*held)) {
          partly.insert(held->item.key.version);
        }
      }
    }
    auto wanted = retain(source, target, entry.retention).wanted;
    if (entry.retention.keep) fill_up(wanted, partly, entry.retention.max.value_or(0));
    verdict.at_source.insert(source.begin(), source.end());
    verdict.wanted.insert(wanted.begin(), wanted.end());
    Lookup is_wanted(wanted);
    for (const auto* held : claimed) {
      if (is_wanted.finds(held->item.key.version)) standing(*held).is_wanted = true;
    }
    for (const auto& version : product.versions) {
      if (wanted.contains(version.version)) {
        want(entry.entry, version);
      }
    }
  }

  // What is hidden waits for its removal, unless its source has it again.
  bool counts_as_held(const Held& held, Lookup& source) const {
    if (source.finds(held.item.key.version)) return is_complete(held);
    return is_shown(held) && is_whole(held);
  }

  // With the newest.
  static void fill_up(VersionNames& versions, const VersionNames& from, std::size_t max) {
    for (auto at = from.rbegin(); at != from.rend() && versions.size() < max; ++at) {
      versions.insert(*at);
    }
  }

  // A version that a run could not complete is no version to keep in place of a whole one.
  bool is_whole(const Held& held) const {
    const auto& key = held.item.key;
    const auto& copies = by_product_.at(product_of(key));
    return std::all_of(copies.begin(), copies.end(), [&](const Held* other) {
      return other->item.key.version != key.version ||
             is_in_place(*address_of(*other).copies.front());
    });
  }

  void want(std::size_t entry, const SelectedVersion& version) {
    for (const auto& item : version.items) {
      auto& address = addresses_[&item.key];
      if (!address.wanted) {
        address.wanted = Wanted{&item, entry, content_or_error(item).first};
        wanted_in_order_.push_back(&address);
      } else if (have_same_bytes(*address.wanted->item, item) == false) {
        address.is_disputed = true;
      }
    }
  }

  // Two strongest digests for one path of one source: nobody can say which is right (`cli.md`
  // §4.4).
  void refuse_conflicting_digests() {
    std::map<std::size_t, std::unordered_map<std::string_view, const Digest*>> digests;
    for (const auto* address : wanted_in_order_) {
      const auto& wanted = address->wanted;
      if (!wanted->content) continue;
      const auto& path = wanted->item->path->str();
      const auto& digest = wanted->content->strongest;
      const auto [first, is_new] = digests[wanted->entry].try_emplace(path, &digest);
      if (!is_new && *first->second != digest) conflicting_.emplace(wanted->entry, path);
    }
  }

  static std::pair<std::optional<ItemContent>, std::optional<Error>> content_or_error(
      const Item& item) {
    try {
      if (!item.path) {
        throw Error(ErrorKind::Malformed, Origin::Source,
                    fmt::format("{}: has no path, so there is nothing to copy", item.key.str()));
      }
      return {content_of(item), std::nullopt};
    } catch (const Error& error) {
      return {std::nullopt, error};
    }
  }

  static bool has_content(const Item& item) {
    try {
      content_of(item);
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  // None: nothing is wrong with it.
  std::optional<Error> reason_to_skip(const Address& address) const {
    const auto& wanted = *address.wanted;
    if (!wanted.content) return content_or_error(*wanted.item).second;
    if (address.is_disputed) {
      return Error(ErrorKind::Untrusted, Origin::Source,
                   fmt::format("{}: two entries of mirror_list give it two different digests",
                               wanted.item->key.str()));
    }
    const auto& path = wanted.item->path->str();
    if (!conflicting_.contains({wanted.entry, path})) return std::nullopt;
    return Error(
        ErrorKind::Untrusted, Origin::Source,
        fmt::format("{}: the source gives {} two different digests", wanted.item->key.str(), path));
  }

  void plan_wanted(Address& address) {
    const auto& wanted = *address.wanted;
    auto& copies = address.copies;
    sort_best_first(copies, wanted.item);
    const Held* best = copies.empty() ? nullptr : copies.front();
    const bool damaged = best != nullptr && is_damaged(*best, *wanted.item);
    address.is_damaged = damaged;
    address.has_promised_digest =
        best != nullptr && wanted.content && has_digest(best->item, wanted.content->strongest);
    if (best != nullptr && is_in_place(*best) && !damaged && is_same(address)) {
      plan_in_place(address);
      return;
    }
    if (const auto error = reason_to_skip(address)) {
      skip(wanted, *error);
      return;
    }
    Action action;
    action.key = wanted.item->key;
    action.name = name_of_(*wanted.item);
    action.size = wanted.content->size;
    action.entry = wanted.entry;
    action.blob = std::make_shared<const BlobSpec>(
        BlobSpec{*wanted.item, *wanted.content, 0, best != nullptr && best->is_damaged});
    const Held* adoptable = damaged ? first_unrevealed(copies) : best;
    if (adoptable != nullptr && adoptable->state == HeldState::Unrevealed) {
      action.kind = ActionKind::Adopt;
      action.held = {inventory_, adoptable};
      action.reason = "complete, was not shown yet";
    } else {
      action.kind = ActionKind::Create;
      if (best != nullptr) action.replaced = {inventory_, best};
      action.reason = best == nullptr      ? "not there yet"
                      : damaged            ? kDamaged
                      : is_complete(*best) ? "the source has replaced it"
                                           : "was begun by an earlier run";
    }
    address.is_coming = true;
    coming_names_.insert(action.name);
    plan_.actions.push_back(std::move(action));
  }

  // What was made anew and not shown: its run was killed, or another item of its version failed.
  static const Held* first_unrevealed(const Copies& copies) {
    const auto found = std::find_if(copies.begin(), copies.end(), [](const Held* held) {
      return held->state == HeldState::Unrevealed;
    });
    return found == copies.end() ? nullptr : *found;
  }

  void plan_in_place(const Address& address) {
    const auto& wanted = *address.wanted;
    const auto& copies = address.copies;
    const Held& held = *copies.front();
    if (const auto refusal = reason_to_skip(address)) {
      refuse(held, wanted, "in place; what its source says of it now is refused", *refusal);
      return;
    }
    const auto same_bytes =
        address.has_promised_digest ? true : have_same_bytes(held.item, *wanted.item);
    if (same_bytes == false) {
      refuse_other_digest(held, wanted);
      return;
    }
    if (held.state == HeldState::Deactivated) {
      keep(held, "deactivated by the operator");
      return;
    }
    if (held.state == HeldState::Withdrawn) {
      keep(held, kWithdrawn);
      return;
    }
    const auto stored = stores_bytes_of(held, *wanted.item);
    if (stored == false) {
      same_bytes == true ? refuse_contradiction(held, wanted) : refuse_other_digest(held, wanted);
      return;
    }
    const bool is_known = same_bytes == true || stored == true;
    const auto drift = is_known ? drift_of_(held, wanted.item) : std::nullopt;
    if (held.state == HeldState::Hidden &&
        (!is_known || (drift && !drift->stays_because.empty()))) {
      refuse_to_show(held, wanted,
                     drift ? drift->stays_because : "nothing tells whether it has the right bytes");
      return;
    }
    if (!drift && copies.size() == 1) {
      keep(held, "in place");
      plan_.actions.back().is_news = false;
    } else if (!drift) {
      keep(held, fmt::format("in place, the best of {} copies", copies.size()));
    } else if (!drift->stays_because.empty()) {
      keep(held, fmt::format("{}, though it differs: {}", drift->stays_because, drift->what));
    } else {
      Action action = about(ActionKind::Update, held, fmt::format("differs: {}", drift->what));
      action.entry = wanted.entry;
      action.blob = std::make_shared<const BlobSpec>(BlobSpec{*wanted.item, *wanted.content});
      settle(held, std::move(action));
    }
  }

  // What was once signed for a version stays what it was (`cli.md` §2, status 3).
  void refuse_other_digest(const Held& held, const Wanted& wanted) {
    refuse(held, wanted, "its source gives it another digest now",
           Error(ErrorKind::Untrusted, Origin::Source,
                 fmt::format("{}: the source gives it another digest or size than when {} was "
                             "made from it; nothing was changed. Look at the source; if it is "
                             "right, delete {}, and the next run brings the new one",
                             wanted.item->key.str(), held.placement, held.placement)));
  }

  // The strongest digest is as before, so nothing that came could be right (docs/adr/0021).
  void refuse_contradiction(const Held& held, const Wanted& wanted) {
    keep(held, "its source gives it another size or weaker digest now");
    skip(wanted,
         Error(ErrorKind::Untrusted, Origin::Source,
               fmt::format("{}: beside the same strongest digest the source gives it another size "
                           "or weaker digest than {} has; nothing was changed. Tell who runs the "
                           "source; nothing is known to be wrong with {}",
                           wanted.item->key.str(), held.placement, held.placement)));
  }

  // What is neither what its source says nor what it was made from is not named meanwhile.
  void refuse(const Held& held, const Wanted& wanted, std::string reason, const Error& error) {
    keep(held, std::move(reason));
    plan_.actions.back().is_named =
        stores_bytes_of(held, *wanted.item) == true || stores_bytes_of(held, held.item) != false;
    skip(wanted, error);
  }

  void refuse_to_show(const Held& held, const Wanted& wanted, const std::string& reason) {
    keep(held, "hidden; " + reason);
    skip(wanted,
         Error(ErrorKind::Conflict, Origin::Target,
               fmt::format("{}: {} was hidden, is wanted again and can't be shown: {}. Change "
                           "that or delete it, and the next run goes on",
                           wanted.item->key.str(), held.placement, reason)));
  }

  void keep(const Held& held, std::string reason) {
    settle(held, about(ActionKind::Keep, held, std::move(reason)));
  }

  // No source tells anything new of it, but the configuration may.
  void keep_as_configured(const Held& held, std::string reason) {
    const bool may_drift = held.state == HeldState::Present && has_content(held.item);
    const auto drift = may_drift ? drift_of_(held, nullptr) : std::nullopt;
    if (!drift || !drift->stays_because.empty()) return keep(held, std::move(reason));
    settle(held,
           about(ActionKind::Update, held, fmt::format("{}; differs: {}", reason, drift->what)));
  }

  // Not removed in this run; what metadata names stays as it is, and of copies it names one.
  void stay(const Held& held, std::string reason) {
    Action action = about(ActionKind::Keep, held, std::move(reason));
    action.is_named = may_be_named(held);
    settle(held, std::move(action));
  }

  bool may_be_named(const Held& held) const {
    const auto& address = address_of(held);
    return !input_.leaving.contains(held.placement) && !address.is_damaged && !held.is_damaged &&
           address.copies.front()->placement == held.placement;
  }

  void settle(const Held& held, Action action) {
    standing(held).is_settled = true;
    plan_.actions.push_back(std::move(action));
  }

  void skip(const Wanted& wanted, const Error& error) {
    Action action;
    action.kind = ActionKind::Skip;
    action.key = wanted.item->key;
    action.name = name_of_(*wanted.item);
    action.entry = wanted.entry;
    action.reason = error.what();
    action.error = error;
    plan_.actions.push_back(std::move(action));
    stuck_products_.insert(product_of(wanted.item->key));
  }

  // In the order of addresses.
  std::map<ItemKey, const Copies*> unsettled() const {
    std::map<ItemKey, const Copies*> left;
    for (const auto& held : *inventory_) {
      if (!standing(held).is_settled) left.emplace(held.item.key, &address_of(held).copies);
    }
    return left;
  }

  // In a tree several items may share a path, which is name and placement of each; the file goes
  // with the last of them.
  Placements settled_placements() const {
    Placements placements;
    for (const auto& held : *inventory_) {
      if (standing(held).is_settled) placements.insert(held.placement);
    }
    return placements;
  }

  // Everything held that no wanted item settled: stays with a reason, or goes.
  void plan_held() {
    const auto left = unsettled();
    if (left.empty()) return;
    staying_ = settled_placements();
    std::vector<std::pair<const Held*, std::string>> going;
    VersionCount lost;
    for (const auto& [key, copies] : left) {
      for (const auto* held : *copies) {
        if (staying_.contains(held->placement)) continue;
        if (auto reason = reason_to_go(*held)) {
          going.emplace_back(held, std::move(*reason));
          note_loss(*held, lost);
        } else if (is_in_place(*held)) {
          staying_.insert(held->placement);
          plan_staying(*held);
        }
      }
    }
    const bool capped = cap_fires(lost);
    for (auto& [held, reason] : going) {
      if (capped && is_in_place(*held)) {
        stay(*held, "max_delete allows no removals in this run");
      } else if (!capped && !staying_.contains(held->placement) &&
                 !coming_names_.contains(held->placement)) {
        plan_.actions.push_back(about(ActionKind::Remove, *held, std::move(reason)));
        plan_.actions.back().is_named = may_be_named(*held);
      }
    }
  }

  void plan_staying(const Held& held) {
    if (is_on_its_way_out(held)) {
      stay(held, "superseded; " + reason_to_stay(held));
    } else if (can_go(held.item.key) && address_of(held).copies.front() == &held) {
      keep_as_configured(held, reason_to_stay(held));
    } else {
      stay(held, reason_to_stay(held));
    }
  }

  // Nothing goes as long as it is not known what takes its place.
  bool can_go(const ItemKey& key) const {
    return !input_.unread_sources.contains(key.content_id) && sources_.contains(key.content_id) &&
           !stuck_products_.contains(product_of(key));
  }

  std::optional<std::string> reason_to_go(const Held& held) const {
    const auto& key = held.item.key;
    if (held.state == HeldState::Withdrawn || !can_go(key)) return std::nullopt;
    const auto& address = address_of(held);
    if (address.is_coming) {
      // What was begun may be the very one that is gone on with; the next run knows.
      if (!is_in_place(held)) return std::nullopt;
      return address.is_damaged ? kDamaged : "the source has replaced it";
    }
    if (!is_complete(held)) {
      return "was begun and is no longer wanted";
    }
    const Held& best = *address.copies.front();
    if (&best != &held && staying_.contains(best.placement)) {
      return fmt::format("second copy of {}", best.placement.str());
    }
    const auto verdict = verdicts_.find(product_of(key));
    if (verdict == verdicts_.end() || !verdict->second.selected) {
      return vanished_goes(held) ? std::optional<std::string>("its product left the source")
                                 : std::nullopt;
    }
    if (held.state == HeldState::Unrevealed && !verdict->second.at_source.contains(key.version)) {
      return "was never shown, and its source has it no more";
    }
    if (standing(held).is_wanted) return std::nullopt;
    const bool version_wanted = verdict->second.wanted.contains(key.version);
    if (!standing(held).is_claimed && version_wanted) {
      return std::nullopt;  // no entry asks for it any more, but its version is still wanted
    }
    return replaced(held) ? "superseded" : "its version left the source";
  }

  // Metadata stopped naming it, and no entry wants it back.
  bool is_on_its_way_out(const Held& held) const {
    return !standing(held).is_wanted && can_go(held.item.key) &&
           input_.leaving.contains(held.placement);
  }

  std::string reason_to_stay(const Held& held) const {
    const auto& key = held.item.key;
    if (held.state == HeldState::Withdrawn) return kWithdrawn;
    if (input_.unread_sources.contains(key.content_id)) {
      return "its source could not be read";
    }
    if (!sources_.contains(key.content_id)) {
      return "no entry mirrors its source any more";
    }
    if (address_of(held).is_damaged || held.is_damaged) return kDamaged;
    if (stuck_products_.contains(product_of(key))) {
      return "its successor can't be had";
    }
    const auto verdict = verdicts_.find(product_of(key));
    if (verdict == verdicts_.end() || !verdict->second.selected) {
      return "its product left the source or the filters; remove_vanished is off";
    }
    return verdict->second.at_source.contains(key.version)
               ? "no entry asks for it any more"
               : "left the source; kept while there is room";
  }

  bool replaced(const Held& held) const {
    const auto verdict = verdicts_.find(product_of(held.item.key));
    return verdict != verdicts_.end() && verdict->second.wanted.upper_bound(
                                             held.item.key.version) != verdict->second.wanted.end();
  }

  // Versions that would go without a replacement, by source.
  using VersionsOfProducts = std::set<std::pair<std::string, std::string>>;
  using VersionCount = std::map<std::string, VersionsOfProducts>;

  void note_loss(const Held& held, VersionCount& lost) const {
    const auto& key = held.item.key;
    // The run that hid it was allowed to remove it.
    if (held.state == HeldState::Hidden && giving_.contains(key.content_id)) return;
    const auto& address = address_of(held);
    if (!address.is_coming && is_in_place(held) && !replaced(held) &&
        address.copies.front() == &held) {
      lost[key.content_id].emplace(key.product, key.version);
    }
  }

  bool cap_fires(const VersionCount& lost) {
    for (const auto& [content_id, versions] : lost) {
      if (!giving_.contains(content_id)) {
        plan_.guard = Error(ErrorKind::Guard, Origin::Source,
                            fmt::format("nothing of {} is selected any more, which would remove "
                                        "all {} versions held of it; nothing was removed. Look at "
                                        "the source and at item_filters",
                                        content_id, versions.size()));
        return true;
      }
    }
    const auto all = versions_held([](const Held&) { return true; });
    for (const auto& [content_id, versions] : lost) {
      if (exceeds_cap(content_id, versions, all, "held")) return true;
    }
    return std::any_of(input_.entries.begin(), input_.entries.end(), [&](const auto& entry) {
      return std::any_of(
          entry.selections.begin(), entry.selections.end(), [&](const Selection& selection) {
            const auto of_source = lost.find(selection.head.content_id);
            return of_source != lost.end() && cap_fires_for(entry, selection, of_source->second);
          });
    });
  }

  // "As a share of what this entry holds" (`cli.md` §3).
  bool cap_fires_for(const EntrySelection& entry, const Selection& selection,
                     const VersionsOfProducts& lost) {
    const auto& content_id = selection.head.content_id;
    const auto held = versions_held([&](const Held& one) {
      return one.item.key.content_id == content_id &&
             entry.filters.matches(lookup(one.item.tags, selection.head.tags));
    });
    VersionsOfProducts lost_here;
    if (const auto of_source = held.find(content_id); of_source != held.end()) {
      std::set_intersection(lost.begin(), lost.end(), of_source->second.begin(),
                            of_source->second.end(), std::inserter(lost_here, lost_here.end()));
    }
    return exceeds_cap(content_id, lost_here, held,
                       fmt::format("that entry {} of mirror_list holds", entry.entry));
  }

  template <typename IsCounted>
  VersionCount versions_held(const IsCounted& is_counted) const {
    VersionCount held;
    for (const auto& one : *inventory_) {
      if (is_complete(one) && one.state != HeldState::Hidden && is_counted(one)) {
        held[one.item.key.content_id].emplace(one.item.key.product, one.item.key.version);
      }
    }
    return held;
  }

  bool exceeds_cap(const std::string& content_id, const VersionsOfProducts& lost,
                   const VersionCount& held, std::string_view whose) {
    if (lost.empty()) return false;
    const auto of_source = held.find(content_id);
    const auto total = of_source == held.end() ? 0 : of_source->second.size();
    const auto& cap = input_.max_delete;
    const bool fires = cap.unit == DeletionCap::Unit::Versions
                           ? lost.size() > cap.limit
                           : lost.size() * 100 > cap.limit * total;
    if (fires) {
      plan_.guard = Error(
          ErrorKind::Guard, Origin::Source,
          fmt::format("{} of the {} versions {} of {} would go without a replacement, more "
                      "than max_delete allows; nothing was removed. If this is right, run once "
                      "with --max-delete 100%",
                      lost.size(), total, whose, content_id));
    }
    return fires;
  }

  PlanInput input_;  // but for what is held
  std::shared_ptr<const Inventory> inventory_;
  const NameOf& name_of_;
  const DriftOf& drift_of_;
  Plan plan_;
  std::unordered_map<const ItemKey*, Address, AddressHash, SameAddress> addresses_;
  std::vector<Standing> standings_;  // in the order of the inventory
  std::map<ProductKey, std::vector<const Held*>> by_product_;
  std::map<ProductKey, ProductVerdict> verdicts_;
  std::vector<Address*> wanted_in_order_;
  std::set<std::string> sources_;
  std::set<std::string> giving_;  // those of which something is selected (T23)
  std::unordered_set<std::string> coming_names_;
  Placements staying_;
  std::set<ProductKey> stuck_products_;
  std::set<std::pair<std::size_t, std::string>> conflicting_;
};

}  // namespace

Plan make_plan(PlanInput input, const NameOf& name_of, const DriftOf& drift_of) {
  return Planner(std::move(input), name_of, drift_of).make();
}

std::optional<bool> stores_bytes_of(const Held& held, const Item& wanted) {
  if (held.stored.empty() || !parse_decimal(tag(wanted.tags, "size"))) return std::nullopt;
  if (!has_size_of(held, wanted)) return false;
  std::optional<Digest> strongest;
  bool is_same = false;
  for (const auto& stored : held.stored) {
    if (strongest && stored.algorithm() < strongest->algorithm()) continue;
    const auto hex = tag(wanted.tags, to_string(stored.algorithm()));
    auto promised = Digest::parse(stored.algorithm(), hex);
    if (!promised) continue;
    is_same = *promised == stored;
    strongest = std::move(promised);
  }
  return strongest ? std::optional(is_same) : std::nullopt;
}

bool brings_bytes(const Action& action) noexcept {
  return action.kind == ActionKind::Create || action.kind == ActionKind::Adopt;
}

bool may_be_taken_over(const Action& action) noexcept {
  const auto& replaced = action.replaced;
  return action.kind == ActionKind::Create && !action.blob->is_mending &&
         (!replaced || replaced->state != HeldState::Present);
}

bool shows_anew(const Action& action) noexcept {
  return brings_bytes(action) ||
         (action.kind == ActionKind::Update && action.held->state == HeldState::Hidden);
}

std::string_view to_string(ActionKind kind) noexcept {
  switch (kind) {
    case ActionKind::Create:
      return "create";
    case ActionKind::Adopt:
      return "adopt";
    case ActionKind::Update:
      return "update";
    case ActionKind::Keep:
      return "keep";
    case ActionKind::Skip:
      return "skip";
    case ActionKind::Remove:
      return "remove";
    case ActionKind::Hide:
      return "hide";
  }
  return "";
}

}  // namespace streamsync
