#include "base/http/redirect_trail.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace streamsync {
namespace {

constexpr int kMostRedirects = 5;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// Only what is safe to repeat elsewhere: never a body, and never a token.
bool may_follow(const Request& request) {
  const bool is_read = request.method == "GET" || request.method == "HEAD";
  return request.redirects != Redirects::Refuse && is_read && request.token.empty();
}

/// What is not on this list may say who we are (CVE-2018-1000007, GHSA-486v-q2wf-fp2r).
Headers about_the_document(const Headers& headers) {
  constexpr std::array<std::string_view, 4> kHarmless = {"if-none-match", "if-modified-since",
                                                         "range", "if-range"};
  Headers kept;
  for (const auto& [name, value] : headers.all()) {
    const bool is_harmless =
        std::find(kHarmless.begin(), kHarmless.end(), to_lower_ascii(name)) != kHarmless.end();
    if (is_harmless) kept.add(name, value);
  }
  return kept;
}

RedirectTrail::Clock::time_point end_of(const Request& request) {
  return request.time_limit ? RedirectTrail::Clock::now() + *request.time_limit
                            : RedirectTrail::Clock::time_point::max();
}

}  // namespace

RedirectTrail::RedirectTrail(const Request& request, Origin origin)
    : request_(request), first_(request.url), origin_(origin), deadline_(end_of(request)) {}

bool RedirectTrail::leads_on(const Response& answer) {
  if (!is_redirect(answer.status) || !may_follow(request_)) return false;
  const auto location = answer.headers.find("Location");
  if (!location) return false;
  if (++redirects_ > kMostRedirects) {
    throw Error(ErrorKind::Protocol, origin_,
                fmt::format("{} {}: more than {} redirects", request_.method, first_.redacted(),
                            kMostRedirects));
  }
  go_to(destination(*location));
  return true;
}

void RedirectTrail::go_to(const Url& next) {
  require_allowed(next);
  if (next.origin() == request_.url.origin()) {
    request_.url = next.with_userinfo(request_.url.userinfo());
  } else {
    request_.headers = about_the_document(request_.headers);
    request_.url = next;
  }
  connections_.begin_redirect();
}

Url RedirectTrail::destination(std::string_view location) const {
  try {
    return request_.url.resolve(location);
  } catch (const Error&) {
    throw refusal("to what is no http or https URL");
  }
}

void RedirectTrail::require_allowed(const Url& next) const {
  const std::string to = "to " + next.redacted();
  if (next.scheme() != "http" && next.scheme() != "https") {
    throw refusal(to + ", which is neither http nor https");
  }
  if (request_.url.scheme() == "https" && next.scheme() == "http") {
    throw refusal(to + ", from https to http");
  }
  if (!next.userinfo().empty()) throw refusal(to + " with a user name of the server's choice");
  if (request_.redirects == Redirects::SameHost && !is_same_host(next)) {
    throw refusal(to + ", another host, and no signature says what it should answer");
  }
  // Whoever connects, and a proxy may stand where it can.
  std::string_view host = next.host();
  if (host.ends_with('.')) host.remove_suffix(1);
  const auto address = Address::parse(host);
  if (address && address->rank() == AddressRank::LinkLocal) {
    throw refusal(to + ", a link-local address");
  }
  if (names_loopback(host) && !names_loopback(first_.host())) {
    throw refusal(to + ", a loopback address");
  }
}

/// Names resolved by us are judged where they lead to, by ConnectionRule; a proxy resolves its own.
bool RedirectTrail::names_loopback(std::string_view host) {
  const auto address = Address::parse(host);
  return address ? address->rank() == AddressRank::Loopback
                 : host == "localhost" || host.ends_with(".localhost");
}

/// Behind another port can be anybody, unless the host's certificate vouches for it.
bool RedirectTrail::is_same_host(const Url& next) const {
  return next.origin() == first_.origin() ||
         (next.scheme() == "https" && next.host() == first_.host());
}

Error RedirectTrail::refusal(std::string_view why) const {
  return Error(ErrorKind::Untrusted, origin_,
               fmt::format("{} {}: is redirected {}; if that is right, give that URL in place of "
                           "this one",
                           request_.method, first_.redacted(), why));
}

Error RedirectTrail::refused_address() const {
  const Address& address = *connections_.refused();
  return refusal(fmt::format("to {}, which is at the {} address {}", request_.url.redacted(),
                             to_string(address.rank()), address.str()));
}

}  // namespace streamsync
