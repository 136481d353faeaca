#include "sync/transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/crypto/digest.h"
#include "base/error.h"
#include "base/io/pipe.h"

namespace streamsync {
namespace {

// 4 MiB in flight: enough for either leg to go on while the other waits for the scheduler.
constexpr std::size_t kDepth = 16;

class CountingSink final : public ByteSink {
 public:
  CountingSink(ByteSink& next, std::uint64_t begun,
               const std::function<void(std::uint64_t)>& on_bytes)
      : next_(next), on_bytes_(on_bytes), seen_(begun), told_(begun) {}

  void write(Bytes bytes) override {
    next_.write(bytes);
    seen_ += bytes.size();
    if (seen_ - told_ >= kStep) {
      told_ = seen_;
      on_bytes_(seen_);
    }
  }
  void finish() override {
    next_.finish();
    on_bytes_(seen_);
  }

 private:
  static constexpr std::uint64_t kStep = 1024 * 1024;
  ByteSink& next_;
  const std::function<void(std::uint64_t)>& on_bytes_;
  std::uint64_t seen_;
  std::uint64_t told_;
};

class SourceLeg {
 public:
  SourceLeg(std::span<Source* const> sources, std::size_t& base, const BlobSpec& blob,
            const RetryPolicy& retries, std::stop_token stop, const TransferListener& listener)
      : sources_(sources),
        base_(base),
        blob_(blob),
        retries_(retries),
        stop_(std::move(stop)),
        listener_(listener) {}

  void pour(ByteSource* begun, ByteSink& into) {
    VerifyingSink verified(blob_.content.strongest, blob_.content.size, into);
    if (begun != nullptr) take_over(*begun, verified);
    CountingSink counted(verified, progress_.offset, listener_.on_bytes);
    try {
      pour_rest(counted);
      counted.finish();
    } catch (Error& error) {
      // A transport's error says where; what the digest says of the bytes does not.
      if (error.kind() == ErrorKind::Corrupt) error.add_context(where());
      throw;
    }
  }

 private:
  void take_over(ByteSource& begun, VerifyingSink& verified) {
    std::vector<std::byte> buffer(Pipe::kChunkSize);
    while (progress_.offset != blob_.begun) {
      if (stop_.stop_requested()) throw Cancelled();
      const auto left = blob_.begun - progress_.offset;
      const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left));
      const auto count = begun.read(MutableBytes(buffer).first(wanted));
      if (count == 0) {
        throw Error(ErrorKind::Transient, Origin::Target,
                    fmt::format("{}: what was there of it is gone", blob_.item.path->str()));
      }
      verified.take_over(Bytes(buffer).first(count));
      progress_.offset += count;
    }
  }

  void pour_rest(ByteSink& sink) {
    for (;; ++base_) {
      try {
        return pour_from(*sources_[base_], sink);
      } catch (const Error& error) {
        const bool may_another_do_better =
            error.origin() == Origin::Source && error.kind() != ErrorKind::Corrupt;
        if (!may_another_do_better || base_ + 1 == sources_.size()) throw;
      }
      progress_.etag.clear();
      progress_.takes_parts = true;
    }
  }

  void pour_from(Source& source, ByteSink& sink) {
    constexpr std::uint64_t kWorthAnotherRound = 1024 * 1024;
    for (;;) {
      const auto before = progress_.offset;
      std::chrono::milliseconds wait{};
      try {
        return retrying(retries_, stop_, listener_.on_retry, [&] { try_from(source, sink); });
      } catch (const Error& error) {
        if (!error.is_given_up() || progress_.offset - before < kWorthAnotherRound) throw;
        constexpr double kOnAverage = 0.5;
        wait = retry_delay(retries_.attempts, retries_, error.retry_after(), kOnAverage);
        listener_.on_retry(error, wait);
      }
      wait_for(wait, stop_);
    }
  }

  void try_from(Source& source, ByteSink& sink) {
    const auto before = progress_.offset;
    // A request for the bytes behind the last can't be answered.
    if (before != 0 && before == blob_.content.size) return;
    source.stream(*blob_.item.path, progress_, sink);
    if (progress_.offset != before && progress_.offset < blob_.content.size) {
      throw Error(ErrorKind::Transient, Origin::Source,
                  fmt::format("{}: ends after {} of {} bytes", where(), progress_.offset,
                              blob_.content.size));
    }
  }

  std::string where() const { return sources_[base_]->describe(*blob_.item.path); }

  std::span<Source* const> sources_;
  std::size_t& base_;
  const BlobSpec& blob_;
  const RetryPolicy& retries_;
  std::stop_token stop_;
  const TransferListener& listener_;
  ItemProgress progress_;
};

class TargetLeg {
 public:
  TargetLeg(ItemTarget& target, const BlobSpec& blob, Pipe& pipe, std::stop_source& source_leg)
      : thread_([&target, &blob, &pipe, &source_leg, this] {
          try {
            held_ = target.stage(blob, pipe.out());
          } catch (...) {
            failure_ = std::current_exception();
          }
          has_ended_ = true;
          pipe.close();
          source_leg.request_stop();  // it need not wait to be asked again
        }) {}

  /// Whatever the source leg has thrown since then is no news.
  bool has_ended() const noexcept { return has_ended_; }

  /// `source_failure` is what made it fail, if it is any.
  Held result(const std::exception_ptr& source_failure) {
    thread_.join();
    if (held_) return std::move(*held_);
    std::rethrow_exception(source_failure ? source_failure : failure_);
  }

 private:
  std::optional<Held> held_;
  std::exception_ptr failure_;
  std::atomic<bool> has_ended_ = false;
  std::jthread thread_;  // the last: it uses the others
};

}  // namespace

Held transfer(std::span<Source* const> sources, std::size_t& base, ItemTarget& target,
              const BlobSpec& blob, const RetryPolicy& retries, std::stop_token stop,
              const TransferListener& listener) {
  const auto run = [&](std::optional<BegunItem> begun) {
    BlobSpec rest = blob;
    rest.begun = begun ? begun->size : 0;
    Pipe pipe(kDepth, stop);
    std::stop_source source_leg;
    const std::stop_callback on_stop(stop, [&] { source_leg.request_stop(); });
    TargetLeg target_leg(target, rest, pipe, source_leg);
    std::exception_ptr source_failure;
    try {
      SourceLeg(sources, base, rest, retries, source_leg.get_token(), listener)
          .pour(begun ? begun->bytes.get() : nullptr, pipe.in());
    } catch (const PipeClosed&) {
      // The target has all it needs, or has failed and says why.
    } catch (...) {
      if (!target_leg.has_ended()) {
        source_failure = std::current_exception();
        pipe.fail(source_failure);
      }
    }
    return target_leg.result(source_failure);
  };
  if (auto begun = target.begun(blob)) {
    try {
      return run(std::move(begun));
    } catch (Error& error) {
      if (error.kind() != ErrorKind::Corrupt || error.origin() != Origin::Source) throw;
      error.add_context("together with what was there of it");
      listener.on_retry(error, std::chrono::milliseconds(0));
    }
  }
  return run(std::nullopt);
}

}  // namespace streamsync
