#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "base/http/answer_text.h"
#include "base/http/http_client.h"
#include "base/http/transfer_watchdog.h"

namespace streamsync {

/// The time since construction, less what passed inside `leave_out`.
class NetworkClock {
 public:
  using Clock = std::chrono::steady_clock;

  /// Now, on a clock that stood still meanwhile.
  Clock::time_point now() const { return Clock::now() - left_out_; }
  Clock::duration elapsed() const { return now() - start_; }

  template <typename Action>
  auto leave_out(Action&& action) {
    const Pause pause(left_out_);
    return action();
  }

 private:
  class Pause {
   public:
    explicit Pause(Clock::duration& total) : total_(total) {}
    ~Pause() { total_ += Clock::now() - start_; }
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    Clock::duration& total_;
    Clock::time_point start_ = Clock::now();
  };

  Clock::time_point start_ = Clock::now();
  Clock::duration left_out_{};
};

/// The bodies of one request and its answer: the far end of libcurl's callbacks, and the timeouts.
/// No exception may cross C, so the first one is kept for `rethrow`.
class Exchange {
 public:
  /// `easy` is a CURL*, as libcurl itself declares it; curl.h stays out of our headers. `proxy` is
  /// for messages, empty where there is none. The answer's body is kept in memory up to
  /// `text_limit`, and given up where it is longer.
  Exchange(void* easy, const Request& request, const HttpOptions& options, std::string proxy,
           std::size_t text_limit);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// The body of a 2xx goes where `choose` says, which must outlive this.
  void deliver_to(const BodyChoice& choose) { choose_ = &choose; }
  /// `source` must give exactly `size` bytes.
  void upload_from(ByteSource& source, std::uint64_t size);
  void end_by(NetworkClock::Clock::time_point deadline) { deadline_ = deadline; }

  /// Throws when it is no use to wait any longer.
  void check_time();
  /// Between libcurl's steps: what was held back, so that an early answer is read first, may go.
  void resume_upload();
  /// Throws what a sink or a source has thrown.
  void rethrow() const;

  bool is_upload() const noexcept { return source_ != nullptr; }
  bool is_cut() const noexcept { return text_.is_cut(); }
  /// 0 as long as there is none.
  int status() const;
  Response take_response();

 private:
  static std::size_t on_header(char* data, std::size_t size, std::size_t count,
                               void* self) noexcept;
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static std::size_t on_upload(char* data, std::size_t size, std::size_t count,
                               void* self) noexcept;
  template <typename Action>
  std::size_t guarded(std::size_t failed, Action&& action) noexcept;

  std::size_t give(MutableBytes buffer);
  void receive(Bytes bytes);
  void receive_header(std::size_t size);
  void refuse_codings() const;
  std::uint64_t uploaded() const;
  std::uint64_t sent() const;
  TransferProgress progress() const;
  Error error(ErrorKind kind, std::string_view why) const;

  void* easy_;
  const Request& request_;
  const HttpOptions& options_;
  const std::string proxy_;
  NetworkClock clock_;
  HttpTimeouts timeouts_;
  TransferWatchdog watchdog_;
  AnswerText text_;
  const BodyChoice* choose_ = nullptr;
  ByteSink* sink_ = nullptr;
  ByteSource* source_ = nullptr;
  std::uint64_t upload_size_ = 0;
  std::vector<std::byte> held_back_;
  std::uint64_t received_ = 0;
  std::uint64_t fields_ = 0;  ///< bytes of headers and trailers
  NetworkClock::Clock::time_point deadline_ = NetworkClock::Clock::time_point::max();
  std::exception_ptr failure_;
};

}  // namespace streamsync
