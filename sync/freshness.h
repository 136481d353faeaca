#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "sync/trust_state.h"

namespace streamsync {

/// What to do about documents that are older than what was accepted before.
enum class Rollback { Refused, Accepted };

/// Refuses a document that is dated more than a day in the future, which would make everything that
/// follows look old (threats-and-faults.md T9), or before there were any. Throws `Error{Untrusted,
/// Source}`.
void refuse_future(const AcceptedDocument& found, Time now, std::string_view where);

/// By `updated`; without one, by the date of the signature.
bool is_older(const AcceptedDocument& found, const AcceptedDocument& last);

/// Why a document can't follow `last`: it is older, or of the same date with another text (T6). The
/// date is `updated`; without one, that of the signature. None when it can.
std::optional<std::string> rollback_of(const AcceptedDocument& found, const AcceptedDocument& last);

enum class Freshness { Fresh, Stale };

/// Refuses a source whose newest document is older than `max_age` (T7); stale past half of it.
/// Throws `Error{Untrusted, Source}`.
Freshness judge_age(const AcceptedDocuments& documents, Time now,
                    std::optional<std::chrono::seconds> max_age, std::string_view where);

}  // namespace streamsync
