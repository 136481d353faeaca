#include "base/http/connection_rule.h"

#include <curl/curl.h>
#include <sys/socket.h>

#include "base/http/curl_failure.h"

namespace streamsync {
namespace {

template <typename Value>
void set(CURL* easy, CURLoption option, Value value) {
  require_curl(curl_easy_setopt(easy, option, value));
}

curl_socket_t on_socket(void* rule, curlsocktype, curl_sockaddr* target) noexcept {
  const auto address = Address::of(target->addr);
  if (address && !static_cast<ConnectionRule*>(rule)->permits(*address)) return CURL_SOCKET_BAD;
  return ::socket(target->family, target->socktype | SOCK_CLOEXEC, target->protocol);
}

int on_request(void* rule, char* remote_address, char*, int, int) noexcept {
  // A proxy on a UNIX socket has a path in place of an address.
  const auto address = Address::parse(remote_address);
  auto& connections = *static_cast<ConnectionRule*>(rule);
  const bool is_permitted =
      address ? connections.permits_request_to(*address) : connections.is_proxied();
  return is_permitted ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

}  // namespace

bool ConnectionRule::permits(const Address& address) {
  if (!is_redirected_ || way_ == Way::Proxied) return true;
  const AddressRank rank = address.rank();
  if (rank != AddressRank::LinkLocal && rank >= first_rank_) return true;
  refused_ = address;
  return false;
}

bool ConnectionRule::permits_request_to(const Address& address) {
  if (!is_redirected_ && way_ == Way::Direct) first_rank_ = address.rank();
  return permits(address);
}

void enforce(ConnectionRule& rule, void* easy) {
  set(easy, CURLOPT_OPENSOCKETFUNCTION, &on_socket);
  set(easy, CURLOPT_OPENSOCKETDATA, static_cast<void*>(&rule));
  set(easy, CURLOPT_PREREQFUNCTION, &on_request);
  set(easy, CURLOPT_PREREQDATA, static_cast<void*>(&rule));
}

}  // namespace streamsync
