#include "streams/json_scan.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

namespace streamsync {
namespace {

// Eight bytes that are looked at together.
using Word = std::uint64_t;

constexpr Word eight_times(char c) {
  return Word{static_cast<unsigned char>(c)} * 0x0101'0101'0101'0101;
}
constexpr Word kHighBits = eight_times('\x80');

bool has_word(std::string_view text, std::size_t at) { return text.size() - at >= sizeof(Word); }

Word word_at(std::string_view text, std::size_t at) {
  Word word = 0;
  std::memcpy(&word, text.data() + at, sizeof word);
  return word;
}

// Whether a byte is less than `limit`, which is ASCII. The subtraction gives such a byte a high bit
// that it did not have. It may give one to the byte above by the borrow, but then the answer is yes
// already.
constexpr bool has_less(Word word, char limit) {
  return ((word - eight_times(limit)) & ~word & kHighBits) != 0;
}

constexpr bool has(Word word, char c) { return has_less(word ^ eight_times(c), '\x01'); }

constexpr bool is_plain(Word word) {
  return (word & kHighBits) == 0 && !has_less(word, ' ') && !has(word, '"') && !has(word, '\\');
}

constexpr bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= ' ' && byte < 0x80 && c != '"' && c != '\\';
}

std::size_t spaces_at_front(Word word) {
  const Word others = word ^ eight_times(' ');
  const int bits = std::endian::native == std::endian::little ? std::countr_zero(others)
                                                              : std::countl_zero(others);
  return static_cast<std::size_t>(bits) / 8;
}

}  // namespace

// Most blanks are indentation: a line end, then spaces.
std::size_t blank_length(std::string_view text) {
  std::size_t at = 0;
  while (at != text.size() && is_json_blank(text[at])) {
    ++at;
    std::size_t spaces = sizeof(Word);
    while (spaces == sizeof(Word) && has_word(text, at)) {
      spaces = spaces_at_front(word_at(text, at));
      at += spaces;
    }
  }
  return at;
}

std::size_t plain_length(std::string_view text) {
  std::size_t at = 0;
  while (has_word(text, at) && is_plain(word_at(text, at))) at += sizeof(Word);
  while (at != text.size() && is_plain(text[at])) ++at;
  return at;
}

std::size_t BracketCounter::count(std::string_view text) {
  std::size_t at = 0;
  while (at != text.size() && !done()) {
    at = in_string_ ? pass_string(text, at) : pass_structure(text, at);
  }
  return at;
}

std::size_t BracketCounter::pass_string(std::string_view text, std::size_t at) {
  while (in_string_ && at != text.size()) {
    const std::size_t quote = std::min(text.find('"', at), text.size());
    escaped_ = escapes_next(text.substr(at, quote - at));
    if (quote == text.size()) return quote;
    in_string_ = std::exchange(escaped_, false);
    at = quote + 1;
  }
  return at;
}

// A run of backslashes escapes what follows when it is odd; the first of all may be escaped itself.
bool BracketCounter::escapes_next(std::string_view text) const {
  const std::size_t run = text.find_last_not_of('\\') + 1;  // npos + 1 is 0
  const bool is_odd = (text.size() - run) % 2 != 0;
  return run == 0 ? is_odd != escaped_ : is_odd;
}

std::size_t BracketCounter::pass_structure(std::string_view text, std::size_t at) {
  for (; at != text.size(); ++at) {
    switch (text[at]) {
      case '"':
        in_string_ = true;
        return at + 1;
      case '{':
      case '[':
        begun_ = true;
        ++depth_;
        break;
      case '}':
      case ']':
        if (--depth_ == 0) return at + 1;
        break;
      case '\n':
        at += blank_length(text.substr(at)) - 1;
        break;
      default:
        break;
    }
  }
  return at;
}

}  // namespace streamsync
