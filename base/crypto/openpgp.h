#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/io/spool.h"
#include "base/time.h"

namespace streamsync {

/// Text that somebody vouched for. Only the functions below can make one, and the parsers take
/// nothing else, so unverified bytes can't reach them.
class TrustedText {
 public:
  std::unique_ptr<ByteSource> reader() const { return text_.reader(); }
  std::uint64_t size() const noexcept { return text_.size(); }
  /// Fingerprints (of primary keys) whose good signatures were counted; empty when taken unsigned.
  const std::vector<std::string>& signed_by() const noexcept { return signed_by_; }

 private:
  friend class Keyring;
  friend TrustedText accept_unverified(const Spool& document, std::string_view where);
  TrustedText(Spool text, std::vector<std::string> signed_by)
      : text_(std::move(text)), signed_by_(std::move(signed_by)) {}
  Spool text_;
  std::vector<std::string> signed_by_;
};

/// Who must have signed (`cli.md` §3: pinned_fingerprints, signature_threshold).
struct SignaturePolicy {
  std::vector<std::string> pinned_fingerprints;  ///< empty: any key of the keyring
  unsigned threshold = 1;                        ///< distinct good keys
};

/// Public keys in a GnuPG home of their own: private, temporary, gone with the object; nothing of
/// the user's GnuPG is read (threats-and-faults.md T5). Not thread-safe.
class Keyring {
 public:
  /// Takes armored and binary files. Throws `Error{Config}` when it is missing or holds no key.
  explicit Keyring(const std::filesystem::path& file);
  ~Keyring();
  Keyring(Keyring&&) noexcept;
  Keyring& operator=(Keyring&&) noexcept;

  /// Verifies a clear-signed document (RFC 4880 §7) and returns the text that was signed, as GPGME
  /// gives it, never the input. The framing must be exact: header at byte 0, one block, only Hash
  /// headers before the text, nothing but blanks and line ends after the footer (T1). Each
  /// signature is judged by its own status, never by an exit code (T2, T3): good and SHA-2, by a
  /// key of enough strength; unknown keys are not counted; one bad signature refuses the document.
  /// `where` names the document in messages. Throws `Error{Untrusted, Source}`.
  TrustedText verify_clearsigned(const Spool& document, const SignaturePolicy& policy,
                                 std::string_view where) const;

 private:
  struct Home;
  std::unique_ptr<Home> home_;
};

/// For sources that the operator takes unsigned (`allow_unsigned`, `--no-verify`): a clear-signed
/// document loses its framing, any other is taken as it is.
TrustedText accept_unverified(const Spool& document, std::string_view where);

/// Whether the document begins with the header of a clear-signed message.
bool is_clearsigned(const Spool& document);

}  // namespace streamsync
