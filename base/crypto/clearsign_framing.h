#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "base/io/bytes.h"

namespace streamsync {

inline constexpr std::string_view kClearsignHeader = "-----BEGIN PGP SIGNED MESSAGE-----";

/// Where the parts of a clear-signed message lie.
struct ClearsignedParts {
  std::uint64_t text_begin = 0;  ///< the first byte of the text
  std::uint64_t text_end = 0;    ///< the first byte of the signature's header
  std::string signature;         ///< in its armor, as `Keyring` takes a detached one
};

/// Where and how a message leaves the grammar, as a phrase.
struct FramingFault {
  std::string what;
};

/// Reads a clear-signed message (RFC 4880 §7) by a grammar in which every byte has its one place
/// (threats-and-faults.md T1). Says nothing about the signature.
std::variant<ClearsignedParts, FramingFault> parse_clearsigned(ByteSource& message);

/// The text of a message that follows the grammar, as it was signed: without dash escapes, without
/// blanks at line ends, LF between lines and none at the end (RFC 4880 §7.1). What OpenPGP hashes
/// and what is parsed both come from here, so they can't differ.
class ClearsignedText final : public ByteSource {
 public:
  ClearsignedText(std::unique_ptr<ByteSource> message, const ClearsignedParts& parts);
  std::size_t read(MutableBytes buffer) override;

 private:
  bool refill();
  void drop_head();
  void take_lines(std::string_view lines);
  void take_line(std::string_view line);

  std::unique_ptr<ByteSource> message_;
  std::uint64_t head_;  ///< bytes before the text, still to be dropped
  std::uint64_t left_;  ///< bytes of the text, still to be read
  std::string line_;    ///< one that has not come whole
  std::string ready_;
  std::size_t given_ = 0;  ///< of `ready_`
  bool begun_ = false;
};

}  // namespace streamsync
