#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "streams/tags.h"

namespace streamsync {

/// Counts what is kept of a document and refuses one that wants more memory than any real stream
/// (threats-and-faults.md T20): a few bytes of `_aliases` can stand for a lot of tags.
class HeldBytes {
 public:
  /// `what` and `where` name in the message what is counted and the document.
  HeldBytes(std::uint64_t limit, std::string_view what, std::string_view where);

  /// What the standard library takes for an object beside its tags.
  static constexpr std::uint64_t kObject = 128;
  /// What one tag takes, and an object with its tags.
  static std::uint64_t of(std::string_view key, std::string_view value) noexcept {
    return kTag + key.size() + value.size();
  }
  template <typename AnyTags>
  static std::uint64_t of(const AnyTags& tags) noexcept {
    std::uint64_t bytes = kObject;
    for (const auto& [key, value] : tags) bytes += of(key, value);
    return bytes;
  }

  /// Throws `Error{Malformed, Source}` past the limit.
  void add(std::uint64_t bytes);
  void add(const Tags& tags) { add(of(tags)); }
  void add(const FlatTags& tags) { add(of(tags)); }
  bool has_room_for(std::uint64_t bytes) const noexcept { return bytes <= limit_ - bytes_; }
  void clear() noexcept { bytes_ = 0; }

 private:
  static constexpr std::uint64_t kTag = 128;

  std::uint64_t limit_;
  std::uint64_t bytes_ = 0;
  std::string what_;
  std::string where_;
};

}  // namespace streamsync
