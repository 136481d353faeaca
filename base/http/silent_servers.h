#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace streamsync {

/// Which servers say nothing at all. Each request to one of them costs its time-outs, for as many
/// as there are (threats-and-faults.md F1, F3), so one that is silent for long is asked no more.
/// A server is an origin and the proxy on the way to it. Thread-safe.
class SilentServers {
 public:
  using Clock = std::chrono::steady_clock;

  /// A body is coming from `server` as long as this lives. Keeps what it belongs to alive.
  class Body {
   public:
    Body(std::shared_ptr<SilentServers> servers, std::string server);
    ~Body();
    Body(const Body&) = delete;
    Body& operator=(const Body&) = delete;

   private:
    std::shared_ptr<SilentServers> servers_;
    std::string server_;
  };

  /// A status came from `server`, whatever it says.
  void heard(const std::string& server, Clock::time_point now);
  /// None came for a request to `server`, as long as it took.
  void unanswered(const std::string& server, Clock::time_point begin, Clock::time_point end);

  struct Silence {
    std::size_t requests = 0;
    Clock::duration time{};  ///< in which one of them was waiting
  };
  /// Since anything was heard of `server`; none while a body is coming from it.
  Silence of(const std::string& server) const;

 private:
  struct Server {
    void hear(Clock::time_point now);

    std::size_t bodies = 0;
    Clock::time_point heard{};
    Silence silence{};
    std::optional<Clock::time_point> waited_until{};
  };
  mutable std::mutex mutex_;
  std::map<std::string, Server> servers_;
};

}  // namespace streamsync
