#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto/clearsign_framing.h"
#include "base/crypto/digest.h"
#include "base/crypto/keyring_file.h"
#include "base/error.h"
#include "base/io/spool.h"
#include "base/time.h"

namespace streamsync {

/// Whose good signatures were counted.
struct Signers {
  std::vector<std::string> fingerprints;  ///< of primary keys
  Time signed_at{};                       ///< by the newest of the signatures
};

/// A document and its text, which somebody vouched for. Only the functions below can make one, and
/// the parsers take nothing else, so unverified bytes can't reach them. Move-only; readers must not
/// outlive it.
class TrustedText {
 public:
  /// The text: of a clear-signed document exactly what OpenPGP hashed, else the document.
  std::unique_ptr<ByteSource> reader() const;
  /// The document as it came, with a signature that stands in it.
  const Spool& document() const noexcept { return document_; }
  /// None when it was taken unsigned.
  const std::optional<Signers>& signers() const noexcept { return signers_; }
  /// SHA-256 of the text as a clear-signed document has it, so that it is the same however and how
  /// often the text is signed.
  Digest digest() const;
  /// What the keyring found, to be kept with the document and given to the keyring that verifies
  /// it again; empty when it was taken unsigned. Reads the document.
  std::string examination_record() const;

 private:
  friend class Keyring;
  friend TrustedText accept_unverified(Spool document, std::string_view where);
  struct Evidence;
  TrustedText(Spool document, std::optional<ClearsignedParts> framing);

  Spool document_;
  std::optional<ClearsignedParts> framing_;
  std::optional<Signers> signers_;
  std::optional<Digest> digest_;
  std::shared_ptr<const Evidence> evidence_;
};

/// Who must have signed (`cli.md` §3: pinned_fingerprints, signature_threshold).
struct SignaturePolicy {
  std::vector<std::string> pinned_fingerprints;  ///< empty: any key of the keyring
  unsigned threshold = 1;                        ///< distinct good keys
};

/// A signature over another text, or one that was damaged.
class BadSignature : public Error {
 public:
  using Error::Error;
};

/// Public keys in a GnuPG home of their own: private, temporary, gone with the object; nothing of
/// the user's GnuPG is read (threats-and-faults.md T5). The home is made when GnuPG is first
/// needed, which it is not for a document that it has seen before. Not thread-safe.
class Keyring {
 public:
  /// Takes armored and binary files. Throws `Error{Config}` when it is missing or no file of keys.
  /// When GnuPG can use none of the keys, that is thrown by the first verification that asks it.
  explicit Keyring(const std::filesystem::path& file);
  /// Of keys that GnuPG has exported; `name` is for messages.
  static Keyring of_keys(std::string_view exported, std::string_view name = "of the signing key");
  ~Keyring();
  Keyring(Keyring&&) noexcept;
  Keyring& operator=(Keyring&&) noexcept;

  /// Verifies a clear-signed document (RFC 4880 §7). The framing must be exact: header at byte 0,
  /// one block, only Hash headers before the text, nothing but blanks and line ends after the
  /// footer (T1). GnuPG never sees the framing: it is given the text and the signature apart. Each
  /// signature is judged by its own status, never by an exit code (T2, T3): good and SHA-2, by a
  /// key of enough strength; unknown keys are not counted; one bad signature refuses the document.
  /// `where` names the document in messages. With the `record` of an earlier examination of the
  /// same bytes by the same keys GnuPG is not asked; framing and policy are looked at all the same.
  /// Throws `Error{Untrusted, Source}`.
  TrustedText verify_clearsigned(Spool document, const SignaturePolicy& policy,
                                 std::string_view where, std::string_view record = {}) const;

  /// The same for a document whose signature, armored or not, is in a file of its own. Throws
  /// `BadSignature` when the two do not fit.
  TrustedText verify_detached(Spool document, const Spool& signature, const SignaturePolicy& policy,
                              std::string_view where, std::string_view record = {}) const;

 private:
  struct Home;
  explicit Keyring(KeyringFile keys);
  Home& home() const;
  TrustedText verify_guessed(Spool document, ClearsignedParts guess,
                             const SignaturePolicy& policy) const;
  /// Whether `record` vouches for it.
  bool is_known(TrustedText& text, std::optional<Digest> signature, const SignaturePolicy& policy,
                std::string_view record) const;
  void vouch_for_framed(TrustedText& text, const SignaturePolicy& policy) const;
  /// Gives `text` its signers.
  std::shared_ptr<TrustedText::Evidence> examine(ByteSource& bytes, ByteSource& signature,
                                                 const SignaturePolicy& policy,
                                                 TrustedText& text) const;
  static Digest seal_of(const TrustedText::Evidence& evidence, const Spool& document);
  friend class TrustedText;
  KeyringFile keys_;
  Digest digest_;
  mutable std::unique_ptr<Home> home_;
};

/// For sources that the operator takes unsigned (`allow_unsigned`, `--no-verify`): the text of a
/// clear-signed document, any other as it is. Throws `Error{Malformed, Source}` for bad framing.
TrustedText accept_unverified(Spool document, std::string_view where);

/// Whether the document begins with the header of a clear-signed message.
bool is_clearsigned(const Spool& document);

}  // namespace streamsync
