#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "base/io/bytes.h"

namespace streamsync {

/// The bounded pipe between the source leg and the target leg of one transfer
/// (design: docs/adr/0002). One thread writes `in()`, one other thread reads `out()`.
///
/// The last chunk is withheld until `in().finish()`, which the writer calls only when size and
/// digest have matched. So a target that was promised a Content-Length never sees a complete body
/// of unverified bytes.
///
/// Memory: at most `depth` chunks of `kChunkSize` are in flight; writing blocks when they are full.
/// Every wait ends when `stop` is requested, by throwing `Cancelled`.
class Pipe {
 public:
  static constexpr std::size_t kChunkSize = 256 * 1024;

  Pipe(std::size_t depth, std::stop_token stop);
  ~Pipe();
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  ByteSink& in() noexcept;
  ByteSource& out() noexcept;

  /// The writer failed: `out().read` throws this after what is buffered was dropped.
  void fail(std::exception_ptr cause) noexcept;

  /// The reader wants no more: `in().write` throws `PipeClosed` from now on.
  void close() noexcept;

 private:
  class In;
  class Out;
  struct State;
  std::unique_ptr<State> state_;
  std::unique_ptr<In> in_;
  std::unique_ptr<Out> out_;
};

/// What a writer gets when its reader has gone; the reader's own error is the one to report.
class PipeClosed : public std::exception {
 public:
  const char* what() const noexcept override { return "the reading side has closed"; }
};

}  // namespace streamsync
