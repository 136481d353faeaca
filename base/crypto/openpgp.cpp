#include "base/crypto/openpgp.h"

#include <fmt/format.h>

#include <array>
#include <future>
#include <utility>

#include "base/crypto/clearsign_framing.h"
#include "base/crypto/examination_record.h"
#include "base/crypto/gnupg.h"
#include "base/crypto/gnupg_home.h"
#include "base/crypto/signature_judgement.h"
#include "base/error.h"

namespace streamsync {
namespace {

/// Hashes what passes.
class DigestingSource final : public ByteSource {
 public:
  explicit DigestingSource(ByteSource& bytes) : bytes_(bytes) {}
  std::size_t read(MutableBytes buffer) override {
    const std::size_t size = bytes_.read(buffer);
    hasher_.update(Bytes(buffer).first(size));
    return size;
  }
  Digest finish() { return hasher_.finish(); }

 private:
  ByteSource& bytes_;
  Hasher hasher_{DigestAlgorithm::Sha256};
};

void require_clearsigned(const Spool& document) {
  if (is_clearsigned(document)) return;
  throw Error(ErrorKind::Untrusted, Origin::Source,
              "it is not signed: a clear-signed document is wanted");
}

ClearsignedParts require_framing(const Spool& document) {
  auto parsed = parse_clearsigned(*document.reader());
  if (const auto* fault = std::get_if<FramingFault>(&parsed)) {
    throw Error(ErrorKind::Untrusted, Origin::Source, "unsafe framing, " + fault->what);
  }
  return std::get<ClearsignedParts>(std::move(parsed));
}

void require_same(const ClearsignedParts& one, const ClearsignedParts& other) {
  if (one.text_begin == other.text_begin && one.text_end == other.text_end &&
      one.signature == other.signature) {
    return;
  }
  throw Error(ErrorKind::Untrusted, Origin::Source,
              "unsafe framing, its parts can't be told apart");
}

/// Without the end of the last line, which is not signed.
std::unique_ptr<ByteSource> verbatim_text(const Spool& document, const ClearsignedParts& parts) {
  const bool is_empty = parts.text_end == parts.text_begin;
  return document.reader(parts.text_begin, parts.text_end - (is_empty ? 0 : 1));
}

}  // namespace

/// What the keyring found, and in what.
struct TrustedText::Evidence {
  Digest keyring;
  std::optional<Digest> signature;  ///< none when it stands in the document
  Examination examination;
  std::string record;  ///< known from before
};

struct Keyring::Home {
  explicit Home(const KeyringFile& file) : keys(gpg.import_keys(file)) {}

