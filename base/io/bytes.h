#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace streamsync {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline Bytes as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Takes bytes that are pushed into it. One thread at a time.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual void write(Bytes bytes) = 0;
  /// All bytes were written and, as far as the caller can tell, are right. Destruction without
  /// `finish` means the opposite: nothing of what was written may become visible.
  virtual void finish() = 0;
};

/// Gives bytes that are pulled from it. One thread at a time.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills at least one byte of `buffer` and says how many. 0 means the end, and that everything
  /// read is complete and verified; a source that can't say so throws instead. A target must not
  /// make anything visible before it has seen the 0.
  virtual std::size_t read(MutableBytes buffer) = 0;
  /// The same without a copy, where the source has the bytes in memory: at most as many as `buffer`
  /// holds, which are the source's own, good until it is asked again, or lie in `buffer`. None
  /// means the end.
  virtual Bytes next(MutableBytes buffer) { return buffer.first(read(buffer)); }
};

/// A source over text that the caller keeps alive.
class TextSource final : public ByteSource {
 public:
  explicit TextSource(std::string_view text) : rest_(text) {}
  std::size_t read(MutableBytes buffer) override;

 private:
  std::string_view rest_;
};

/// Everything `source` gives, as one string of at most `limit` bytes.
/// Throws `Error{Guard, Local}` past it.
std::string read_all(ByteSource& source, std::uint64_t limit);

/// Moves all bytes; `to` is not finished.
void copy(ByteSource& from, ByteSink& to);

}  // namespace streamsync
