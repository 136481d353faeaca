#pragma once

#include <optional>

#include "base/http/address.h"

namespace streamsync {

/// Which addresses one call may connect to when it is redirected (threats-and-faults.md T15): a
/// server never sends us where it may not reach itself, which is to a rank below its own, or to
/// link-local addresses. Where the first request goes is the operator's choice.
///
/// What counts is the address of the connection, and not what a name server says of it before or
/// after. Who goes through a proxy is not judged: the proxy connects, and where to is its to say.
class ConnectionRule {
 public:
  enum class Way { Direct, Proxied };

  void begin_request(Way way) {
    way_ = way;
    refused_.reset();
  }
  /// From now on requests go where a server wants them to go.
  void begin_redirect() { is_redirected_ = true; }

  bool permits(const Address& address);
  /// A request is about to be sent there.
  bool is_proxied() const noexcept { return way_ == Way::Proxied; }
  bool permits_request_to(const Address& address);

  /// The last address that was not permitted in this request.
  const std::optional<Address>& refused() const noexcept { return refused_; }

 private:
  Way way_ = Way::Direct;
  bool is_redirected_ = false;
  AddressRank first_rank_ = AddressRank::Public;  // of who is behind a proxy, too
  std::optional<Address> refused_;
};

/// Has libcurl ask `rule`, which must outlive the transfer, before it connects, and before it sends
/// a request over a connection that was kept. `easy` is a CURL*, as libcurl itself declares it;
/// curl.h stays out of our headers.
void enforce(ConnectionRule& rule, void* easy);

}  // namespace streamsync
