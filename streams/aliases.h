#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "streams/held_bytes.h"
#include "streams/json.h"
#include "streams/tags.h"

namespace streamsync {

/// The scalars of one object as they stand in a document, aliases not expanded.
struct TaggedObject {
  Tags tags;
  std::set<std::string, std::less<>> not_strings;  ///< of `tags`: these refer to no alias

  /// Nothing is added when there is no scalar: null, lists and objects are invisible.
  void add(std::string_view key, std::optional<JsonScalarView> scalar);
};

/// One of them, whose text lies elsewhere.
struct TagView {
  std::string_view key;
  std::string_view value;
  bool is_string = true;
};

/// What one value of a tag stands for.
struct Alias {
  Tags tags;
  std::uint64_t held = 0;  ///< as `HeldBytes` counts them
};

/// The `_aliases` of a document: tag, its value, the tags that they stand for
/// (`upstream-gss.md` §1.6).
class Aliases {
 public:
  explicit Aliases(std::string_view where) : where_(where) {}

  /// Takes the value of `_aliases`.
  void read(JsonReader& json, HeldBytes& held);

  /// The aliases that the tags of an object refer to. Their tags override the object's own, those
  /// of a later alias those of an earlier one, and none is expanded again. Throws `Error{Malformed,
  /// Source}` for a value that no alias names.
  std::vector<const Alias*> named_by(std::span<const TagView> tags) const;
  /// The object's tags with those of its aliases.
  Tags expand(TaggedObject object) const;

 private:
  using Values = std::map<std::string, Alias, std::less<>>;

  const Alias& lookup(const std::string& tag, const Values& values, std::string_view value) const;

  std::string where_;
  std::map<std::string, Values, std::less<>> aliases_;
};

}  // namespace streamsync
