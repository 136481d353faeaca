#include "base/io/pipe.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

namespace streamsync {
namespace {

/// As much of a block as is filled.
struct Chunk {
  explicit Chunk(std::size_t capacity) : block(capacity) {}

  Block block;
  std::size_t size = 0;

  Bytes bytes() const noexcept { return block.bytes().first(size); }
};

}  // namespace

/// What all ends share. Chunks wander: unused, filled by the writer, queued until the last reader
/// is through with them, unused again. There are never more than `depth` of them, which is the
/// bound on memory.
struct Pipe::State {
  State(std::size_t depth_, std::size_t readers_, std::stop_token stop_, std::uint64_t size,
        std::chrono::milliseconds patience_)
      : depth(std::max<std::size_t>(depth_, 1)),
        chunk_size(static_cast<std::size_t>(std::clamp<std::uint64_t>(size, 1, kChunkSize))),
        patience(patience_),
        stop(std::move(stop_)),
        readers(readers_) {}

  void throw_if_stopped() const {
    if (stop.stop_requested()) throw Cancelled();
  }

  template <typename Condition>
  void wait(std::unique_lock<std::mutex>& lock, Condition condition) {
    throw_if_stopped();
    if (!changed.wait(lock, stop, condition)) throw Cancelled();
  }

  bool nobody_reads() const {
    return std::all_of(readers.begin(), readers.end(),
                       [](const Reader& reader) { return reader.closed; });
  }

  /// Makes the chunks unused that every open reader has behind it.
  void recycle() {
    while (!queued.empty() &&
           std::all_of(readers.begin(), readers.end(), [this](const Reader& reader) {
             return reader.closed || reader.at > passed;
           })) {
      unused.push_back(std::move(queued.front()));
      unused.back().size = 0;
      queued.pop_front();
      ++passed;
    }
    changed.notify_all();
  }

  struct Reader {
    std::uint64_t at = 0;  ///< number of the chunk it reads, or waits for
    bool closed = false;
  };

  const std::size_t depth;
  const std::size_t chunk_size;
  const std::chrono::milliseconds patience;
  const std::stop_token stop;
  std::mutex mutex;
  std::condition_variable_any changed;
  // What a reader reads stays where it is: a deque moves no element when its ends change.
  std::deque<Chunk> queued;
  std::uint64_t passed = 0;  ///< so many chunks have left `queued`
  std::vector<Reader> readers;
  std::vector<Chunk> unused;
  std::size_t made = 0;
  bool finished = false;
  std::optional<Error> failure;
};

class Pipe::In final : public ByteSink {
 public:
  explicit In(State& state) : state_(state) {}

  void write(Bytes bytes) override {
    throw_if_closed();
    while (!bytes.empty()) {
      // A full chunk is passed on only now that it is known not to be the last one.
      if (filling_ && filling_->size == state_.chunk_size) {
        pass_on();
      } else if (filling_ && filling_->size > kWithheld && is_late()) {
        pass_on_beginning();
      }
      if (!filling_) begin(take_unused());
      const std::size_t count = std::min(bytes.size(), state_.chunk_size - filling_->size);
      std::memcpy(filling_->block.bytes().data() + filling_->size, bytes.data(), count);
      filling_->size += count;
      bytes = bytes.subspan(count);
    }
  }

  void fail(const Error& cause) {
    const std::lock_guard lock(state_.mutex);
    if (filling_ && filling_->size > kWithheld) {
      filling_->size -= kWithheld;
      queue();
    }
    if (!state_.failure) state_.failure = cause;
    state_.changed.notify_all();
  }

  void finish() override {
    const std::lock_guard lock(state_.mutex);
    queue();
    state_.finished = true;
    state_.changed.notify_all();
  }

 private:
  void throw_if_closed() {
    const std::lock_guard lock(state_.mutex);
    if (state_.nobody_reads()) throw PipeClosed();
    state_.throw_if_stopped();
  }

  using Clock = std::chrono::steady_clock;

  bool is_late() const { return state_.depth > 1 && Clock::now() - begun_ > state_.patience; }

