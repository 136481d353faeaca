#include "base/crypto/clearsign_framing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>

#include "base/text.h"

namespace streamsync {
namespace {

constexpr std::string_view kSignatureHeader = "-----BEGIN PGP SIGNATURE-----";
constexpr std::string_view kSignatureFooter = "-----END PGP SIGNATURE-----";

/// GnuPG cuts longer lines without failing (MAX_LINELEN in its armor filter), and with them the
/// text it vouches for.
constexpr std::size_t kLongestLine = 19'990;

/// Thousands of signatures are no signature.
constexpr std::size_t kLongestSignature = 64 * 1024;

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
         std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; });
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
  ClearsignGrammar() = default;
  static ClearsignGrammar from_signature_on() {
    ClearsignGrammar grammar;
    grammar.part_ = Part::Text;
    return grammar;
  }

  /// `begin` and `end`: where the line lies in the message, with what ends it.
  Fault accept(std::string_view line, std::uint64_t begin, std::uint64_t end) {
    switch (part_) {
      case Part::Header:
        return accept_header(line);
      case Part::HashHeaders:
        return accept_hash_header(line, end);
      case Part::Text:
        return accept_text(line, begin, end);
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

  ClearsignedParts parts() && { return std::move(parts_); }

 private:
  enum class Part { Header, HashHeaders, Text, ArmorHeaders, SignatureData, SignatureEnd, Trailer };

  Fault accept_header(std::string_view line) {
    part_ = Part::HashHeaders;
    return line == kClearsignHeader ? Fault{} : "not the header of a clear-signed message";
  }

  Fault accept_hash_header(std::string_view line, std::uint64_t end) {
    if (line.empty()) {
      part_ = Part::Text;
      parts_.text_begin = end;
      parts_.is_verbatim = true;
      return std::nullopt;
    }
    return is_hash_header(line) ? Fault{} : "only 'Hash' headers may stand before the signed text";
  }

  Fault accept_text(std::string_view line, std::uint64_t begin, std::uint64_t end) {
    const bool has_crlf = end - begin != line.size() + 1;
    if (!line.starts_with('-')) {
      if (has_crlf || line.ends_with(' ') || line.ends_with('\t')) parts_.is_verbatim = false;
      return std::nullopt;
    }
    parts_.is_verbatim = parts_.is_verbatim && line == kSignatureHeader;
    if (line.starts_with("- ")) return std::nullopt;
    if (line != kSignatureHeader) return "a '-' begins the line and is not escaped";
    part_ = Part::ArmorHeaders;
    parts_.text_end = begin;
    return keep(line);
  }

  Fault accept_armor_header(std::string_view line) {
    if (line.empty()) {
      part_ = Part::SignatureData;
      return keep(line);
    }
    return is_armor_header(line) ? Fault{} : "not a header of a signature";
  }

  Fault accept_signature(std::string_view line) {
    if (line.starts_with(kSignatureFooter) && is_blank(line.substr(kSignatureFooter.size()))) {
      part_ = Part::Trailer;
      return has_data_ ? keep(kSignatureFooter) : "the signature is empty";
    }
    if (part_ == Part::SignatureData && is_signature_data(line)) {
      has_data_ = true;
      if (line.back() == '=') part_ = Part::SignatureEnd;
      return keep(line);
    }
    if (has_data_ && is_checksum(line)) {
      part_ = Part::SignatureEnd;
      return keep(line);
    }
    return "not a line of a signature";
  }

  Fault keep(std::string_view line) {
    parts_.signature.append(line).append("\n");
    return parts_.signature.size() <= kLongestSignature ? Fault{} : "the signature is too long";
  }

  Part part_ = Part::Header;
  ClearsignedParts parts_;
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
      if (end == std::string_view::npos) {
        line_ += part;
        return std::nullopt;
      }
      if (const Fault fault = line_.empty() ? end_line(part) : end_line(line_ += part)) {
        return fault;
      }
      bytes.remove_prefix(end + 1);
    }
    return std::nullopt;
  }

  Fault feed_end() {
    if (!line_.empty()) {
      if (const Fault fault = end_line(line_)) return fault;
    }
    return grammar_.accept_end();
  }

  std::uint64_t line_number() const noexcept { return line_number_; }

 private:
  Fault end_line(std::string_view line) {
    const std::uint64_t end = begin_ + line.size() + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find('\r') != std::string_view::npos) return "a carriage return ends no line";
    if (const Fault fault = grammar_.accept(line, begin_, end)) return fault;
    line_.clear();
    begin_ = end;
    ++line_number_;
    return std::nullopt;
  }

  ClearsignGrammar& grammar_;
  std::string line_;  // one that has not come whole
  std::uint64_t begin_ = 0;
  std::uint64_t line_number_ = 1;
};

constexpr std::size_t kBlock = 64 * 1024;

