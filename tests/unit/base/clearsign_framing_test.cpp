#include "base/crypto/clearsign_framing.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>

#include "base/text.h"

using namespace streamsync;
using std::string_literals::operator""s;

namespace {

/// Gives `text` in pieces of `piece` bytes.
class PiecewiseSource final : public ByteSource {
 public:
  PiecewiseSource(std::string_view text, std::size_t piece) : text_(text), piece_(piece) {}
  std::size_t read(MutableBytes buffer) override {
    return text_.read(buffer.first(std::min(piece_, buffer.size())));
  }

 private:
  TextSource text_;
  std::size_t piece_;
};

struct Unwrapped {
  std::optional<std::string> fault;
  std::string text;
};

Unwrapped unwrap(std::string_view message, std::size_t piece = 1'000'000) {
  PiecewiseSource source(message, piece);
  const auto parsed = parse_clearsigned(source);
  if (const auto* fault = std::get_if<FramingFault>(&parsed)) return {fault->what, {}};
  ClearsignedText text(std::make_unique<PiecewiseSource>(message, piece),
                       std::get<ClearsignedParts>(parsed));
  return {std::nullopt, read_all(text, message.size())};
}

Spool spool_of(std::string_view message) {
  Spool spool;
  spool.write(as_bytes(message));
  return spool;
}

const std::string kHeader = "-----BEGIN PGP SIGNED MESSAGE-----\n";
const std::string kHash = "Hash: SHA512\n";
const std::string kBegin = "-----BEGIN PGP SIGNATURE-----\n";
const std::string kData = "iQIcBAEBCgAGBQJYHAGrAAoJEH/z9AhHbPEAxhkQ+/==\n=WWCZ\n";
const std::string kEnd = "-----END PGP SIGNATURE-----\n";

std::string signed_text(const std::string& text) {
  return kHeader + kHash + "\n" + text + kBegin + "\n" + kData + kEnd;
}

std::string with_crlf(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? "\r\n"s : std::string(1, c);
  return out;
}

}  // namespace

