#include "base/text.h"

#include <catch2/catch.hpp>

using namespace streamsync;
using std::string_literals::operator""s;

TEST_CASE("bytes as hexadecimal") {
  CHECK(to_hex("").empty());
  CHECK(to_hex("\x00\x0f\xa5\xff"s) == "000fa5ff");
}

TEST_CASE("printable keeps text and escapes what a terminal would obey") {
  const auto [given, wanted] = GENERATE(table<std::string, std::string>({
      {"", ""},
      {"plain ~ text", "plain ~ text"},
      {"Grüße, 日本, 😀", "Grüße, 日本, 😀"},
      {"a\tb\nc\r", "a\\x09b\\x0Ac\\x0D"},
      {"\x1b[2J", "\\x1B[2J"},
      {"nul\0!"s, "nul\\x00!"},
      {"\x7f", "\\x7F"},
      {"\xc2\x9b"
       "2J",
       "\\xC2\\x9B2J"},                              // C1: CSI
      {"\xc2\xa0", "\xc2\xa0"},                      // the first after C1
      {"\x80 \xbf", "\\x80 \\xBF"},                  // continuation bytes alone
      {"\xc3", "\\xC3"},                             // cut short
      {"\xe2\x82", "\\xE2\\x82"},                    // cut short
      {"\xc0\xaf", "\\xC0\\xAF"},                    // overlong '/'
      {"\xe0\x80\xaf", "\\xE0\\x80\\xAF"},           // overlong '/'
      {"\xf0\x80\x80\xaf", "\\xF0\\x80\\x80\\xAF"},  // overlong '/'
      {"\xed\xa0\x80", "\\xED\\xA0\\x80"},           // surrogate
      {"\xed\x9f\xbf", "\xed\x9f\xbf"},              // the last before surrogates
      {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},      // U+10FFFF
      {"\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80"},  // past it
      {"\xf5\x80\x80\x80", "\\xF5\\x80\\x80\\x80"},  // no lead byte
      {"\xc3"
       "A",
       "\\xC3"
       "A"},  // the byte after a cut sequence stays
  }));
  CHECK(printable(given) == wanted);
}

TEST_CASE("lower case touches ASCII only") { CHECK(to_lower_ascii("ABC-Zz09Ä") == "abc-zz09Ä"); }

TEST_CASE("trimmed cuts blanks and line ends at both ends") {
  CHECK(trimmed(" \t a b \r\n") == "a b");
  CHECK(trimmed(" \n ").empty());
  CHECK(trimmed("").empty());
}

TEST_CASE("split keeps empty parts") {
  using Parts = std::vector<std::string_view>;
  CHECK(split("a,b", ',') == Parts{"a", "b"});
  CHECK(split("", ',') == Parts{""});
  CHECK(split(",a,,", ',') == Parts{"", "a", "", ""});
}

TEST_CASE("decimal numbers") {
  using Number = std::optional<std::uint64_t>;
  const auto [text, wanted] = GENERATE(table<std::string, Number>({
      {"0", 0},
      {"0042", 42},
      {"9223372036854775807", 9223372036854775807ULL},
      {"9223372036854775808", std::nullopt},
      {"92233720368547758070", std::nullopt},
      {"99999999999999999999999", std::nullopt},
      {"", std::nullopt},
      {"-1", std::nullopt},
      {"+1", std::nullopt},
      {" 1", std::nullopt},
      {"1 ", std::nullopt},
      {"1_0", std::nullopt},
      {"1e3", std::nullopt},
      {"0x1", std::nullopt},
      {"1\0"s, std::nullopt},
  }));
  CHECK(parse_decimal(text) == wanted);
}

TEST_CASE("sizes in powers of 1024") {
  using Size = std::optional<std::uint64_t>;
  const auto [text, wanted] = GENERATE(table<std::string, Size>({
      {"512", 512},
      {"64K", 65536},
      {"10M", 10485760},
      {"4G", 4294967296},
      {"8589934591G", 9223372035781033984ULL},
      {"8589934592G", std::nullopt},
      {"18446744073709551615", std::nullopt},
      {"", std::nullopt},
      {"K", std::nullopt},
      {"4g", std::nullopt},
      {"4GB", std::nullopt},
      {"4 G", std::nullopt},
      {"-4G", std::nullopt},
      {"1.5G", std::nullopt},
  }));
  CHECK(parse_size(text) == wanted);
}

TEST_CASE("sizes for people") {
  const auto [bytes, wanted] = GENERATE(table<std::uint64_t, std::string>({
      {0, "0 B"},
      {999, "999 B"},
      {1000, "1.0 kB"},
      {999'949, "999.9 kB"},
      {999'950, "1.0 MB"},
      {1'400'000'000, "1.4 GB"},
      {18'446'744'073'709'551'615ULL, "18.4 EB"},
  }));
  CHECK(human_size(bytes) == wanted);
}

TEST_CASE("the nearest word is named only when it is near") {
  const std::vector<std::string> keys = {"keyring_path", "item_filters", "max", "path", "url"};
  CHECK(nearest_word("keyring_pth", keys) == "keyring_path");
  CHECK(nearest_word("itemfilter", keys) == "item_filters");
  CHECK(nearest_word("key_ring_paths", keys) == "keyring_path");
  CHECK(nearest_word("maxx", keys) == "max");
  CHECK(nearest_word("ptah", keys) == "path");
  CHECK(nearest_word("frequency", keys) == std::nullopt);
  CHECK(nearest_word("xyz", keys) == std::nullopt);
  CHECK(nearest_word("", keys) == std::nullopt);
  CHECK(nearest_word("max", {}) == std::nullopt);
}

TEST_CASE("JSON for a terminal has no raw control characters") {
  CHECK(without_raw_controls("\"a\x7f\xC2\x9B"
                             "31m\xC2\xA0\xC3\xA9\"") == "\"a\\u007f\\u009b31m\xC2\xA0\xC3\xA9\"");
  CHECK(without_raw_controls("\xC2") == "\xC2");
  CHECK(without_raw_controls("").empty());
}
