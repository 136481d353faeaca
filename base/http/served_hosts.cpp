#include "base/http/served_hosts.h"

#include <algorithm>
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
  host.hear(host.last);
}

bool ServedHosts::has_served(const std::string& host, Clock::time_point begin) const {
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(host);
  return found != hosts_.end() && (found->second.coming != 0 || found->second.last >= begin);
}

void ServedHosts::Host::hear(Clock::time_point now) {
  heard = std::max(heard, now);
  silence.reset();
}

void ServedHosts::heard(const std::string& host, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  hosts_[host].hear(now);
}

void ServedHosts::unanswered(const std::string& host, Clock::time_point begin,
                             Clock::time_point end) {
  const std::lock_guard lock(mutex_);
  Host& found = hosts_[host];
  // Others were answered since then: it is this request that nobody wants to answer.
  if (begin < found.heard) return;
  if (!found.silence) found.silence = {begin, end};
  found.silence->begin = std::min(found.silence->begin, begin);
  found.silence->end = std::max(found.silence->end, end);
}

ServedHosts::Clock::duration ServedHosts::silence(const std::string& host) const {
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(host);
  if (found == hosts_.end() || found->second.coming != 0 || !found->second.silence) return {};
  return found->second.silence->end - found->second.silence->begin;
}

}  // namespace streamsync
