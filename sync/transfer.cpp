#include "sync/transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <string>
#include <thread>
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
  SourceLeg(std::span<Source* const> sources, const BlobSpec& blob, const RetryPolicy& retries,
            std::stop_token stop, const TransferListener& listener)
      : sources_(sources), blob_(blob), retries_(retries), stop_(stop), listener_(listener) {}

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
    for (; source_ < sources_.size(); ++source_) {
      try {
        return pour_from(*sources_[source_], sink);
      } catch (const Error& error) {
        const bool may_another_do_better =
            error.origin() == Origin::Source && error.kind() != ErrorKind::Corrupt;
        if (!may_another_do_better || source_ + 1 == sources_.size()) throw;
      }
      progress_.etag.clear();
      progress_.takes_parts = true;
    }
  }

  void pour_from(Source& source, ByteSink& sink) {
    constexpr std::uint64_t kWorthAnotherRound = 1024 * 1024;
    for (;;) {
      const auto before = progress_.offset;
      try {
        return retrying(retries_, stop_, listener_.on_retry, [&] {
          if (!has_all()) source.stream(*blob_.item.path, progress_, sink);
        });
      } catch (const Error& error) {
        if (!error.is_given_up() || progress_.offset - before < kWorthAnotherRound) throw;
        listener_.on_retry(error, std::chrono::milliseconds(0));
      }
    }
  }

  // A request for the bytes behind the last can't be answered.
  bool has_all() const { return progress_.offset != 0 && progress_.offset == blob_.content.size; }

  std::string where() const {
    return sources_[std::min(source_, sources_.size() - 1)]->describe(*blob_.item.path);
  }

  std::span<Source* const> sources_;
  const BlobSpec& blob_;
  const RetryPolicy& retries_;
  std::stop_token stop_;
  const TransferListener& listener_;
  ItemProgress progress_;
  std::size_t source_ = 0;
};

}  // namespace

Held transfer(std::span<Source* const> sources, ItemTarget& target, const BlobSpec& blob,
              const RetryPolicy& retries, std::stop_token stop, const TransferListener& listener) {
  const auto begun = target.begun(blob);
  BlobSpec rest = blob;
  rest.begun = begun ? begun->size : 0;
  Pipe pipe(kDepth, stop);
  std::optional<Held> held;
  std::exception_ptr source_failure;
  std::exception_ptr target_failure;
  {
    const std::jthread target_leg([&] {
      try {
        held = target.stage(rest, pipe.out());
      } catch (...) {
        target_failure = std::current_exception();
      }
      pipe.close();
    });
    try {
      SourceLeg(sources, rest, retries, stop, listener)
          .pour(begun ? begun->bytes.get() : nullptr, pipe.in());
    } catch (const PipeClosed&) {
      // The target has all it needs, or has failed and says why.
    } catch (...) {
      source_failure = std::current_exception();
      pipe.fail(source_failure);
    }
  }
  if (held) {
    return std::move(*held);
  }
  std::rethrow_exception(source_failure ? source_failure : target_failure);
}

}  // namespace streamsync
