#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "streams/target.h"

namespace streamsync {

/// What a tree is to record before items come, so that neither what they replace nor what a killed
/// run leaves is ever without a record (docs/adr/0007).
struct TreeRecords {
  std::map<std::string, std::vector<Item>> items;  ///< by content_id: what is there, and what comes
  /// What comes to a path that has another content as yet, or one that no record explains, by path:
  /// to be recorded when it lies there, as until then a record could not tell the one from the
  /// other, and would vouch for bytes that nobody has compared (`cli.md` §4.4).
  std::map<std::string, std::vector<Item>> renewals;
  /// Was begun at the path of another content. What lies at the path itself is not of it.
  std::vector<Held> useless;
};

/// Whether a file lies at a path; asked only where no record tells.
using IsTaken = std::function<bool(const std::string& path)>;

TreeRecords records_of(const std::vector<Held>& there, const std::vector<BlobSpec>& coming,
                       const IsTaken& is_taken);

/// Whether the bytes of what is recorded are gone once `item` is at its path.
bool replaces(const Item& item, const Item& recorded);

/// TreeRecords::renewals on their way into the records: together, as each time a whole record is
/// read and written. What came and is not recorded when a run is killed is copied again.
class Renewals {
 public:
  using ByPath = std::map<std::string, std::vector<Item>>;

  void expect(ByPath coming);
  /// From any thread, as it changes only by `expect`.
  bool expects(const std::string& path) const { return coming_.contains(path); }

  void came(const std::string& path);
  /// So much has come that nobody wants to copy it again.
  bool should_be_recorded() const;

  std::set<std::string> content_ids() const;  ///< of what came and is not recorded
  struct Renewed {
    std::vector<Item> items;
    std::vector<Item> gone;  ///< what of the recorded was replaced
  };
  /// `recorded` are all items of that content_id.
  Renewed renewed(const std::string& content_id, std::vector<Item> recorded) const;
  void recorded();

 private:
  bool has_gone(const Item& recorded) const;
  bool has_come(const Item& recorded) const;
  const std::vector<Item>& come_to_path_of(const Item& recorded) const;

  ByPath coming_;
  std::set<std::string> came_;  ///< paths
  std::uint64_t bytes_ = 0;     ///< of those
};

/// What goes out of a tree on its way out of the records: together, for the same reason. What is
/// gone and still recorded when a run is killed is looked for in vain by the next one, which
/// forgets it.
class Departures {
 public:
  /// What the records name now, to be known before anything is asked or goes.
  void know(std::vector<Item> recorded);
  bool knows_records() const { return by_path_.has_value(); }
  /// They were written, and are to be known again.
  void records_changed() { by_path_.reset(); }

  /// Others that the records name at the path of `item`, and that are not gone.
  std::vector<const Item*> others_at_path_of(const Item& item) const;

  void gone(const Item& item);
  std::set<std::string> content_ids() const;  ///< of what is gone and still recorded
  std::vector<Item> left_of(std::vector<Item> recorded) const;
  void recorded() { gone_.clear(); }

 private:
  using Place = std::pair<ItemKey, std::string>;
  static Place place_of(const Item& item) { return {item.key, item.path->str()}; }
  bool is_gone(const Item& item) const { return item.path && gone_.contains(place_of(item)); }

  std::optional<std::unordered_multimap<std::string, Item>> by_path_;
  std::set<Place> gone_;
};

}  // namespace streamsync
