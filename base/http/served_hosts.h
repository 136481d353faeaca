#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace streamsync {

/// Which hosts give what they are asked for. One that serves some requests of a run and asks others
/// to come back later lets them queue (RFC 6585 §4): they have not failed. One that is silent for
/// long need not be asked any more (threats-and-faults.md F1, F3). Thread-safe.
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

  /// A status came from `host`, whatever it says.
  void heard(const std::string& host, Clock::time_point now);
  /// None came for a request to `host`, as long as it took.
  void unanswered(const std::string& host, Clock::time_point begin, Clock::time_point end);
  /// From the begin of the first request that was not answered to the end of the last, nothing at
  /// all heard from `host` since; none while a body is coming from it. It does not grow while
  /// nobody asks.
  Clock::duration silence(const std::string& host) const;

 private:
  struct Silence {
    Clock::time_point begin;
    Clock::time_point end;
  };
  struct Host {
    void hear(Clock::time_point now);

    std::size_t coming = 0;
    Clock::time_point last{};
    Clock::time_point heard{};
    std::optional<Silence> silence{};
  };
  mutable std::mutex mutex_;
  std::map<std::string, Host> hosts_;
};

}  // namespace streamsync
