#include "base/http/silent_servers.h"

#include <algorithm>
#include <utility>

namespace streamsync {

SilentServers::Body::Body(std::shared_ptr<SilentServers> servers, std::string server)
    : servers_(std::move(servers)), server_(std::move(server)) {
  if (!servers_) return;
  const std::lock_guard lock(servers_->mutex_);
  ++servers_->servers_[server_].bodies;
}

SilentServers::Body::~Body() {
  if (!servers_) return;
  const std::lock_guard lock(servers_->mutex_);
  Server& server = servers_->servers_[server_];
  --server.bodies;
  server.hear(Clock::now());
}

void SilentServers::Server::hear(Clock::time_point now) {
  heard = std::max(heard, now);
  silence = {};
  waited_until.reset();
}

void SilentServers::heard(const std::string& server, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  servers_[server].hear(now);
}

void SilentServers::unanswered(const std::string& server, Clock::time_point begin,
                               Clock::time_point end) {
  const std::lock_guard lock(mutex_);
  Server& found = servers_[server];
  // Others were answered since then: it is this request that nobody wants to answer.
  if (begin < found.heard) return;
  ++found.silence.requests;
  const auto new_begin = std::max(begin, found.waited_until.value_or(begin));
  found.silence.time += std::max(end - new_begin, Clock::duration::zero());
  found.waited_until = std::max(end, found.waited_until.value_or(end));
}

SilentServers::Silence SilentServers::of(const std::string& server) const {
  const std::lock_guard lock(mutex_);
  const auto found = servers_.find(server);
  return found == servers_.end() || found->second.bodies != 0 ? Silence{} : found->second.silence;
}

}  // namespace streamsync
