#pragma once

#include <memory>

#include "base/http/connection_rule.h"
#include "base/http/http_client.h"

namespace streamsync {

/// A `Request` as options of a libcurl easy handle, which must be freshly reset. Holds what libcurl
/// does not copy, so it must live, as the request must, until the transfer has ended. Throws
/// `Error{Protocol, Local}` for a header value that would be two lines.
class CurlRequest {
 public:
  /// `easy` is a CURL*, as libcurl itself declares it; curl.h stays out of our headers.
  CurlRequest(void* easy, const Request& request, const HttpOptions& options);
  ~CurlRequest();
  CurlRequest(const CurlRequest&) = delete;
  CurlRequest& operator=(const CurlRequest&) = delete;

  /// Who is going to connect to the server.
  ConnectionRule::Way way() const noexcept { return way_; }
  /// Host and port of the proxy that it goes through, empty: none.
  const std::string& proxy() const noexcept { return proxy_; }
  /// Method and body as the request has them. Without this it is a GET.
  void set_method_and_body();

 private:
  class HeaderLines;
  void* easy_;
  const Request& request_;
  ConnectionRule::Way way_ = ConnectionRule::Way::Direct;
  std::string proxy_;
  std::unique_ptr<HeaderLines> headers_;
};

}  // namespace streamsync
