#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "base/error.h"
#include "base/io/block.h"
#include "base/io/bytes.h"

namespace streamsync {

/// The bounded pipe between the source leg and the target legs of one transfer
/// (design: docs/adr/0002). One thread writes `in()`, one other thread reads each `out(reader)`:
/// every reader gets all bytes, at the pace of the slowest.
///
/// The end, at most a chunk, is withheld until `in().finish()`, which the writer calls only when
/// size and digest have matched. So a target that was promised a Content-Length never sees a
/// complete body of unverified bytes.
///
/// Memory: at most `depth` chunks of `kChunkSize` are in flight; writing blocks when they are full.
/// Every wait ends when `stop` is requested, by throwing `Cancelled`.
class Pipe {
 public:
  static constexpr std::size_t kChunkSize = Block::kSize;
  /// Of a chunk that is not full nobody is given the last so many bytes.
  static constexpr std::size_t kWithheld = 256 * 1024;

  /// Services hang up on who sends nothing for a minute or less, and a slow source takes longer to
  /// fill a chunk.
  static constexpr std::chrono::milliseconds kPatience{5000};

  /// Chunks hold `size` bytes where that is less than `kChunkSize`. What came of one, but for what
  /// is withheld, is passed on after `patience`; where there is one chunk only when it is full.
  Pipe(std::size_t depth, std::size_t readers, std::stop_token stop,
       std::uint64_t size = kChunkSize, std::chrono::milliseconds patience = kPatience);
  ~Pipe();
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  ByteSink& in() noexcept;
  ByteSource& out(std::size_t reader) noexcept;

  /// The writer failed: `read` throws this after all but the end of what came. A target that can go
  /// on later has use for that. Called by the writer's thread.
  void fail(const Error& cause);

  /// The reader wants no more, and nobody waits for it any longer. When it was the last one,
  /// `in().write` throws `PipeClosed` from now on. Called by its thread.
  void close(std::size_t reader) noexcept;

 private:
  class In;
  class Out;
  struct State;
  std::unique_ptr<State> state_;
  std::unique_ptr<In> in_;
  std::vector<Out> outs_;
};

/// What a writer gets when its readers have gone; their own errors are the ones to report.
class PipeClosed : public std::exception {
 public:
  const char* what() const noexcept override { return "all readers have closed"; }
};

}  // namespace streamsync
