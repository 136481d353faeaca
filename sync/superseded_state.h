#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/time.h"
#include "sync/removal.h"

namespace streamsync {

/// Since when what is superseded is not named any more, at every destination: what `grace` is
/// counted from. Pure data; the state directory keeps it. Without it `grace` begins anew, no more.
class SupersededState {
 public:
  /// Throws `Error{Config, Local}` for anything that `str` did not write.
  static SupersededState parse(std::string_view json, const std::string& file);
  std::string str() const;

  /// Empty for a destination at which nothing is on its way out.
  const Leaving& of(const std::string& destination) const;
  /// False when there is no news.
  bool replace(const std::string& destination, Leaving leaving);

 private:
  std::map<std::string, Leaving, std::less<>> destinations_;
};

}  // namespace streamsync