  void begin(Chunk chunk) {
    filling_ = std::move(chunk);
    begun_ = Clock::now();
  }

  /// Of a slow source's chunk all but what is withheld.
  void pass_on_beginning() {
    Chunk rest = take_unused();
    const std::size_t passed = filling_->size - kWithheld;
    std::memcpy(rest.block.bytes().data(), filling_->block.bytes().data() + passed, kWithheld);
    rest.size = kWithheld;
    filling_->size = passed;
    pass_on();
    begin(std::move(rest));
  }

  void pass_on() {
    const std::lock_guard lock(state_.mutex);
    queue();
    state_.changed.notify_all();
  }

  void queue() {
    if (filling_) state_.queued.push_back(std::move(*filling_));
    filling_.reset();
  }

  Chunk take_unused() {
    std::unique_lock lock(state_.mutex);
    state_.wait(lock, [this] {
      return state_.nobody_reads() || !state_.unused.empty() || state_.made < state_.depth;
    });
    if (state_.nobody_reads()) throw PipeClosed();
    if (state_.unused.empty()) {
      ++state_.made;
      return Chunk(state_.chunk_size);
    }
    Chunk chunk = std::move(state_.unused.back());
    state_.unused.pop_back();
    return chunk;
  }

  State& state_;
  std::optional<Chunk> filling_;
  Clock::time_point begun_{};
};

class Pipe::Out final : public ByteSource {
 public:
  Out(State& state, std::size_t reader) : state_(state), reader_(reader) {}

  std::size_t read(MutableBytes buffer) override {
    const Bytes bytes = next(buffer);
    std::copy(bytes.begin(), bytes.end(), buffer.begin());
    return bytes.size();
  }

  Bytes next(MutableBytes buffer) override {
    if (!prepare()) return {};
    const Bytes rest = current_->bytes().subspan(position_);
    const Bytes bytes = rest.first(std::min(buffer.size(), rest.size()));
    position_ += bytes.size();
    return bytes;
  }

 private:
  /// Makes `current_` have unread bytes; false at the end.
  bool prepare() {
    std::unique_lock lock(state_.mutex);
    if (current_ != nullptr && position_ < current_->size) {
      state_.throw_if_stopped();
      return true;
    }
    give_back();
    state_.wait(lock, [this] { return state_.failure || state_.finished || waiting() != nullptr; });
    current_ = waiting();
    if (current_ == nullptr) throw_if_failed();
    return current_ != nullptr;
  }

  void throw_if_failed() const {
    if (state_.failure) throw Error(*state_.failure);
  }

  void give_back() {
    if (current_ == nullptr) return;
    current_ = nullptr;
    position_ = 0;
    ++state_.readers[reader_].at;
    state_.recycle();
  }

  /// The chunk that comes next, if it is there.
  const Chunk* waiting() const {
    const auto index = static_cast<std::size_t>(state_.readers[reader_].at - state_.passed);
    return index < state_.queued.size() ? &state_.queued[index] : nullptr;
  }

  State& state_;
  std::size_t reader_;
  const Chunk* current_ = nullptr;
  std::size_t position_ = 0;
};

Pipe::Pipe(std::size_t depth, std::size_t readers, std::stop_token stop, std::uint64_t size,
           std::chrono::milliseconds patience)
    : state_(std::make_unique<State>(depth, readers, std::move(stop), size, patience)),
      in_(std::make_unique<In>(*state_)) {
  for (std::size_t reader = 0; reader < readers; ++reader) outs_.emplace_back(*state_, reader);
}

Pipe::~Pipe() = default;

ByteSink& Pipe::in() noexcept { return *in_; }

ByteSource& Pipe::out(std::size_t reader) noexcept { return outs_[reader]; }

void Pipe::fail(const Error& cause) { in_->fail(cause); }

void Pipe::close(std::size_t reader) noexcept {
  const std::lock_guard lock(state_->mutex);
  state_->readers[reader].closed = true;
  state_->recycle();
}

}  // namespace streamsync
