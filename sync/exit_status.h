#pragma once

#include <optional>
#include <set>
#include <string>

#include "base/error.h"

namespace streamsync {

/// `cli.md` §2: one status per reaction it asks of the operator.
enum class ExitStatus {
  Done = 0,
  ItemsFailed = 1,
  Usage = 2,
  Refused = 3,
  SourceUnavailable = 4,
  TargetUnavailable = 5,
  NoRoom = 6,
  Busy = 7,
  Guard = 8,
};

/// What an error means for the process when it ends a run, an entry or a destination.
ExitStatus exit_status_of(const Error& error) noexcept;

/// What an item's error means: an item that only its source can't give fails alone (1).
ExitStatus exit_status_of_item(const Error& error) noexcept;

/// What an error says and what the operator is to do about it (`cli.md` §2), for the last line of a
/// process. Errors of the configuration and of a lock say so themselves.
std::string with_reaction(const Error& error, ExitStatus status);

/// The first that applies of 3, 8, 5, 6, 4, 1; Usage and Busy before all.
ExitStatus gravest(const std::set<ExitStatus>& found) noexcept;

/// Leaves in `kept` the error with the graver status, of two alike the first, and returns the other
/// one: the status of a destination is that of one error.
std::optional<Error> keep_gravest(std::optional<Error>& kept, Error error);

}  // namespace streamsync
