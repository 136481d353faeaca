#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/http/connection_rule.h"
#include "base/http/http_client.h"

namespace streamsync {

/// One call's way from the URL that was asked for to the one that answers. Redirects are followed
/// here and not by libcurl, so that each is judged before anything is sent (threats-and-faults.md
/// T15, T16; RFC 9110 §15.4):
///
///   * 301, 302, 303, 307 and 308 of a GET or HEAD without token, at most five, to http or https,
///     never from https to http, never with user or password in the Location, never to a link-local
///     address, and no further than `Request::redirects` says;
///   * credentials and the caller's headers go along within one origin. Outside of it only those
///     headers do that are about the document, and who has left does not come back with the rest.
class RedirectTrail {
 public:
  using Clock = std::chrono::steady_clock;

  RedirectTrail(const Request& request, Origin origin);

  /// What to ask next.
  const Request& request() const noexcept { return request_; }
  ConnectionRule& connections() noexcept { return connections_; }
  /// By which the whole call has to end.
  Clock::time_point deadline() const noexcept { return deadline_; }

  /// Whether `answer` sends us elsewhere; then `request` is that. Throws `Error{Untrusted}` when
  /// nobody should follow, `Error{Protocol}` when there are too many.
  bool leads_on(const Response& answer);
  /// That `connections` did not permit to follow.
  Error refused_address() const;

 private:
  void go_to(const Url& next);
  Url destination(std::string_view location) const;
  void require_allowed(const Url& next) const;
  static bool names_loopback(std::string_view host);
  bool is_same_host(const Url& next) const;
  Error refusal(std::string_view why) const;

  Request request_;
  const Url first_;
  const Origin origin_;
  const Clock::time_point deadline_;
  int redirects_ = 0;
  ConnectionRule connections_;
};

}  // namespace streamsync
