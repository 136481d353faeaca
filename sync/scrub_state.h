#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/time.h"

namespace streamsync {

/// How far the rolling check of one tree has come.
struct Scrubbed {
  Time until{};
  std::set<std::string> wrong{};  ///< placements: damaged or unread then, so due in each run
  bool operator==(const Scrubbed&) const = default;
};

/// How far it has come at every destination. Pure data; the state directory keeps it. Without it
/// the periods begin anew, no more.
class ScrubState {
 public:
  /// Throws `Error{Config, Local}` for anything that `str` did not write.
  static ScrubState parse(std::string_view json, const std::string& file);
  std::string str() const;

  std::optional<Scrubbed> of(const std::string& destination) const;
  void replace(const std::string& destination, Scrubbed scrubbed);

 private:
  std::map<std::string, Scrubbed, std::less<>> destinations_;
};

}  // namespace streamsync
