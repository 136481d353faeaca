#include "base/crypto/openpgp.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gpgme.h>

#include <array>
#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>

#include "base/crypto/clearsign_framing.h"
#include "base/crypto/gnupg_home.h"
#include "base/crypto/signature_judgement.h"
#include "base/error.h"
#include "base/io/file_descriptor.h"

namespace streamsync {
namespace {

struct ContextDeleter {
  void operator()(gpgme_ctx_t context) const noexcept { gpgme_release(context); }
};
using Context = std::unique_ptr<gpgme_context, ContextDeleter>;

struct DataDeleter {
  void operator()(gpgme_data_t data) const noexcept { gpgme_data_release(data); }
};
using Data = std::unique_ptr<gpgme_data, DataDeleter>;

struct KeyDeleter {
  void operator()(gpgme_key_t key) const noexcept { gpgme_key_unref(key); }
};
using Key = std::unique_ptr<_gpgme_key, KeyDeleter>;

/// gpg itself does not work; says nothing about keys and signatures.
Error engine_failure(gpgme_error_t code) {
  return Error(ErrorKind::Config, Origin::Local,
               fmt::format("GnuPG fails: {}; is gpg installed?", gpgme_strerror(code)));
}

void require_engine(gpgme_error_t code) {
  if (gpgme_err_code(code) != GPG_ERR_NO_ERROR) throw engine_failure(code);
}

bool is_engine_failure(gpgme_error_t code) {
  const gpgme_err_code_t reason = gpgme_err_code(code);
  return reason == GPG_ERR_INV_ENGINE || reason == GPG_ERR_ENOMEM || reason == GPG_ERR_EMFILE ||
         reason == GPG_ERR_ENFILE || reason == GPG_ERR_EAGAIN;
}

Context make_context(const std::filesystem::path& home) {
  // Initialises the library, without which no other call works; may be repeated.
  gpgme_check_version(nullptr);
  gpgme_ctx_t raw = nullptr;
  require_engine(gpgme_new(&raw));
  Context context(raw);
  require_engine(gpgme_set_protocol(raw, GPGME_PROTOCOL_OpenPGP));
  require_engine(
      gpgme_ctx_set_engine_info(raw, GPGME_PROTOCOL_OpenPGP, nullptr, home.string().c_str()));
  require_engine(gpgme_set_ctx_flag(raw, "trust-model", "always"));
  gpgme_set_offline(raw, 1);
  return context;
}

Error unusable_keyring(const std::filesystem::path& file, std::string_view why) {
  return Error(ErrorKind::Config, Origin::Config,
               fmt::format("keyring {}: {}", file.string(), why));
}

void import_keys(const std::filesystem::path& home, const std::filesystem::path& file) {
  // Read here, not by gpg: some characters of a path mean something to it (T5).
  const FileDescriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!opened.is_open()) throw unusable_keyring(file, std::generic_category().message(errno));
  const Context context = make_context(home);
  gpgme_data_t raw = nullptr;
  require_engine(gpgme_data_new_from_fd(&raw, opened.get()));
  const Data keys(raw);
  const gpgme_error_t code = gpgme_op_import(context.get(), keys.get());
  if (is_engine_failure(code)) throw engine_failure(code);
  if (gpgme_err_code(code) != GPG_ERR_NO_ERROR) throw unusable_keyring(file, gpgme_strerror(code));
}

/// What factoring or a discrete logarithm on today's machines may reach. Curves have no such sizes.
std::string weakness_of(const _gpgme_subkey& key) {
  constexpr unsigned kFewestBits = 2048;
  const bool is_sized = key.pubkey_algo == GPGME_PK_RSA || key.pubkey_algo == GPGME_PK_RSA_S ||
                        key.pubkey_algo == GPGME_PK_DSA;
  if (!is_sized || key.length >= kFewestBits) return {};
  return fmt::format("{} of {} bits", gpgme_pubkey_algo_name(key.pubkey_algo), key.length);
}

void add_signing_keys(const _gpgme_key& key, std::vector<SigningKey>& out) {
  const std::string primary_weakness = weakness_of(*key.subkeys);
  for (gpgme_subkey_t subkey = key.subkeys; subkey != nullptr; subkey = subkey->next) {
    // Who breaks the primary key can give it any subkey.
    const std::string weakness = primary_weakness.empty() ? weakness_of(*subkey) : primary_weakness;
    out.push_back({subkey->fpr, key.subkeys->fpr, weakness});
  }
}

std::vector<SigningKey> list_keys(const std::filesystem::path& home) {
  const Context context = make_context(home);
  std::vector<SigningKey> keys;
  require_engine(gpgme_op_keylist_start(context.get(), nullptr, 0));
  for (;;) {
    gpgme_key_t raw = nullptr;
    const gpgme_error_t code = gpgme_op_keylist_next(context.get(), &raw);
    if (gpgme_err_code(code) == GPG_ERR_EOF) return keys;
    require_engine(code);
    const Key key(raw);
    add_signing_keys(*key, keys);
  }
}

/// A source as GPGME's callback sees it. An exception must not pass through C code: it is kept here
/// and thrown after the operation.
struct Feed {
  ByteSource& bytes;
  std::exception_ptr failure{};
};

gpgme_ssize_t give(void* handle, void* buffer, std::size_t size) noexcept {
  auto& feed = *static_cast<Feed*>(handle);
  try {
    return static_cast<gpgme_ssize_t>(
        feed.bytes.read(MutableBytes(static_cast<std::byte*>(buffer), size)));
  } catch (...) {
    feed.failure = std::current_exception();
    errno = EIO;
    return -1;
  }
}

Data make_data(gpgme_data_cbs& callbacks, Feed& feed) {
  gpgme_data_t raw = nullptr;
  require_engine(gpgme_data_new_from_cbs(&raw, &callbacks, &feed));
  Data data(raw);
  // GPGME's own 512 bytes a system call cost more than the hashing.
  require_engine(gpgme_data_set_flag(raw, "io-buffer-size", "65536"));
  return data;
}

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

SignatureStatus status_of(gpgme_error_t code) {
  switch (static_cast<int>(gpgme_err_code(code))) {
    case GPG_ERR_NO_ERROR:
      return SignatureStatus::Good;
    case GPG_ERR_BAD_SIGNATURE:
      return SignatureStatus::Bad;
    case GPG_ERR_SIG_EXPIRED:
      return SignatureStatus::Expired;
    case GPG_ERR_KEY_EXPIRED:
      return SignatureStatus::KeyExpired;
    case GPG_ERR_CERT_REVOKED:
      return SignatureStatus::KeyRevoked;
    case GPG_ERR_NO_PUBKEY:
      return SignatureStatus::UnknownKey;
    default:
      return SignatureStatus::Unusable;
  }
}

std::string text_of(const char* text, std::string_view otherwise) {
  return std::string(text == nullptr ? otherwise : text);
}

Signature signature_of(const _gpgme_signature& given) {
  Signature signature;
  signature.key = text_of(given.fpr, "an unnamed key");
  signature.status = status_of(given.status);
  signature.digest = text_of(gpgme_hash_algo_name(given.hash_algo), "(unknown)");
  signature.made = Time(std::chrono::seconds(given.timestamp));
  signature.detail = gpgme_strerror(given.status);
  if (given.wrong_key_usage != 0 && signature.status == SignatureStatus::Good) {
    signature.status = SignatureStatus::Unusable;
    signature.detail = "its key is not for signing";
  }
  return signature;
}

std::vector<Signature> signatures_of(gpgme_ctx_t context) {
  std::vector<Signature> signatures;
  const gpgme_verify_result_t result = gpgme_op_verify_result(context);
  if (result == nullptr) return signatures;
  for (gpgme_signature_t given = result->signatures; given != nullptr; given = given->next) {
    signatures.push_back(signature_of(*given));
  }
  return signatures;
}

std::vector<Signature> verify(const std::filesystem::path& home, ByteSource& text,
                              ByteSource& signature) {
  const Context context = make_context(home);
  Feed text_feed{text};
  Feed signature_feed{signature};
  gpgme_data_cbs callbacks{give, nullptr, nullptr, nullptr};
  const Data signature_data = make_data(callbacks, signature_feed);
  const Data text_data = make_data(callbacks, text_feed);
  const gpgme_error_t code =
      gpgme_op_verify(context.get(), signature_data.get(), text_data.get(), nullptr);
  for (const auto& failure : {text_feed.failure, signature_feed.failure}) {
    if (failure != nullptr) std::rethrow_exception(failure);
  }
  if (is_engine_failure(code)) throw engine_failure(code);
  if (gpgme_err_code(code) != GPG_ERR_NO_ERROR) {
    throw Error(ErrorKind::Untrusted, Origin::Source,
                fmt::format("GnuPG can't verify it: {}", gpgme_strerror(code)));
  }
  return signatures_of(context.get());
}

ClearsignedParts require_framing(const Spool& document) {
  if (!is_clearsigned(document)) {
    throw Error(ErrorKind::Untrusted, Origin::Source,
                "it is not signed: a clear-signed document is wanted");
  }
  auto parsed = parse_clearsigned(*document.reader());
  if (const auto* fault = std::get_if<FramingFault>(&parsed)) {
    throw Error(ErrorKind::Untrusted, Origin::Source, "unsafe framing, " + fault->what);
  }
  return std::get<ClearsignedParts>(std::move(parsed));
}

}  // namespace

