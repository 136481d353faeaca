#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "filters/selection.h"
#include "streams/target.h"
#include "sync/config.h"

namespace streamsync {

/// What one entry of the mirror_list wants of one destination.
struct EntrySelection {
  std::size_t entry = 0;  ///< index into the configuration's mirrors
  std::vector<Selection> selections;
  FilterSet filters;
  RetentionPolicy retention;
  bool remove_vanished = false;
};

/// All that a plan is made of. Pure data, so a plan can be made and tested without any service.
struct PlanInput {
  std::vector<EntrySelection> entries;
  std::vector<Held> inventory;
  /// content_ids of sources that some entry could not read well in this run: nothing of theirs is
  /// removed (`cli.md` §4.1).
  std::set<std::string> unread_sources;
  DeletionCap max_delete;
  /// Placements that metadata did not name any more after the last run, and that are still there.
  std::set<std::string> leaving;
};

enum class ActionKind {
  Create,  ///< copy the bytes, compare, reveal
  Adopt,   ///< complete already: compare, reveal
  Update,  ///< in place: what is known of it has changed
  Keep,
  Skip,    ///< can't be copied; `error` says why
  Remove,  ///< after publication, and only if nothing of the same product failed
  Hide,    ///< what a Remove becomes where the item is in use: shown no more
};

struct Action {
  ActionKind kind = ActionKind::Keep;
  ItemKey key;
  SharedText name;  ///< image name, or path in a tree
  std::uint64_t size = 0;
  std::size_t entry = 0;                   ///< Create, Adopt, Update: whose source
  std::shared_ptr<const BlobSpec> blob{};  ///< Create, Adopt; Update, where a source tells anything
  std::shared_ptr<const Held> held{};      ///< Adopt, Update, Keep, Remove, Hide
  std::shared_ptr<const Held> replaced{};  ///< Create: what is in its place, and may be right
  std::string reason;
  std::optional<Error> error;  ///< Skip
  bool is_named = true;        ///< Keep, Remove that is withheld: published metadata may name it
  bool is_news = true;         ///< not a Keep of what is as all want it
  SharedText destination{};    ///< Create, Adopt: for people, where a run serves several
};

/// Create and Adopt: the item comes to be held in this run.
bool brings_bytes(const Action& action) noexcept;
/// Those, and an Update of what was hidden: the item comes to be shown in this run.
bool shows_anew(const Action& action) noexcept;
/// Create, where what lies in the item's place may be right: no record says that it is another.
bool may_be_taken_over(const Action& action) noexcept;

/// What a run will do to one destination, in this order: Create, Adopt, Update, Keep and Skip in
/// the order of mirror_list and documents, then the Removes.
struct Plan {
  std::vector<Action> actions;
  /// The deletion cap fired: there are no Removes, and the run ends with 8.
  std::optional<Error> guard;
};

/// What `ItemTarget` says of names and drifts.
using NameOf = std::function<std::string(const Item&)>;
using DriftOf = std::function<std::optional<Drift>(const Held&, const Item*)>;

/// Selections of all entries are united before anything is decided (`cli.md` §4.1); the unit of
/// retention is the version (§4.2).
Plan make_plan(PlanInput input, const NameOf& name_of, const DriftOf& drift_of);

/// By the strongest digest that the target tells and the source signed. None: there is none.
std::optional<bool> stores_bytes_of(const Held& held, const Item& wanted);

std::string_view to_string(ActionKind kind) noexcept;  // "create", "adopt", … as the report says

}  // namespace streamsync
