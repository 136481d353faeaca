#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace streamsync {

/// Signs with a secret key of the user's own GnuPG home, without ever asking anybody for a
/// passphrase, and knows its own signatures again. One thread at a time.
class Signer {
 public:
  /// The key, by the fingerprint of its primary key. Signs something and verifies it as a reader
  /// would, so that what keeps the key from signing, or readers from taking what it signs, is known
  /// before anything is done. Throws `Error{Config}`.
  explicit Signer(const std::string& fingerprint);
  ~Signer();
  Signer(Signer&&) noexcept;
  Signer& operator=(Signer&&) noexcept;

  /// What a `.sjson` holds (RFC 4880 §7). Throws `Error{Denied, Local}` when the key does not sign
  /// any more.
  std::string clearsign(std::string_view text);
  /// What a `.json.gpg` holds, armored. Throws as `clearsign`.
  std::string sign_apart(std::string_view text);

  /// The text of a message that this key has clear-signed, without the end of its last line, which
  /// is not signed; none for any other message.
  std::optional<std::string> text_of(std::string_view message) const;
  bool has_clearsigned(std::string_view text, std::string_view message) const;
  bool has_signed_apart(std::string_view text, std::string_view signature) const;

 private:
  struct Secret;
  std::unique_ptr<Secret> secret_;
};

}  // namespace streamsync
