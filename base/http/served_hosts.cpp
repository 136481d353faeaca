#include "base/http/served_hosts.h"

#include <utility>

namespace streamsync {

ServedHosts::Answer::Answer(std::shared_ptr<ServedHosts> hosts, std::string host)
    : hosts_(std::move(hosts)), host_(std::move(host)) {
  if (!hosts_) return;
  const std::lock_guard lock(hosts_->mutex_);
  ++hosts_->hosts_[host_].coming;
}

ServedHosts::Answer::~Answer() {
  if (!hosts_) return;
  const std::lock_guard lock(hosts_->mutex_);
  Host& host = hosts_->hosts_[host_];
  --host.coming;
  host.last = Clock::now();
}

bool ServedHosts::has_served(const std::string& host, Clock::time_point begin) const {
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(host);
  return found != hosts_.end() && (found->second.coming != 0 || found->second.last >= begin);
}

}  // namespace streamsync
