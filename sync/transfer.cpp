#include "sync/transfer.h"

#include <exception>
#include <optional>
#include <thread>

#include "base/crypto/digest.h"
#include "base/error.h"
#include "base/io/pipe.h"

namespace streamsync {
namespace {

// 4 MiB in flight: enough for either leg to go on while the other waits for the scheduler.
constexpr std::size_t kDepth = 16;

class CountingSink final : public ByteSink {
 public:
  CountingSink(ByteSink& next, const std::function<void(std::uint64_t)>& on_bytes)
      : next_(next), on_bytes_(on_bytes) {}

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
  std::uint64_t seen_ = 0;
  std::uint64_t told_ = 0;
};

}  // namespace

Held transfer(Source& source, ItemTarget& target, const BlobSpec& blob, std::stop_token stop,
              const std::function<void(std::uint64_t)>& on_bytes) {
  Pipe pipe(kDepth, stop);
  std::optional<Held> held;
  std::exception_ptr source_failure;
  std::exception_ptr target_failure;
  {
    const std::jthread target_leg([&] {
      try {
        held = target.stage(blob, pipe.out());
      } catch (...) {
        target_failure = std::current_exception();
      }
      pipe.close();
    });
    try {
      VerifyingSink verified(blob.content.strongest, blob.content.size, pipe.in());
      CountingSink counted(verified, on_bytes);
      source.stream(*blob.item.path, counted);
      counted.finish();
    } catch (const PipeClosed&) {
      // The target has all it needs, or has failed and says why.
    } catch (Error& error) {
      // A transport's error says where; what the digest says of the bytes does not.
      if (error.kind() == ErrorKind::Corrupt) {
        error.add_context(source.describe(*blob.item.path));
      }
      source_failure = std::current_exception();
      pipe.fail(source_failure);
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
