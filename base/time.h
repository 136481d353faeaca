#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

/// Points in time as text. Wall clock in whole seconds, always UTC.
namespace streamsync {

using Time = std::chrono::sys_seconds;

/// Now, by the wall clock.
Time now();

/// RFC 2822 date as simplestreams writes `updated`: "Thu, 01 Jan 1970 00:00:00 +0000" (English
/// names, two-digit day, numeric zone; `upstream-gss.md` §1.7).
std::string to_rfc2822(Time time);

/// Reads RFC 2822 (numeric zone or GMT/UTC, weekday optional) and ISO 8601; none for anything else.
std::optional<Time> parse_date(std::string_view text);

/// Reads what HTTP takes for a date: the above, and the obsolete forms of RFC 9110 §5.6.7, as in
/// "Sunday, 06-Nov-94 08:49:37 GMT" and "Sun Nov  6 08:49:37 1994". Two digits of a year are one
/// that is at most 50 years after `now`.
std::optional<Time> parse_http_date(std::string_view text, Time now);

/// "2026-11-20T01:02:03Z" (RFC 3339), as the report and Glance write it.
std::string to_rfc3339(Time time);

/// A duration as `cli.md` §3 writes it: 90s 15m 2h 7d.
std::optional<std::chrono::seconds> parse_duration(std::string_view text);

}  // namespace streamsync
