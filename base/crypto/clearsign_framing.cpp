#include "base/crypto/clearsign_framing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/text.h"

namespace streamsync {
namespace {

constexpr std::string_view kSignatureHeader = "-----BEGIN PGP SIGNATURE-----";
constexpr std::string_view kSignatureFooter = "-----END PGP SIGNATURE-----";

/// GnuPG cuts longer lines without failing (MAX_LINELEN in its armor filter), and with them the
/// text it vouches for.
constexpr std::size_t kLongestLine = 19'990;

/// What is wrong with a line; none when nothing is.
using Fault = std::optional<std::string_view>;

bool is_alphanumeric(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_base64(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alphanumeric(c) || c == '+' || c == '/'; });
}

bool is_algorithm_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(),
                                      [](char c) { return is_alphanumeric(c) || c == '-'; });
}

bool is_hash_header(std::string_view line) {
  constexpr std::string_view kKey = "Hash: ";
  if (!line.starts_with(kKey)) return false;
  for (std::string_view name : split(line.substr(kKey.size()), ',')) {
    while (name.starts_with(' ')) name.remove_prefix(1);
    if (!is_algorithm_name(name)) return false;
  }
  return true;
}

/// "Version: GnuPG v1.4.11 (GNU/Linux)": RFC 4880 §6.2.
bool is_armor_header(std::string_view line) {
  const std::size_t colon = line.find(": ");
  return colon != std::string_view::npos && is_algorithm_name(line.substr(0, colon)) &&
         printable(line) == line;
}

/// One line of a signature's base64, which may end in padding.
bool is_signature_data(std::string_view line) {
  const std::size_t padding = std::min(line.find('='), line.size());
  const std::string_view end = line.substr(padding);
  return padding > 0 && is_base64(line.substr(0, padding)) &&
         (end.empty() || end == "=" || end == "==");
}

bool is_checksum(std::string_view line) {
  return line.size() == 5 && line.front() == '=' && is_base64(line.substr(1));
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t") == std::string_view::npos;
}

/// The grammar, fed with lines.
class ClearsignGrammar {
 public:
  explicit ClearsignGrammar(ByteSink& text) : text_(text) {}

  Fault accept(std::string_view line) {
    switch (part_) {
      case Part::Header:
        return accept_header(line);
      case Part::HashHeaders:
        return accept_hash_header(line);
      case Part::Text:
        return accept_text(line);
      case Part::ArmorHeaders:
        return accept_armor_header(line);
      case Part::SignatureData:
      case Part::SignatureEnd:
        return accept_signature(line);
      case Part::Trailer:
        return is_blank(line) ? Fault{} : "something follows the signature";
    }
    return std::nullopt;
  }

  Fault accept_end() const {
    if (part_ == Part::Trailer) return std::nullopt;
    return "the message ends before its signature does";
  }

 private:
  enum class Part { Header, HashHeaders, Text, ArmorHeaders, SignatureData, SignatureEnd, Trailer };

  Fault accept_header(std::string_view line) {
    part_ = Part::HashHeaders;
    return line == kClearsignHeader ? Fault{} : "not the header of a clear-signed message";
  }

  Fault accept_hash_header(std::string_view line) {
    if (line.empty()) {
      part_ = Part::Text;
      return std::nullopt;
    }
    return is_hash_header(line) ? Fault{} : "only 'Hash' headers may stand before the signed text";
  }

  Fault accept_text(std::string_view line) {
    if (line == kSignatureHeader) {
      part_ = Part::ArmorHeaders;
      return std::nullopt;
    }
    if (line.starts_with('-')) {
      if (!line.starts_with("- ")) return "a '-' begins the line and is not escaped";
      line.remove_prefix(2);
    }
    text_.write(as_bytes(line));
    text_.write(as_bytes("\n"));
    return std::nullopt;
  }

  Fault accept_armor_header(std::string_view line) {
    if (line.empty()) {
      part_ = Part::SignatureData;
      return std::nullopt;
    }
    return is_armor_header(line) ? Fault{} : "not a header of a signature";
  }

  Fault accept_signature(std::string_view line) {
    if (line.starts_with(kSignatureFooter) && is_blank(line.substr(kSignatureFooter.size()))) {
      part_ = Part::Trailer;
      return has_data_ ? Fault{} : "the signature is empty";
    }
    if (part_ == Part::SignatureData && is_signature_data(line)) {
      has_data_ = true;
      if (line.back() == '=') part_ = Part::SignatureEnd;
      return std::nullopt;
    }
    if (has_data_ && is_checksum(line)) {
      part_ = Part::SignatureEnd;
      return std::nullopt;
    }
    return "not a line of a signature";
  }

  ByteSink& text_;
  Part part_ = Part::Header;
  bool has_data_ = false;
};

/// Cuts bytes into lines, which end in LF or CRLF and in nothing else.
class LineCutter {
 public:
  explicit LineCutter(ClearsignGrammar& grammar) : grammar_(grammar) {}

  Fault feed(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      const std::string_view part = bytes.substr(0, end);
      if (part.size() > kLongestLine - std::min(line_.size(), kLongestLine)) {
        return "the line is longer than GnuPG can read";
      }
      line_ += part;
      if (end == std::string_view::npos) return std::nullopt;
      if (const Fault fault = end_line()) return fault;
      bytes.remove_prefix(end + 1);
    }
    return std::nullopt;
  }

  Fault feed_end() {
    if (!line_.empty()) {
      if (const Fault fault = end_line()) return fault;
    }
    return grammar_.accept_end();
  }

  std::uint64_t line_number() const noexcept { return line_number_; }

 private:
  Fault end_line() {
    std::string_view line = line_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find('\r') != std::string_view::npos) return "a carriage return ends no line";
    if (const Fault fault = grammar_.accept(line)) return fault;
    line_.clear();
    ++line_number_;
    return std::nullopt;
  }

  ClearsignGrammar& grammar_;
  std::string line_;
  std::uint64_t line_number_ = 1;
};

Fault feed_all(ByteSource& message, LineCutter& lines) {
  std::array<std::byte, 64 * 1024> buffer;
  while (const std::size_t count = message.read(buffer)) {
    if (const Fault fault = lines.feed(as_text(Bytes(buffer).first(count)))) return fault;
  }
  return lines.feed_end();
}

/// Spares the file a system call for every line.
class BufferedSink final : public ByteSink {
 public:
  explicit BufferedSink(ByteSink& next) : next_(next) {}

  void write(Bytes bytes) override {
    buffer_ += as_text(bytes);
    if (buffer_.size() >= kFlushAt) flush();
  }
  void finish() override { flush(); }

 private:
  static constexpr std::size_t kFlushAt = 64 * 1024;

  void flush() {
    next_.write(as_bytes(buffer_));
    buffer_.clear();
  }

  ByteSink& next_;
  std::string buffer_;
};

}  // namespace

std::optional<std::string> unwrap_clearsigned(ByteSource& message, ByteSink& text) {
  BufferedSink buffered(text);
  ClearsignGrammar grammar(buffered);
  LineCutter lines(grammar);
  if (const Fault fault = feed_all(message, lines)) {
    return fmt::format("line {}: {}", lines.line_number(), *fault);
  }
  buffered.finish();
  return std::nullopt;
}

}  // namespace streamsync
