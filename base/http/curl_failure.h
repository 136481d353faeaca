#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace streamsync {

/// What libcurl tells of a transfer that failed.
struct CurlFailure {
  int code = 0;            ///< CURLcode, libcurl-errors(3)
  std::string reason;      ///< one line for people
  long certificate = 0;    ///< X509_V_ERR_… when the certificate was refused
  int proxy_status = 0;    ///< of the answer to CONNECT, 0 without one
  bool is_reused = false;  ///< no connection was made for it
  std::string proxy{};     ///< host and port, empty: none
};

/// The `Error` that it means; `doing` is method and redacted URL.
Error to_error(const CurlFailure& failure, std::string_view doing, Origin origin);

/// Throws unless `code`, a CURLcode, is CURLE_OK. For calls that do no networking, and so fail only
/// when memory is short or libcurl was built without something.
void require_curl(int code);

}  // namespace streamsync
