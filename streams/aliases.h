#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "streams/held_bytes.h"
#include "streams/json.h"
#include "streams/tags.h"

namespace streamsync {

/// The scalars of one object as they stand in a document, aliases not expanded.
struct TaggedObject {
  Tags tags;
  std::set<std::string, std::less<>> not_strings;  ///< of `tags`: these refer to no alias

  /// Nothing is added when there is no scalar: null, lists and objects are invisible.
  void add(std::string key, std::optional<JsonScalar> scalar);
};

/// The `_aliases` of a document: tag, its value, the tags that they stand for
/// (`upstream-gss.md` §1.6).
class Aliases {
 public:
  explicit Aliases(std::string_view where) : where_(where) {}

  /// Takes the value of `_aliases`.
  void read(JsonReader& json, HeldBytes& held);

  /// The object's tags with those of its aliases, which override its own and are not expanded
  /// again. Throws `Error{Malformed, Source}` for a value that no alias names.
  Tags expand(TaggedObject object) const;

 private:
  using Values = std::map<std::string, Tags, std::less<>>;

  const Tags& lookup(const std::string& tag, const Values& values, const std::string& value) const;

  std::string where_;
  std::map<std::string, Values, std::less<>> aliases_;
};

}  // namespace streamsync
