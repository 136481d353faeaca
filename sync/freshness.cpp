#include "sync/freshness.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/error.h"

namespace streamsync {
namespace {

constexpr std::chrono::hours kClockSkew{24};

[[noreturn]] void refuse(std::string_view where, const std::string& why) {
  throw Error(ErrorKind::Untrusted, Origin::Source, fmt::format("{}: {}", where, why));
}

std::optional<Time> date_of(const AcceptedDocument& document) {
  return document.updated ? document.updated : document.signed_at;
}

std::string shown(std::optional<Time> time) { return time ? to_rfc3339(*time) : "without a date"; }

}  // namespace

void refuse_future(const AcceptedDocument& found, Time now, std::string_view where) {
  const auto date = date_of(found);
  if (date && *date < Time()) refuse(where, "is dated before 1970");
  if (date && *date > now + kClockSkew) {
    refuse(where, fmt::format("is dated in the future, {}; if that is right, this machine's clock "
                              "is not ({})",
                              to_rfc3339(*date), to_rfc3339(now)));
  }
}

bool is_older(const AcceptedDocument& found, const AcceptedDocument& last) {
  const bool by_updated = found.updated || last.updated;
  return by_updated ? found.updated < last.updated : found.signed_at < last.signed_at;
}

std::optional<std::string> rollback_of(const AcceptedDocument& found,
                                       const AcceptedDocument& last) {
  if (found.sha256 == last.sha256) return std::nullopt;
  // A document that lost its `updated` counts as older than any that had one.
  const bool by_updated = found.updated || last.updated;
  const auto was = by_updated ? last.updated : last.signed_at;
  const auto is = by_updated ? found.updated : found.signed_at;
  if (is_older(found, last)) {
    return fmt::format("went back: it is of {}, the last one accepted of {}", shown(is),
                       shown(was));
  }
  if (is && is == was) {
    return fmt::format("changed without a new date: two different texts are of {}", shown(is));
  }
  return std::nullopt;
}

Freshness judge_age(const AcceptedDocuments& documents, Time now,
                    std::optional<std::chrono::seconds> max_age, std::string_view where) {
  if (!max_age) return Freshness::Fresh;
  std::optional<Time> newest;
  for (const auto& [stream, document] : documents) newest = std::max(newest, date_of(document));
  if (!newest) refuse(where, "has no date, so that max_age can't be kept");
  if (now - *newest > *max_age) {
    refuse(where, fmt::format("is stale: its newest document is of {}, older than max_age allows; "
                              "ask who runs the mirror",
                              to_rfc3339(*newest)));
  }
  return (now - *newest) * 2 > *max_age ? Freshness::Stale : Freshness::Fresh;
}

}  // namespace streamsync
