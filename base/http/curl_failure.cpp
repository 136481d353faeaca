#include "base/http/curl_failure.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <new>

#include "base/text.h"

namespace streamsync {
namespace {

// What a network can do to us on a bad day. Everything that is not listed will fail again.
constexpr std::array<CURLcode, 13> kMayPass = {
    CURLE_COULDNT_RESOLVE_PROXY,
    CURLE_COULDNT_RESOLVE_HOST,
    CURLE_COULDNT_CONNECT,
    CURLE_OPERATION_TIMEDOUT,
    CURLE_SEND_ERROR,
    CURLE_RECV_ERROR,
    CURLE_PARTIAL_FILE,
    CURLE_GOT_NOTHING,
    CURLE_SSL_CONNECT_ERROR,
    CURLE_SEND_FAIL_REWIND,
    CURLE_PROXY,
    CURLE_UNRECOVERABLE_POLL,
    CURLE_AGAIN,
};

// Nothing was asked. Of our own limits the one for connecting alone is libcurl's to watch, so no
// other wait "timed out".
constexpr std::array<CURLcode, 4> kNotReached = {
    CURLE_COULDNT_RESOLVE_PROXY,
    CURLE_COULDNT_RESOLVE_HOST,
    CURLE_COULDNT_CONNECT,
    CURLE_OPERATION_TIMEDOUT,
};

// openssl-verification-options(1): no trusted issuer was found, so another store may hold it. An
// expired certificate or one for another host is wrong under any store.
constexpr std::array<long, 5> kIssuerUnknown = {2, 18, 19, 20, 21};

template <typename Values, typename Value>
bool contains(const Values& values, const Value& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

std::string_view ca_option(Origin origin) {
  return origin == Origin::Target ? "OS_CACERT, or cacert in clouds.yaml" : "ca_file";
}

std::string certificate_refused(const CurlFailure& failure, Origin origin) {
  std::string text = fmt::format("the server's certificate is refused: {}", failure.reason);
  if (contains(kIssuerUnknown, failure.certificate)) {
    text += fmt::format("; if a private CA signs it, name that CA's file by {}", ca_option(origin));
  }
  return text;
}

// What an answer that was longer than it said has left on a connection, not what the server means.
bool is_left_over(const CurlFailure& failure) {
  return failure.is_reused && (failure.code == CURLE_UNSUPPORTED_PROTOCOL ||  // "HTTP/0.9"
                               failure.code == CURLE_WEIRD_SERVER_REPLY);
}

bool is_denied_by_proxy(const CurlFailure& failure) {
  return failure.proxy_status == 401 || failure.proxy_status == 403 || failure.proxy_status == 407;
}

}  // namespace

Error to_error(const CurlFailure& failure, std::string_view doing, Origin origin) {
  const std::string by = failure.proxy.empty() ? "" : fmt::format(" (proxy {})", failure.proxy);
  const auto error = [&](ErrorKind kind, std::string_view why) {
    return Error(kind, origin, fmt::format("{}: {}{}", doing, printable(why), printable(by)));
  };
  if (failure.code == CURLE_PEER_FAILED_VERIFICATION) {
    return error(ErrorKind::Denied, certificate_refused(failure, origin));
  }
  if (failure.code == CURLE_SSL_CACERT_BADFILE) {
    return error(ErrorKind::Config,
                 fmt::format("{} can't be used: {}", ca_option(origin), failure.reason));
  }
  if (is_denied_by_proxy(failure)) return error(ErrorKind::Denied, failure.reason);
  const auto code = static_cast<CURLcode>(failure.code);
  const bool may_pass = contains(kMayPass, code) || is_left_over(failure);
  Error told = error(may_pass ? ErrorKind::Transient : ErrorKind::Protocol, failure.reason);
  return contains(kNotReached, code) ? std::move(told).that_is_unreached() : told;
}

void require_curl(int code) {
  if (code == CURLE_OK) return;
  if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
  throw Error(ErrorKind::Config, Origin::Local,
              fmt::format("libcurl: {}", curl_easy_strerror(static_cast<CURLcode>(code))));
}

}  // namespace streamsync
