#include <fmt/format.h>

#include <algorithm>

#include "base/http/http_client.h"
#include "base/text.h"
#include "base/time.h"

namespace streamsync {
namespace {

constexpr std::size_t kLongestQuote = 300;

/// By the clock of the server where it tells (RFC 9110 §6.6.1): ours may be wrong.
Time time_of_answer(const Headers& headers) {
  const auto ours = now();
  const auto value = headers.find("Date");
  return value ? parse_http_date(trimmed(*value), ours).value_or(ours) : ours;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// RFC 9110 §10.2.3: seconds or a date. None for what is neither; a number that is too large to be
/// read is a long time.
std::optional<std::chrono::seconds> retry_after(const Headers& headers) {
  const auto value = headers.find("Retry-After");
  if (!value) return std::nullopt;
  const std::string_view text = trimmed(*value);
  if (is_number(text)) {
    const auto seconds = parse_decimal(text);
    return seconds ? std::chrono::seconds(*seconds) : std::chrono::seconds::max();
  }
  const auto sent = time_of_answer(headers);
  const auto date = parse_http_date(text, sent);
  if (!date) return std::nullopt;
  return std::max(std::chrono::seconds(0), *date - sent);
}

/// A source that says 409 or 507 to a GET is broken; only a target's conflicts and lack of room are
/// ours to act on.
ErrorKind kind_of(int status, bool asks_to_wait, Origin origin) {
  if (origin == Origin::Source) {
    if (status == 507) return ErrorKind::Transient;
    if (status == 409 || status == 412 || status == 413) return ErrorKind::Protocol;
  }
  switch (status) {
    case 404:
    case 410:
      return ErrorKind::NotFound;
    case 401:
    case 403:
      return ErrorKind::Denied;
    case 409:
    case 412:
      return ErrorKind::Conflict;
    case 413:
    case 507:
      return ErrorKind::NoRoom;
    case 429:
      return ErrorKind::RateLimited;
    case 408:
      return ErrorKind::Transient;
    case 503:
      return asks_to_wait ? ErrorKind::RateLimited : ErrorKind::Transient;
    default:
      return status >= 500 && status < 600 ? ErrorKind::Transient : ErrorKind::Protocol;
  }
}

/// The first line that says something, empty when it is markup.
std::string quote(std::string_view body) {
  const std::string_view text = trimmed(body);
  const std::string_view line = trimmed(text.substr(0, text.find('\n')));
  if (line.starts_with('<')) return {};
  return printable(line.substr(0, kLongestQuote));
}

}  // namespace

void require_ok(const Request& request, const Response& response, Origin origin) {
  if (response.ok()) return;
  const auto wait = retry_after(response.headers);
  const std::string text = quote(response.body);
  Error error = Error(kind_of(response.status, wait.has_value(), origin), origin,
                      fmt::format("{} {}: status {}{}{}", request.method, request.url.redacted(),
                                  response.status, text.empty() ? "" : ": ", text))
                    .with_host(request.url.host());
  if (error.kind() == ErrorKind::RateLimited && wait)
    throw std::move(error).with_retry_after(*wait);
  if (response.status == 504) throw std::move(error).that_is_unanswered();
  throw error;
}

}  // namespace streamsync
