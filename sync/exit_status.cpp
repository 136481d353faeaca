#include "sync/exit_status.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

namespace streamsync {
namespace {

std::string_view reaction_to(ExitStatus status, Origin origin) noexcept {
  switch (status) {
    case ExitStatus::ItemsFailed:
      return "see to what failed, then run again";
    case ExitStatus::SourceUnavailable:
      return "run again when the source is in order";
    case ExitStatus::TargetUnavailable:
      return "see to that, then run again";
    case ExitStatus::NoRoom:
      return "add room, then run again";
    case ExitStatus::Refused:
    case ExitStatus::Guard:
      return origin == Origin::Source ? "look at the source before you run again" : "";
    case ExitStatus::Done:
    case ExitStatus::Usage:
    case ExitStatus::Busy:
      break;
  }
  return {};
}

}  // namespace

ExitStatus exit_status_of(const Error& error) noexcept {
  switch (error.kind()) {
    case ErrorKind::Config:
      return ExitStatus::Usage;
    case ErrorKind::Untrusted:
    case ErrorKind::Malformed:
      return ExitStatus::Refused;
    case ErrorKind::NoRoom:
      return ExitStatus::NoRoom;
    case ErrorKind::Guard:
      return ExitStatus::Guard;
    case ErrorKind::Busy:
      return ExitStatus::Busy;
    case ErrorKind::Transient:
    case ErrorKind::RateLimited:
    case ErrorKind::NotFound:
    case ErrorKind::Denied:
    case ErrorKind::Conflict:
    case ErrorKind::Corrupt:
    case ErrorKind::Protocol:
      return error.origin() == Origin::Source ? ExitStatus::SourceUnavailable
                                              : ExitStatus::TargetUnavailable;
  }
  return ExitStatus::ItemsFailed;
}

ExitStatus exit_status_of_item(const Error& error) noexcept {
  // An unusable item, one held back and bytes that do not match concern that item alone.
  if (error.kind() == ErrorKind::Malformed || error.kind() == ErrorKind::Conflict ||
      error.kind() == ErrorKind::Corrupt) {
    return ExitStatus::ItemsFailed;
  }
  const auto status = exit_status_of(error);
  return status == ExitStatus::SourceUnavailable ? ExitStatus::ItemsFailed : status;
}

std::string with_reaction(const Error& error, ExitStatus status) {
  const auto reaction = reaction_to(status, error.origin());
  return reaction.empty() ? error.what() : fmt::format("{}; {}", error.what(), reaction);
}

ExitStatus gravest(const std::set<ExitStatus>& found) noexcept {
  constexpr std::array kOrder{ExitStatus::Usage,
                              ExitStatus::Busy,
                              ExitStatus::Refused,
                              ExitStatus::Guard,
                              ExitStatus::TargetUnavailable,
                              ExitStatus::NoRoom,
                              ExitStatus::SourceUnavailable,
                              ExitStatus::ItemsFailed};
  for (const auto status : kOrder) {
    if (found.contains(status)) {
      return status;
    }
  }
  return ExitStatus::Done;
}

std::optional<Error> keep_gravest(std::optional<Error>& kept, Error error) {
  if (!kept) {
    kept = std::move(error);
    return std::nullopt;
  }
  const auto status = exit_status_of(*kept);
  if (gravest({status, exit_status_of(error)}) != status) std::swap(*kept, error);
  return error;
}

}  // namespace streamsync