Fault feed_all(ByteSource& message, LineCutter& lines) {
  std::array<std::byte, kBlock> buffer;
  while (const std::size_t count = message.read(buffer)) {
    if (const Fault fault = lines.feed(as_text(Bytes(buffer).first(count)))) return fault;
  }
  return lines.feed_end();
}

std::optional<std::uint64_t> guess_text_begin(const Spool& message) {
  constexpr std::uint64_t kUsualHead = 4096;
  const std::string head = read_all(*message.reader(0, kUsualHead), kUsualHead);
  const std::size_t lf = head.find("\n\n");
  const std::size_t crlf = head.find("\n\r\n");
  if (lf == crlf) return std::nullopt;  // neither is there
  return lf < crlf ? lf + 2 : crlf + 3;
}

std::optional<ClearsignedParts> guess_from_end(const Spool& message, std::uint64_t begin) {
  constexpr std::uint64_t kUsualTail = 2 * kLongestSignature;
  const std::uint64_t tail_begin =
      std::max(begin, message.size() - std::min(message.size(), kUsualTail));
  const std::string tail = read_all(*message.reader(tail_begin, message.size()), kUsualTail);
  const std::size_t at = tail.rfind(kSignatureHeader);
  if (at == std::string::npos || (at != 0 && tail[at - 1] != '\n')) return std::nullopt;
  auto grammar = ClearsignGrammar::from_signature_on();
  LineCutter lines(grammar);
  if (lines.feed(std::string_view(tail).substr(at)) || lines.feed_end()) return std::nullopt;
  ClearsignedParts parts = std::move(grammar).parts();
  parts.text_begin = begin;
  parts.text_end = tail_begin + at;
  return parts;
}

}  // namespace

std::variant<ClearsignedParts, FramingFault> parse_clearsigned(ByteSource& message) {
  ClearsignGrammar grammar;
  LineCutter lines(grammar);
  if (const Fault fault = feed_all(message, lines)) {
    return FramingFault{fmt::format("line {}: {}", lines.line_number(), *fault)};
  }
  return std::move(grammar).parts();
}

std::optional<ClearsignedParts> guess_parts(const Spool& message) {
  const auto begin = guess_text_begin(message);
  return begin ? guess_from_end(message, *begin) : std::nullopt;
}

ClearsignedText::ClearsignedText(std::unique_ptr<ByteSource> message, const ClearsignedParts& parts)
    : message_(std::move(message)),
      head_(parts.text_begin),
      left_(parts.text_end - parts.text_begin) {}

std::size_t ClearsignedText::read(MutableBytes buffer) {
  while (given_ == ready_.size()) {
    if (!refill()) return 0;
  }
  const std::size_t size = std::min(buffer.size(), ready_.size() - given_);
  std::memcpy(buffer.data(), ready_.data() + given_, size);
  given_ += size;
  return size;
}

// False at the end. May make nothing ready: a line can be longer than a block.
bool ClearsignedText::refill() {
  ready_.clear();
  given_ = 0;
  drop_head();
  std::array<std::byte, kBlock> block;
  const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left_, block.size()));
  const std::size_t size = wanted == 0 ? 0 : message_->read(MutableBytes(block).first(wanted));
  left_ -= size;
  take(as_text(Bytes(block).first(size)));
  if (size == 0 && !line_.empty()) end_line({});
  return size != 0 || !ready_.empty();
}

void ClearsignedText::drop_head() {
  std::array<std::byte, 512> scratch;
  while (head_ != 0) {
    const std::size_t wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(head_, scratch.size()));
    const std::size_t size = message_->read(MutableBytes(scratch).first(wanted));
    head_ = size == 0 ? 0 : head_ - size;
  }
}

void ClearsignedText::take(std::string_view bytes) {
  constexpr std::size_t kMostHeld = kLongestLine + 1;  // no whole line that was signed
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, kMostHeld - line_.size());
    const std::size_t end = part.find('\n');
    if (end != std::string_view::npos) {
      end_line(part.substr(0, end));
      bytes.remove_prefix(end + 1);
      continue;
    }
    line_ += part;
    bytes.remove_prefix(part.size());
    if (line_.size() == kMostHeld) {
      ready_ += begin_line(line_);
      line_.clear();
      is_continued_ = true;
    }
  }
}

void ClearsignedText::end_line(std::string_view end) {
  std::string_view line = line_.empty() ? end : std::string_view(line_ += end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  line = begin_line(line);
  while (line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);
  ready_ += line;
  line_.clear();
  is_continued_ = false;
}

std::string_view ClearsignedText::begin_line(std::string_view line) {
  if (is_continued_) return line;
  if (std::exchange(begun_, true)) ready_ += '\n';
  if (line.starts_with("- ")) line.remove_prefix(2);
  return line;
}

}  // namespace streamsync
