#include "streams/json_scan.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <string>

using namespace streamsync;

namespace {

// `length` bytes that a scan may stumble over, most of them the first of `bytes`.
std::string random_text(std::mt19937& random, std::string_view bytes, std::size_t length) {
  std::string text(length, bytes.front());
  for (char& c : text) {
    if (random() % 6 == 0) c = bytes[random() % bytes.size()];
  }
  return text;
}

std::size_t plain_length_bytewise(std::string_view text) {
  const auto is_plain = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte <= 0x7F && c != '"' && c != '\\';
  };
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_plain) -
                                  text.begin());
}

// The end of the first value in `text`, npos when it has none.
std::size_t end_of_value_bytewise(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t at = 0; at != text.size(); ++at) {
    const char c = text[at];
    if (in_string && c == '\\') {
      if (++at == text.size()) break;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string && (c == '{' || c == '[')) {
      ++depth;
    } else if (!in_string && (c == '}' || c == ']') && --depth == 0) {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

std::size_t end_of_value(std::string_view text, std::size_t step) {
  BracketCounter brackets;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view piece = text.substr(at, step);
    const std::size_t count = brackets.count(piece);
    at += count;
    if (brackets.done()) return at;
    REQUIRE(count == piece.size());
  }
  return std::string_view::npos;
}

}  // namespace

TEST_CASE("Each byte is plain or ends what is plain, wherever it stands") {
  for (int value = 0; value != 256; ++value) {
    const char c = static_cast<char>(value);
    const bool plain = value >= 0x20 && value <= 0x7F && c != '"' && c != '\\';
    for (std::size_t at = 0; at != 20; ++at) {
      std::string text(20, 'x');
      text[at] = c;
      CAPTURE(value, at);
      REQUIRE(plain_length(text) == (plain ? 20 : at));
      REQUIRE(plain_length(text.substr(0, at + 1)) == (plain ? at + 1 : at));
    }
  }
}

TEST_CASE("Blanks end at the first byte that is none") {
  for (int value = 0; value != 256; ++value) {
    const char c = static_cast<char>(value);
    const bool blank = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    for (std::size_t at = 0; at != 20; ++at) {
      std::string text(20, ' ');
      text[at] = c;
      CAPTURE(value, at);
      REQUIRE(blank_length(text) == (blank ? 20 : at));
      text.front() = '\n';
      if (at != 0) REQUIRE(blank_length(text) == (blank ? 20 : at));
    }
  }
}

TEST_CASE("Scans agree with bytewise ones") {
  std::mt19937 random(7);
  for (int round = 0; round != 20'000; ++round) {
    const std::size_t length = random() % 40;
    const std::string string =
        random_text(random, std::string_view("a~ \x1F\x7F\x80\xFF\"\\!#[]\x01\x00", 15), length);
    CAPTURE(string);
    REQUIRE(plain_length(string) == plain_length_bytewise(string));

    const std::string blanks =
        random_text(random, std::string_view(" \n\r\t!\x1F\xA0\x00", 8), length);
    const std::size_t end = std::min(blanks.find_first_not_of(" \n\r\t"), blanks.size());
    CAPTURE(blanks);
    REQUIRE(blank_length(blanks) == end);
  }
}

TEST_CASE("Brackets are counted alike whatever the pieces and whatever stands in strings") {
  std::mt19937 random(11);
  for (int round = 0; round != 20'000; ++round) {
    std::string text = "{";
    for (std::size_t parts = random() % 12; parts != 0; --parts) {
      text += random_text(random, "\\\"{}[]\n ,:a1", random() % 10);
    }
    CAPTURE(text);
    const std::size_t expected = end_of_value_bytewise(text);
    REQUIRE(end_of_value(text, text.size()) == expected);
    REQUIRE(end_of_value(text, 1) == expected);
    REQUIRE(end_of_value(text, 1 + random() % 7) == expected);
  }
}
