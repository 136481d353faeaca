#include "base/http/percent_encoding.h"

#include <fmt/format.h>

#include <iterator>

namespace streamsync {
namespace {

bool is_in(char c, char first, char last) { return c >= first && c <= last; }

// Not std::isalnum: it obeys the locale.
bool is_alphanumeric(char c) {
  return is_in(c, 'a', 'z') || is_in(c, 'A', 'Z') || is_in(c, '0', '9');
}

bool is_hex_digit(char c) { return is_in(c, 'a', 'f') || is_in(c, 'A', 'F') || is_in(c, '0', '9'); }

bool begins_with_escape(std::string_view text) {
  return text.size() >= 3 && text[0] == '%' && is_hex_digit(text[1]) && is_hex_digit(text[2]);
}

void append(std::string& out, char c, std::string_view marks) {
  if (is_alphanumeric(c) || marks.find(c) != std::string_view::npos) {
    out += c;
  } else {
    fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
  }
}

}  // namespace

std::string percent_encoded(std::string_view text, std::string_view marks) {
  std::string out;
  for (const char c : text) append(out, c, marks);
  return out;
}

std::string percent_completed(std::string_view text, std::string_view marks) {
  std::string out;
  for (; !text.empty(); text.remove_prefix(1)) {
    if (begins_with_escape(text)) {
      out += '%';
    } else {
      append(out, text.front(), marks);
    }
  }
  return out;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const bool is_escape = begins_with_escape(text);
    out += is_escape ? static_cast<char>(std::stoi(std::string(text.substr(1, 2)), nullptr, 16))
                     : text.front();
    text.remove_prefix(is_escape ? 3 : 1);
  }
  return out;
}

}  // namespace streamsync
