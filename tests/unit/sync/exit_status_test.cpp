#include "sync/exit_status.h"

#include <catch2/catch.hpp>

namespace streamsync {

TEST_CASE("the gravest status wins, in the order of the contract") {
  using S = ExitStatus;
  CHECK(gravest({}) == S::Done);
  CHECK(gravest({S::ItemsFailed}) == S::ItemsFailed);
  CHECK(gravest({S::ItemsFailed, S::SourceUnavailable}) == S::SourceUnavailable);
  CHECK(gravest({S::SourceUnavailable, S::NoRoom}) == S::NoRoom);
  CHECK(gravest({S::NoRoom, S::TargetUnavailable}) == S::TargetUnavailable);
  CHECK(gravest({S::TargetUnavailable, S::Guard}) == S::Guard);
  CHECK(gravest({S::Guard, S::Refused}) == S::Refused);
}

TEST_CASE("of several errors the gravest is kept, of two alike the first") {
  const Error full(ErrorKind::NoRoom, Origin::Target, "full");
  const Error away(ErrorKind::Transient, Origin::Target, "away");
  const Error denied(ErrorKind::Denied, Origin::Target, "denied");
  std::optional<Error> kept;
  CHECK_FALSE(keep_gravest(kept, full));
  CHECK(keep_gravest(kept, away)->kind() == ErrorKind::NoRoom);
  CHECK(keep_gravest(kept, denied)->kind() == ErrorKind::Denied);
  CHECK(keep_gravest(kept, full)->kind() == ErrorKind::NoRoom);
  CHECK(kept->kind() == ErrorKind::Transient);
}

TEST_CASE("a last line says what to do") {
  const auto [status, origin, line] = GENERATE(table<ExitStatus, Origin, std::string>({
      {ExitStatus::ItemsFailed, Origin::Source, "no; see to what failed, then run again"},
      {ExitStatus::SourceUnavailable, Origin::Source, "no; run again when the source is in order"},
      {ExitStatus::TargetUnavailable, Origin::Target, "no; see to that, then run again"},
      {ExitStatus::NoRoom, Origin::Local, "no; add room, then run again"},
      {ExitStatus::Refused, Origin::Source, "no; look at the source before you run again"},
      {ExitStatus::Guard, Origin::Source, "no; look at the source before you run again"},
      {ExitStatus::Refused, Origin::Local, "no"},
      {ExitStatus::Usage, Origin::Config, "no"},
      {ExitStatus::Busy, Origin::Local, "no"},
  }));
  CHECK(with_reaction(Error(ErrorKind::Protocol, origin, "no"), status) == line);
}

TEST_CASE("an error's status depends on kind and origin alone") {
  const auto [kind, origin, run, item] = GENERATE(table<ErrorKind, Origin, ExitStatus, ExitStatus>({
      {ErrorKind::Config, Origin::Config, ExitStatus::Usage, ExitStatus::Usage},
      {ErrorKind::Untrusted, Origin::Source, ExitStatus::Refused, ExitStatus::Refused},
      {ErrorKind::Malformed, Origin::Source, ExitStatus::Refused, ExitStatus::ItemsFailed},
      {ErrorKind::Corrupt, Origin::Source, ExitStatus::SourceUnavailable, ExitStatus::ItemsFailed},
      {ErrorKind::NotFound, Origin::Source, ExitStatus::SourceUnavailable, ExitStatus::ItemsFailed},
      {ErrorKind::Transient, Origin::Target, ExitStatus::TargetUnavailable,
       ExitStatus::TargetUnavailable},
      {ErrorKind::Corrupt, Origin::Target, ExitStatus::TargetUnavailable, ExitStatus::ItemsFailed},
      {ErrorKind::NoRoom, Origin::Target, ExitStatus::NoRoom, ExitStatus::NoRoom},
      {ErrorKind::Guard, Origin::Source, ExitStatus::Guard, ExitStatus::Guard},
      {ErrorKind::Busy, Origin::Local, ExitStatus::Busy, ExitStatus::Busy},
  }));
  const Error error(kind, origin, "what");
  CHECK(exit_status_of(error) == run);
  CHECK(exit_status_of_item(error) == item);
}

}  // namespace streamsync
