// The framing of clear-signed messages (threats-and-faults.md T1). Whatever it accepts has one
// header, one signature and nothing outside, as a plain look at the lines can tell.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/crypto/clearsign_framing.h"
#include "base/crypto/openpgp.h"
#include "base/text.h"
#include "streams/document.h"
#include "tests/fuzz/property.h"

namespace streamsync {
namespace {

constexpr std::string_view kBegin = "-----BEGIN PGP SIGNATURE-----";
constexpr std::string_view kEnd = "-----END PGP SIGNATURE-----";

class BytewiseSource final : public ByteSource {
 public:
  explicit BytewiseSource(std::string_view text) : text_(text) {}
  std::size_t read(MutableBytes buffer) override { return text_.read(buffer.first(1)); }

 private:
  TextSource text_;
};

struct Unwrapped {
  std::optional<std::string> fault;
  std::string text;
};

template <typename Source>
Unwrapped unwrap(std::string_view message) {
  Source source(message);
  const auto parsed = parse_clearsigned(source);
  if (const auto* fault = std::get_if<FramingFault>(&parsed)) return {fault->what, {}};
  ClearsignedText text(std::make_unique<Source>(message), std::get<ClearsignedParts>(parsed));
  return {std::nullopt, read_all(text, message.size())};
}

std::string wrapped(std::string_view text) {
  std::string message = std::string(kClearsignHeader) + "\nHash: SHA512\n\n";
  for (const std::string_view line : split(text, '\n')) {
    message += (line.starts_with('-') ? "- " : "") + std::string(line) + "\n";
  }
  return message + std::string(kBegin) + "\n\nAAAA\n=AAAA\n" + std::string(kEnd) + "\n";
}

/// How many lines begin with `start`.
std::size_t count_lines(std::string_view message, std::string_view start) {
  std::size_t count = 0;
  for (const std::string_view line : split(message, '\n')) {
    if (line.starts_with(start)) ++count;
  }
  return count;
}

void check_accepted(std::string_view message, const std::string& text) {
  require(message.starts_with(kClearsignHeader), "an accepted message begins with its header");
  require(count_lines(message, kClearsignHeader) == 1, "an accepted message has one header");
  require(count_lines(message, kBegin) == 1, "an accepted message has one signature");
  require(count_lines(message, kEnd) == 1, "an accepted message has one footer");
  const std::string_view after = message.substr(message.rfind(kEnd) + kEnd.size());
  require(after.find_first_not_of(" \t\r\n") == std::string_view::npos, "nothing follows");
  require(text.size() < message.size(), "the text is within the message");
  if (!text.empty()) {
    const Unwrapped again = unwrap<TextSource>(wrapped(text));
    require(!again.fault && again.text == text, "the text survives being wrapped again");
  }
}

void check_parts(std::string_view message, const std::string& text) {
  TextSource source(message);
  const auto parts = std::get<ClearsignedParts>(parse_clearsigned(source));
  if (parts.is_verbatim) {
    const auto stands = message.substr(parts.text_begin, parts.text_end - parts.text_begin);
    require(stands.empty() ? text.empty() : stands == text + "\n", "a verbatim text stands there");
  }
  const auto guess = guess_parts(spool_of(message));
  require(!guess || (guess->text_begin == parts.text_begin && guess->text_end == parts.text_end &&
                     guess->signature == parts.signature),
          "a good message is guessed right or not at all");
}

void check_framing(std::string_view message) {
  const Unwrapped whole = unwrap<TextSource>(message);
  const Unwrapped bytewise = unwrap<BytewiseSource>(message);
  require(whole.fault == bytewise.fault, "the fault does not depend on how bytes arrive");
  if (whole.fault) return;
  require(whole.text == bytewise.text, "the text does not depend on how bytes arrive");
  check_parts(message, whole.text);
  check_accepted(message, whole.text);
}

void check_unverified(std::string_view message) {
  Spool document = spool_of(message);
  const bool is_signed = is_clearsigned(document);
  const bool accepted = taken(ErrorKind::Malformed, Origin::Source, [&] {
    const TrustedText text = accept_unverified(std::move(document), "document");
    const std::string content = read_all(*text.reader(), message.size());
    require(!text.signers(), "nobody vouches for an unverified text");
    require(content == (is_signed ? unwrap<TextSource>(message).text : message),
            "only the framing is taken off");
  });
  require(accepted == (!is_signed || !unwrap<TextSource>(message).fault),
          "a document that claims to be signed has exact framing");
}

}  // namespace
}  // namespace streamsync

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message = streamsync::input(data, size);
  streamsync::check_framing(message);
  streamsync::check_unverified(message);
  return 0;
}
