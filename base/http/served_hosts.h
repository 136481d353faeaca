#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace streamsync {

/// Which hosts give what they are asked for. One that serves some requests of a run and asks others
/// to come back later lets them queue (RFC 6585 §4): they have not failed. Thread-safe.
class ServedHosts {
 public:
  using Clock = std::chrono::steady_clock;

  /// A 2xx is coming from `host` as long as this lives. Keeps what it belongs to alive.
  class Answer {
   public:
    Answer(std::shared_ptr<ServedHosts> hosts, std::string host);
    ~Answer();
    Answer(const Answer&) = delete;
    Answer& operator=(const Answer&) = delete;

   private:
    std::shared_ptr<ServedHosts> hosts_;
    std::string host_;
  };

  /// Whether one came, or began to come, after `begin`, or is coming now.
  bool has_served(const std::string& host, Clock::time_point begin) const;

 private:
  struct Host {
    std::size_t coming = 0;
    Clock::time_point last{};
  };
  mutable std::mutex mutex_;
  std::map<std::string, Host> hosts_;
};

}  // namespace streamsync
