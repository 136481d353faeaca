#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "base/crypto/signature_judgement.h"
#include "base/io/bytes.h"

namespace streamsync {

/// What gpg does for us, by GPGME, in a home that is ours (`GnupgHome`). One for all that is done
/// in a home: GPGME starts gpg for its version whenever it is told of one. All of it throws
/// `Error{Config, Local}` when gpg itself does not work, which says nothing about keys and
/// signatures. One thread at a time.
class Gnupg {
 public:
  explicit Gnupg(const std::filesystem::path& home);
  ~Gnupg();
  Gnupg(const Gnupg&) = delete;
  Gnupg& operator=(const Gnupg&) = delete;

  /// Takes armored and binary files; gives every key that may sign, primary keys and subkeys.
  /// Throws `Error{Config}` when it can't be read or holds no public key.
  std::vector<SigningKey> import_keys(const std::filesystem::path& file);

  /// What gpg says of each signature over `text`; to be judged, none is refused here. Throws
  /// `Error{Untrusted, Source}` when `signature` holds none, and what the sources throw.
  std::vector<Signature> examine_signatures(ByteSource& text, ByteSource& signature);

 private:
  struct Session;
  std::unique_ptr<Session> session_;
};

}  // namespace streamsync
