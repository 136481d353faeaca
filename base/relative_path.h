#pragma once

#include <compare>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/shared_text.h"

namespace streamsync {

/// A path from a foreign document that is safe to append to a base URL or a root directory. It is
/// decided once, here, for every use (threats-and-faults.md T13): relative, segments not empty,
/// not "." or "..", also after percent-decoding once; no backslash, NUL or control character; at
/// most 255 bytes a segment and 4096 in all; no segment that is reserved for us (".data",
/// ".streamsync") and no name ending in ".part"; nothing a URL would take for a scheme, a query
/// or a fragment.
class RelativePath {
 public:
  /// Throws `Error{Malformed, Source}` that names the path and the rule it breaks.
  static RelativePath parse(std::string_view text);
  /// Throws as `parse` does, for who needs to know no more. Allocates nothing for usual paths.
  static void check(std::string_view text);

  const std::string& str() const noexcept { return text_.str(); }
  const SharedText& shared() const noexcept { return text_; }
  /// Last segment.
  std::string_view file_name() const noexcept;
  /// The same path with its last segment replaced.
  RelativePath with_file_name(std::string_view name) const;

  auto operator<=>(const RelativePath&) const = default;

 private:
  explicit RelativePath(SharedText text) : text_(std::move(text)) {}
  SharedText text_;
};

}  // namespace streamsync