struct Keyring::Home {
  GnupgHome directory;
  std::vector<SigningKey> keys;
};

Keyring::Keyring(const std::filesystem::path& file) : home_(std::make_unique<Home>()) {
  const std::filesystem::path& directory = home_->directory.path();
  import_keys(directory, file);
  home_->keys = list_keys(directory);
  if (home_->keys.empty()) throw unusable_keyring(file, "it holds no public key");
}

Keyring::~Keyring() = default;
Keyring::Keyring(Keyring&&) noexcept = default;
Keyring& Keyring::operator=(Keyring&&) noexcept = default;

TrustedText Keyring::verify_clearsigned(Spool document, const SignaturePolicy& policy,
                                        std::string_view where) const {
  return with_context(where, [&] {
    auto framing = require_framing(document);
    const std::string armor = framing.signature;
    TextSource signature(armor);
    TrustedText text(std::move(document), std::move(framing));
    vouch(text, signature, policy);
    return text;
  });
}

TrustedText Keyring::verify_detached(Spool document, const Spool& signature,
                                     const SignaturePolicy& policy, std::string_view where) const {
  return with_context(where, [&] {
    TrustedText text(std::move(document), std::nullopt);
    vouch(text, *signature.reader(), policy);
    return text;
  });
}

void Keyring::vouch(TrustedText& text, ByteSource& signature, const SignaturePolicy& policy) const {
  const auto reader = text.reader();
  DigestingSource digesting(*reader);
  const auto signatures = verify(home_->directory.path(), digesting, signature);
  text.signers_ = judge_signatures(signatures, home_->keys, policy, now());
  if (text.framing_) text.digest_ = digesting.finish();
}

TrustedText::TrustedText(Spool document, std::optional<ClearsignedParts> framing)
    : document_(std::move(document)), framing_(std::move(framing)) {}

std::unique_ptr<ByteSource> TrustedText::reader() const {
  if (!framing_) return document_.reader();
  return std::make_unique<ClearsignedText>(document_.reader(), *framing_);
}

Digest TrustedText::digest() const {
  if (digest_) return *digest_;
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
