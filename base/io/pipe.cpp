#include "base/io/pipe.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace streamsync {
namespace {

using Chunk = std::vector<std::byte>;

}  // namespace

/// What both ends share. Chunks wander: unused, filled by the writer, queued, read, unused again.
/// There are never more than `depth` of them, which is the bound on memory.
struct Pipe::State {
  State(std::size_t depth_, std::stop_token stop_)
      : depth(std::max<std::size_t>(depth_, 1)), stop(std::move(stop_)) {}

  void throw_if_stopped() const {
    if (stop.stop_requested()) throw Cancelled();
  }

  template <typename Condition>
  void wait(std::unique_lock<std::mutex>& lock, Condition condition) {
    throw_if_stopped();
    if (!changed.wait(lock, stop, condition)) throw Cancelled();
  }

  const std::size_t depth;
  const std::stop_token stop;
  std::mutex mutex;
  std::condition_variable_any changed;
  std::deque<Chunk> queued;
  std::vector<Chunk> unused;
  std::size_t made = 0;
  bool finished = false;
  bool closed = false;
  std::exception_ptr failure;
};

class Pipe::In final : public ByteSink {
 public:
  explicit In(State& state) : state_(state) {}

  void write(Bytes bytes) override {
    throw_if_closed();
    while (!bytes.empty()) {
      // A full chunk is passed on only now that it is known not to be the last one.
      if (filling_.size() == kChunkSize) pass_on();
      if (filling_.capacity() == 0) filling_ = take_unused();
      const std::size_t count = std::min(bytes.size(), kChunkSize - filling_.size());
      filling_.insert(filling_.end(), bytes.begin(), bytes.begin() + as_offset(count));
      bytes = bytes.subspan(count);
    }
  }

  void finish() override {
    const std::lock_guard lock(state_.mutex);
    if (!filling_.empty()) state_.queued.push_back(std::move(filling_));
    filling_ = {};
    state_.finished = true;
    state_.changed.notify_all();
  }

 private:
  static std::ptrdiff_t as_offset(std::size_t count) { return static_cast<std::ptrdiff_t>(count); }

  void throw_if_closed() {
    const std::lock_guard lock(state_.mutex);
    if (state_.closed) throw PipeClosed();
    state_.throw_if_stopped();
  }

  void pass_on() {
    const std::lock_guard lock(state_.mutex);
    state_.queued.push_back(std::exchange(filling_, {}));
    state_.changed.notify_all();
  }

  Chunk take_unused() {
    std::unique_lock lock(state_.mutex);
    state_.wait(lock, [this] {
      return state_.closed || !state_.unused.empty() || state_.made < state_.depth;
    });
    if (state_.closed) throw PipeClosed();
    if (state_.unused.empty()) return make_chunk();
    Chunk chunk = std::move(state_.unused.back());
    state_.unused.pop_back();
    return chunk;
  }

  Chunk make_chunk() {
    Chunk chunk;
    chunk.reserve(kChunkSize);
    ++state_.made;
    return chunk;
  }

  State& state_;
  Chunk filling_;
};

class Pipe::Out final : public ByteSource {
 public:
  explicit Out(State& state) : state_(state) {}

  std::size_t read(MutableBytes buffer) override {
    if (!prepare()) return 0;
    const std::size_t count = std::min(buffer.size(), current_.size() - position_);
    std::memcpy(buffer.data(), current_.data() + position_, count);
    position_ += count;
    return count;
  }

 private:
  /// Makes `current_` have unread bytes; false at the end.
  bool prepare() {
    std::unique_lock lock(state_.mutex);
    // Also while bytes are left: what a failed writer sent is not worth passing on.
    throw_if_failed();
    if (position_ < current_.size()) {
      state_.throw_if_stopped();
      return true;
    }
    give_back();
    state_.wait(lock, [this] {
      return state_.failure != nullptr || state_.finished || !state_.queued.empty();
    });
    throw_if_failed();
    if (state_.queued.empty()) return false;
    current_ = std::move(state_.queued.front());
    state_.queued.pop_front();
    return true;
  }

  void throw_if_failed() const {
    if (state_.failure != nullptr) std::rethrow_exception(state_.failure);
  }

  void give_back() {
    if (current_.capacity() == 0) return;
    current_.clear();
    position_ = 0;
    state_.unused.push_back(std::exchange(current_, {}));
    state_.changed.notify_all();
  }

  State& state_;
  Chunk current_;
  std::size_t position_ = 0;
};

Pipe::Pipe(std::size_t depth, std::stop_token stop)
    : state_(std::make_unique<State>(depth, std::move(stop))),
      in_(std::make_unique<In>(*state_)),
      out_(std::make_unique<Out>(*state_)) {}

Pipe::~Pipe() = default;

ByteSink& Pipe::in() noexcept { return *in_; }

ByteSource& Pipe::out() noexcept { return *out_; }

void Pipe::fail(std::exception_ptr cause) noexcept {
  const std::lock_guard lock(state_->mutex);
  if (state_->failure == nullptr) state_->failure = std::move(cause);
  state_->queued.clear();
  state_->changed.notify_all();
}

void Pipe::close() noexcept {
  const std::lock_guard lock(state_->mutex);
  state_->closed = true;
  state_->changed.notify_all();
}

}  // namespace streamsync
