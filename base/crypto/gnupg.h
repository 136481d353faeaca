#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto/keyring_file.h"
#include "base/crypto/signature_judgement.h"
#include "base/io/bytes.h"

namespace streamsync {

/// How a signature goes with its text.
enum class SignatureForm { Clear, Detached };

/// What gpg does for us, by GPGME: verifies in a home that is ours (`GnupgHome`), signs in the
/// user's. One for all that is done in a home: GPGME starts gpg for its version whenever it is told
/// of one. All of it throws `Error{Config, Local}` when gpg itself does not work, which says
/// nothing about keys and signatures. One thread at a time.
class Gnupg {
 public:
  explicit Gnupg(const std::filesystem::path& home);
  /// In the user's own home, which is where gpg finds it.
  Gnupg();
  ~Gnupg();
  Gnupg(const Gnupg&) = delete;
  Gnupg& operator=(const Gnupg&) = delete;

  /// Takes armored and binary files; gives every key that may sign, primary keys and subkeys.
  /// Throws `Error{Config}` when it holds no public key.
  std::vector<SigningKey> import_keys(const KeyringFile& keyring);

  std::vector<SigningKey> import_keys(std::string_view exported);

  /// From now on `sign` uses this secret key, given by the fingerprint of its primary key; gives
  /// its public part. Throws `Error{Config, Config}` when it is not there, or may not sign now.
  std::string choose_secret_key(const std::string& fingerprint);

  /// `text` with its signature, or the signature alone, armored. Asks nobody for a passphrase: that
  /// is an `Error{Denied, Local}`, as is all else that keeps the key from signing.
  std::string sign(std::string_view text, SignatureForm form);

  /// What gpg says of each signature over `text`; to be judged, none is refused here. Throws
  /// `Error{Untrusted, Source}` when `signature` holds none, and what the sources throw.
  std::vector<Signature> examine_signatures(ByteSource& text, ByteSource& signature);

 private:
  struct Session;
  std::unique_ptr<Session> session_;
};

}  // namespace streamsync
