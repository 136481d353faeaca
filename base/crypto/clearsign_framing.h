#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/io/bytes.h"
#include "base/io/spool.h"

namespace streamsync {

inline constexpr std::string_view kClearsignHeader = "-----BEGIN PGP SIGNED MESSAGE-----";

/// Where the parts of a clear-signed message lie.
struct ClearsignedParts {
  std::uint64_t text_begin = 0;  ///< the first byte of the text
  std::uint64_t text_end = 0;    ///< the first byte of the signature's header
  std::string signature;         ///< in its armor, as `Keyring` takes a detached one
  /// The text was signed as it stands, but for its last line end: no line is escaped, none ends in
  /// a blank or in CRLF. Only `parse_clearsigned` can tell.
  bool is_verbatim = false;
};

/// Where and how a message leaves the grammar, as a phrase.
struct FramingFault {
  std::string what;
};

/// Reads a clear-signed message (RFC 4880 §7) by a grammar in which every byte has its one place
/// (threats-and-faults.md T1). Says nothing about the signature.
std::variant<ClearsignedParts, FramingFault> parse_clearsigned(ByteSource& message);

/// The parts as the two ends of a message show them, so that a reader of the text need not wait for
/// `parse_clearsigned`, whose word alone counts. None when the ends can't tell.
std::optional<ClearsignedParts> guess_parts(const Spool& message);

/// The text of a message that follows the grammar, as it was signed: without dash escapes, without
/// blanks at line ends, LF between lines and none at the end (RFC 4880 §7.1). What OpenPGP hashes
/// comes from here, and what is parsed too, or from the same bytes where the text is verbatim.
/// Where a line is longer than any that was signed, blanks before its end may stay.
class ClearsignedText final : public ByteSource {
 public:
  ClearsignedText(std::unique_ptr<ByteSource> message, const ClearsignedParts& parts);
  std::size_t read(MutableBytes buffer) override;

 private:
  bool refill();
  void drop_head();
  void take(std::string_view bytes);
  void end_line(std::string_view end);
  std::string_view begin_line(std::string_view line);

  std::unique_ptr<ByteSource> message_;
  std::uint64_t head_;         ///< bytes before the text, still to be dropped
  std::uint64_t left_;         ///< bytes of the text, still to be read
  std::string line_;           ///< what has come of one
  bool is_continued_ = false;  ///< `line_` is not the beginning of its line
  std::string ready_;
  std::size_t given_ = 0;  ///< of `ready_`
  bool begun_ = false;
};

}  // namespace streamsync
