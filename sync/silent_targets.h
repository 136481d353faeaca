#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "base/error.h"
#include "streams/target.h"

namespace streamsync {

/// Whether a target gave no sign of life: nobody took the connection, or nothing came in time to
/// all that was sent. What answers, whatever it says, is not silent.
bool is_silence(const Error& error) noexcept;

/// What is told of an item that was not tried because of that silence.
Error not_tried(const Error& silence);

/// The targets that an item, tried as often as it may be, has found silent. Jobs leave them out, so
/// that nobody waits with them; the run asks them again when all others are done. Thread-safe.
class SilentTargets {
 public:
  /// Takes note of the target if that is what `error` says.
  void note(const ItemTarget& target, const Error& error);
  /// What it was last found silent by; none: it is asked.
  std::optional<Error> why(const ItemTarget& target) const;
  /// As `note`, when it was to give an item that it has. That is tried once, so it is given others
  /// all the same.
  void note_as_giver(const ItemTarget& target, const Error& error);
  /// Whether nobody waits for what it has.
  bool gives_nothing(const ItemTarget& target) const;
  /// All are asked again.
  void forget();

 private:
  mutable std::mutex mutex_;
  std::map<const ItemTarget*, Error> targets_;
  std::set<const ItemTarget*> givers_;
};

}  // namespace streamsync
