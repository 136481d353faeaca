#include "base/crypto/signer.h"

#include <fmt/format.h>

#include "base/crypto/gnupg.h"
#include "base/crypto/openpgp.h"
#include "base/error.h"
#include "base/io/spool.h"

namespace streamsync {
namespace {

constexpr std::string_view kProbe = "{}";
constexpr std::string_view kWhere = "what it signs";

Spool spooled(std::string_view text) {
  Spool spool;
  spool.write(as_bytes(text));
  return spool;
}

std::string_view without_last_line_end(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  return text;
}

/// What it gives, or none where there is no good signature by the key.
template <typename Verify>
auto unless_untrusted(Verify&& verify) -> std::optional<decltype(verify())> {
  try {
    return verify();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::Untrusted) return std::nullopt;
    throw;
  }
}

}  // namespace

struct Signer::Secret {
  explicit Secret(const std::string& fingerprint)
      : readers(Keyring::of_keys(gpg.choose_secret_key(fingerprint))) {}

  TrustedText verify(std::string_view message) const {
    return readers.verify_clearsigned(spooled(message), {}, kWhere);
  }

  Gnupg gpg;
  Keyring readers;  ///< with this one key
};

Signer::Signer(const std::string& fingerprint) : secret_(std::make_unique<Secret>(fingerprint)) {
  try {
    secret_->verify(clearsign(kProbe));
  } catch (const Error& error) {
    throw Error(ErrorKind::Config, Origin::Config,
                fmt::format("signing_key {}: {}", fingerprint, error.what()));
  }
}

Signer::~Signer() = default;
Signer::Signer(Signer&&) noexcept = default;
Signer& Signer::operator=(Signer&&) noexcept = default;

std::string Signer::clearsign(std::string_view text) {
  return secret_->gpg.sign(text, SignatureForm::Clear);
}

std::string Signer::sign_apart(std::string_view text) {
  return secret_->gpg.sign(text, SignatureForm::Detached);
}

std::optional<std::string> Signer::text_of(std::string_view message) const {
  return unless_untrusted([&] {
    const TrustedText text = secret_->verify(message);
    return read_all(*text.reader(), message.size());
  });
}

bool Signer::has_clearsigned(std::string_view text, std::string_view message) const {
  return text_of(message) == without_last_line_end(text);
}

bool Signer::has_signed_apart(std::string_view text, std::string_view signature) const {
  const auto verified = unless_untrusted([&] {
    return secret_->readers.verify_detached(spooled(text), spooled(signature), {}, kWhere);
  });
  return verified.has_value();
}

}  // namespace streamsync