TEST_CASE("an exact message gives its text") {
  const auto [message, text] = GENERATE(table<std::string, std::string>({
      {signed_text("{\n \"a\": 1\n}\n"), "{\n \"a\": 1\n}"},
      {signed_text(""), ""},
      {signed_text("\n\n"), "\n"},
      {signed_text("- -----BEGIN PGP SIGNATURE-----\n- - x\n- \n"),
       "-----BEGIN PGP SIGNATURE-----\n- x\n"},
      {signed_text("trailing blanks  \t\n x\n"), "trailing blanks\n x"},
      {signed_text("Hash: SHA1\n\n" + kHeader.substr(5)),
       "Hash: SHA1\n\n" + kHeader.substr(5, kHeader.size() - 6)},
      {signed_text("a\v-----BEGIN PGP SIGNATURE-----\n"), "a\v-----BEGIN PGP SIGNATURE-----"},
      {signed_text("\xe2\x80\xa8-----END PGP SIGNATURE-----\n"),
       "\xe2\x80\xa8-----END PGP SIGNATURE-----"},
      {with_crlf(signed_text("a\nb\n")), "a\nb"},
      {kHeader + "\nx\n" + kBegin + "\n" + kData + kEnd, "x"},
      {kHeader + "Hash: SHA256, SHA512\nHash: SHA384\n\nx\n" + kBegin + "\n" + kData + kEnd, "x"},
      {kHeader + kHash + "\nx\n" + kBegin +
           "Version: GnuPG v1.4.11 (GNU/Linux)\nComment: a: b\n\n" + kData + kEnd,
       "x"},
      {signed_text("x\n") + " \t\n\r\n\n", "x"},
      {signed_text("x\n").substr(0, signed_text("x\n").size() - 1), "x"},
      {kHeader + kHash + "\nx\n" + kBegin + "\niQIc\n" + kEnd, "x"},
      {signed_text(std::string(19'990, 'x') + "\n"), std::string(19'990, 'x')},
  }));
  const auto piece = GENERATE(as<std::size_t>(), 1, 7, 1'000'000);
  const Unwrapped result = unwrap(message, piece);
  CAPTURE(printable(message.substr(0, 400)), piece, result.fault.value_or(""));
  CHECK_FALSE(result.fault);
  CHECK((result.text == text));
}

TEST_CASE("the ends of a message show its parts") {
  const auto message = GENERATE(
      as<std::string>(), signed_text("{}\n"), signed_text(""), with_crlf(signed_text("a\nb\n")),
      signed_text(std::string(400'000, '\n')), signed_text("x\n") + " \t\n\r\n\n",
      signed_text("- -----BEGIN PGP SIGNATURE-----\n- -----END PGP SIGNATURE-----\n"));
  TextSource source(message);
  const auto parts = std::get<ClearsignedParts>(parse_clearsigned(source));
  const auto guess = guess_parts(spool_of(message));
  REQUIRE(guess);
  CHECK(guess->text_begin == parts.text_begin);
  CHECK(guess->text_end == parts.text_end);
  CHECK(guess->signature == parts.signature);
}

TEST_CASE("ends that show no parts are no reason to guess") {
  const auto message =
      GENERATE(as<std::string>(), "", "\n\n", kHeader, kHeader + "\n", kHeader + "\nx\n" + kBegin,
               kHeader + kHash + "\nx\n" + kBegin + "Comment: " + kBegin + "\n" + kData + kEnd,
               signed_text("x\n") + "x", kBegin + "\n" + kData + kEnd,
               signed_text("x\n") + std::string(200'000, '\n'));
  CHECK_FALSE(guess_parts(spool_of(message)));
}

TEST_CASE("a text is verbatim when nothing has to be taken from it") {
  const auto [message, is_verbatim] = GENERATE(table<std::string, bool>({
      {signed_text("{}\n"), true},
      {signed_text(""), true},
      {signed_text("\n\n"), true},
      {signed_text(" a\tb c\n"), true},
      {signed_text("x\n") + " \n", true},
      {kHeader + kHash + "\nx\n" + with_crlf(kBegin + "\n" + kData + kEnd), true},
      {signed_text("x \n"), false},
      {signed_text("x\t\nx\n"), false},
      {signed_text("- x\n"), false},
      {signed_text("a\n- \nb\n"), false},
      {signed_text("a\r\nb\n"), false},
      {with_crlf(signed_text("x\n")), false},
  }));
  CAPTURE(printable(message));
  TextSource source(message);
  const auto parts = std::get<ClearsignedParts>(parse_clearsigned(source));
  CHECK(parts.is_verbatim == is_verbatim);
  if (!is_verbatim) return;
  const std::string stands = message.substr(parts.text_begin, parts.text_end - parts.text_begin);
  CHECK(stands ==
        (unwrap(message).text.empty() && stands.empty() ? "" : unwrap(message).text + "\n"));
}

TEST_CASE("a line without end is passed on in bounded memory") {
  // Only a document that nobody signed has one; what counts is that its text is always the same.
  const std::string line = std::string(50'000, 'x') + std::string(30'000, ' ') + "\r\n- y \n";
  ClearsignedText whole(std::make_unique<TextSource>(line), {0, line.size(), {}, false});
  ClearsignedText pieces(std::make_unique<PiecewiseSource>(line, 77), {0, line.size(), {}, false});
  const std::string text = read_all(whole, line.size());
  CHECK((text == read_all(pieces, line.size())));
  CHECK(text.starts_with(std::string(50'000, 'x')));
  CHECK(text.ends_with("\ny"));
}

TEST_CASE("every byte out of its place is a fault, with its line") {
  const std::string good = signed_text("{}\n");
  const auto [message, line] = GENERATE_COPY(table<std::string, std::string>({
      {"", "line 1:"},
      {"{}\n", "line 1:"},
      {"\n" + good, "line 1:"},
      {" " + good, "line 1:"},
      {"\xef\xbb\xbf" + good, "line 1:"},
      {"{\"evil\": 1}\n" + good, "line 1:"},
      {"-----BEGIN PGP SIGNED MESSAGE----- \n" + kHash + "\n{}\n", "line 1:"},
      {"-----BEGIN PGP SIGNED MESSAGE-----\v\n" + kHash + "\n{}\n", "line 1:"},
      {"-----BEGIN PGP SIGNED MESSAGE-----\r\r\n" + kHash + "\n{}\n", "line 1:"},
      {"------BEGIN PGP SIGNED MESSAGE-----\n" + kHash + "\n{}\n", "line 1:"},
      {kHeader.substr(0, 34), "line 2:"},
      {kHeader, "line 2:"},
      {kHeader + "Version: x\n\n{}\n", "line 2:"},
      {kHeader + "NotDashEscaped: x\n\n{}\n", "line 2:"},
      {kHeader + "Hash:SHA512\n\n{}\n", "line 2:"},
      {kHeader + "Hash: \n\n{}\n", "line 2:"},
      {kHeader + "Hash: SHA512,\n\n{}\n", "line 2:"},
      {kHeader + "Hash: SHA512\v{}\n\n{}\n", "line 2:"},
      {kHeader + "Hash: SHA512\xc2\x85\n\n{}\n", "line 2:"},
      {kHeader + "hash: SHA512\n\n{}\n", "line 2:"},
      {kHeader + kHash + " \n{}\n", "line 3:"},
      {kHeader + kHash + "{}\n\n", "line 3:"},
      {signed_text("-x\n"), "line 4:"},
      {signed_text("-\n"), "line 4:"},
      {signed_text("{}\n" + kHeader), "line 5:"},
      {signed_text("{}\n-----BEGIN PGP SIGNATURE-----\v\n"), "line 5:"},
      {signed_text("{}\n-----BEGIN PGP SIGNATURE----- \n"), "line 5:"},
      {signed_text("{}\n-----END PGP SIGNATURE-----\n"), "line 5:"},
      {signed_text("{}\n-----BEGIN PGP MESSAGE-----\n"), "line 5:"},
      {signed_text("{}\r\"evil\": 1\n"), "line 4:"},
      {signed_text("{}\r\r\n"), "line 4:"},
      {signed_text("{}\n" + std::string(19'991, 'x') + "\n"), "line 5:"},
      {kHeader + kHash + "\n{}\n", "line 5:"},
      {kHeader + kHash + "\n{}\n" + kBegin, "line 6:"},
      {kHeader + kHash + "\n{}\n" + kBegin + kData + kEnd, "line 6:"},
      {kHeader + kHash + "\n{}\n" + kBegin + "{\"evil\": 1}\n\n" + kData + kEnd, "line 6:"},
      {kHeader + kHash + "\n{}\n" + kBegin + "Version: a\x1b\n\n" + kData + kEnd, "line 6:"},
      {kHeader + kHash + "\n{}\n" + kBegin + "Comment: x\u2028{}\n\n" + kData + kEnd, "line 6:"},
      {kHeader + kHash + "\n{}\n" + kBegin + "evil\n\n" + kData + kEnd, "line 6:"},
      {kHeader + kHash + "\n{}\n" + kBegin + ": x\n\n" + kData + kEnd, "line 6:"},
      {kHeader + kHash + "\n{}\n" + kBegin + " \n" + kData + kEnd, "line 6:"},
      {kHeader + kHash + "\n{}\n" + kBegin + "\n" + kEnd, "line 7:"},
      {kHeader + kHash + "\n{}\n" + kBegin + "\n=WWCZ\n" + kEnd, "line 7:"},
      {kHeader + kHash + "\n{}\n" + kBegin + "\n\n" + kData + kEnd, "line 7:"},
      {kHeader + kHash + "\n{}\n" + kBegin + "\n{\"evil\": 1}\n" + kData + kEnd, "line 7:"},
      {kHeader + kHash + "\n{}\n" + kBegin + "\niQ=c\n" + kEnd, "line 7:"},
      {kHeader + kHash + "\n{}\n" + kBegin + "\niQ===\n" + kEnd, "line 7:"},
      {kHeader + kHash + "\n{}\n" + kBegin + "\niQ==\niQIc\n" + kEnd, "line 8:"},
      {kHeader + kHash + "\n{}\n" + kBegin + "\n" + kData + "iQIc\n" + kEnd, "line 9:"},
      {kHeader + kHash + "\n{}\n" + kBegin + "\n" + kData + kBegin + "\n" + kData + kEnd,
       "line 9:"},
      {kHeader + kHash + "\n{}\n" + kBegin + "\n" + kData, "line 9:"},
      {kHeader + kHash + "\n{}\n" + kBegin + "\n" + kData + "-----END PGP SIGNATURE-----x\n",
       "line 9:"},
      {good + "x", "line 10:"},
      {good + "\n{\"evil\": 1}\n", "line 11:"},
      {good + "\v\n", "line 10:"},
      {good + "\0"s, "line 10:"},
      {good + good, "line 10:"},
      {good + "\xc2\xa0\n", "line 10:"},
  }));
  const auto piece = GENERATE(as<std::size_t>(), 1, 1'000'000);
  const Unwrapped result = unwrap(message, piece);
  CAPTURE(printable(message.substr(0, 400)), line, piece);
  REQUIRE(result.fault.has_value());
  CHECK_THAT(*result.fault, Catch::StartsWith(line));
}

TEST_CASE("a text ends where its signature begins, however its lines are cut") {
  std::string text;
  for (int line = 0; text.size() < 300'000; ++line) {
    text += std::string(static_cast<std::size_t>(line % 97), 'x') + (line % 5 == 0 ? " \t" : "");
    text += line % 3 == 0 ? "\r\n" : "\n";
  }
  const Unwrapped whole = unwrap(signed_text(text));
  REQUIRE_FALSE(whole.fault);
  CHECK(whole.text.find_first_of(" \t\r") == std::string::npos);
  CHECK((whole.text == unwrap(signed_text(text), 13).text));
}

TEST_CASE("the signature is given apart, without the headers of its armor") {
  const std::string message = kHeader + kHash + "\nx\n" + kBegin + "Version: 1\n\n" + kData + kEnd;
  TextSource source(message);
  const auto parts = std::get<ClearsignedParts>(parse_clearsigned(source));
  CHECK(parts.signature == kBegin + "\n" + kData + kEnd);
}

TEST_CASE("a signature without end is a fault") {
  std::string data;
  while (data.size() < 70'000) data += "iQIcBAEBCgAGBQJYHAGrAAoJEH/z9AhHbPEAxhkQ+/abcdefghijk\n";
  const Unwrapped result = unwrap(kHeader + kHash + "\nx\n" + kBegin + "\n" + data + kEnd);
  REQUIRE(result.fault.has_value());
  CHECK_THAT(*result.fault, Catch::Contains("too long"));
}