  GnupgHome directory;
  Gnupg gpg{directory.path()};
  std::vector<SigningKey> keys;
};

Keyring::Keyring(KeyringFile keys)
    : keys_(std::move(keys)), digest_(digest_of(DigestAlgorithm::Sha256, keys_.content)) {
  // Not when a home is made: for documents that are known none is.
  GnupgHome::remove_abandoned();
}

Keyring::Keyring(const std::filesystem::path& file) : Keyring(read_keyring(file)) {}

Keyring Keyring::of_keys(std::string_view exported, std::string_view name) {
  return Keyring(KeyringFile{name, std::string(exported)});
}

Keyring::Home& Keyring::home() const {
  if (!home_) home_ = std::make_unique<Home>(keys_);
  return *home_;
}

Keyring::~Keyring() = default;
Keyring::Keyring(Keyring&&) noexcept = default;
Keyring& Keyring::operator=(Keyring&&) noexcept = default;

TrustedText Keyring::verify_clearsigned(Spool document, const SignaturePolicy& policy,
                                        std::string_view where, std::string_view record) const {
  return with_context(where, [&] {
    require_clearsigned(document);
    if (!record.empty()) {
      auto parts = require_framing(document);
      TrustedText text(std::move(document), std::move(parts));
      if (!is_known(text, std::nullopt, policy, record)) vouch_for_framed(text, policy);
      return text;
    }
    if (auto guess = guess_parts(document)) {
      return verify_guessed(std::move(document), std::move(*guess), policy);
    }
    ClearsignedParts parts = require_framing(document);
    TrustedText text(std::move(document), std::move(parts));
    vouch_for_framed(text, policy);
    return text;
  });
}

// GnuPG hashes while the framing is checked: with large documents each takes its time.
TrustedText Keyring::verify_guessed(Spool document, ClearsignedParts guess,
                                    const SignaturePolicy& policy) const {
  TrustedText text(std::move(document), std::move(guess));
  auto vouched = std::async([&] { vouch_for_framed(text, policy); });
  ClearsignedParts parts = require_framing(text.document());
  require_same(parts, *text.framing_);
  vouched.get();
  text.framing_ = std::move(parts);
  return text;
}

TrustedText Keyring::verify_detached(Spool document, const Spool& signature,
                                     const SignaturePolicy& policy, std::string_view where,
                                     std::string_view record) const {
  return with_context(where, [&] {
    TrustedText text(std::move(document), std::nullopt);
    const Digest apart = digest_of(DigestAlgorithm::Sha256, *signature.reader());
    if (is_known(text, apart, policy, record)) return text;
    auto evidence = examine(*text.reader(), *signature.reader(), policy, text);
    evidence->signature = apart;
    text.evidence_ = std::move(evidence);
    return text;
  });
}

bool Keyring::is_known(TrustedText& text, std::optional<Digest> signature,
                       const SignaturePolicy& policy, std::string_view record) const {
  if (record.empty()) return false;
  TrustedText::Evidence evidence{digest_, std::move(signature), {}, std::string(record)};
  auto digest = std::async([&text] { return text.digest(); });
  auto known = recorded_examination(record, seal_of(evidence, text.document()), now());
  text.digest_ = digest.get();
  if (!known) return false;
  text.signers_ = judge_signatures(*known, policy, now());
  evidence.examination = std::move(*known);
  text.evidence_ = std::make_shared<const TrustedText::Evidence>(std::move(evidence));
  return true;
}

void Keyring::vouch_for_framed(TrustedText& text, const SignaturePolicy& policy) const {
  const auto reader = text.reader();
  DigestingSource digesting(*reader);
  TextSource signature(text.framing_->signature);
  text.evidence_ = examine(digesting, signature, policy, text);
  text.digest_ = digesting.finish();
}

std::shared_ptr<TrustedText::Evidence> Keyring::examine(ByteSource& bytes, ByteSource& signature,
                                                        const SignaturePolicy& policy,
                                                        TrustedText& text) const {
  Examination examination{home().gpg.examine_signatures(bytes, signature), home().keys};
  text.signers_ = judge_signatures(examination, policy, now());
  return std::make_shared<TrustedText::Evidence>(
      TrustedText::Evidence{digest_, std::nullopt, std::move(examination), {}});
}

Digest Keyring::seal_of(const TrustedText::Evidence& evidence, const Spool& document) {
  const Digest text = digest_of(DigestAlgorithm::Sha256, *document.reader());
  const std::string apart = evidence.signature ? evidence.signature->hex() : "none";
  return digest_of(DigestAlgorithm::Sha256, evidence.keyring.hex() + text.hex() + apart);
}

std::string TrustedText::examination_record() const {
  if (!evidence_) return {};
  if (!evidence_->record.empty()) return evidence_->record;
  return record_examination(Keyring::seal_of(*evidence_, document_), evidence_->examination);
}

TrustedText::TrustedText(Spool document, std::optional<ClearsignedParts> framing)
    : document_(std::move(document)), framing_(std::move(framing)) {}

std::unique_ptr<ByteSource> TrustedText::reader() const {
  if (!framing_) return document_.reader();
  if (framing_->is_verbatim) return verbatim_text(document_, *framing_);
  return std::make_unique<ClearsignedText>(document_.reader(), *framing_);
}

Digest TrustedText::digest() const {
  if (digest_) return *digest_;
  if (framing_ && framing_->is_verbatim) {
    return digest_of(DigestAlgorithm::Sha256, *verbatim_text(document_, *framing_));
  }
  const ClearsignedParts whole{0, document_.size(), {}};
  ClearsignedText text(document_.reader(), framing_.value_or(whole));
  return digest_of(DigestAlgorithm::Sha256, text);
}

TrustedText accept_unverified(Spool document, std::string_view where) {
  if (!is_clearsigned(document)) return {std::move(document), std::nullopt};
  auto parsed = parse_clearsigned(*document.reader());
  if (const auto* fault = std::get_if<FramingFault>(&parsed)) {
    throw Error(ErrorKind::Malformed, Origin::Source, fmt::format("{}: {}", where, fault->what));
  }
  return {std::move(document), std::get<ClearsignedParts>(std::move(parsed))};
}

bool is_clearsigned(const Spool& document) {
  std::array<std::byte, kClearsignHeader.size()> buffer;
  const auto reader = document.reader();
  std::size_t filled = 0;
  while (const std::size_t count = reader->read(MutableBytes(buffer).subspan(filled))) {
    filled += count;
    if (filled == buffer.size()) break;
  }
  return as_text(Bytes(buffer).first(filled)) == kClearsignHeader;
}

}  // namespace streamsync
