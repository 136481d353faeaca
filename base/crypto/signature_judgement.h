#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto/openpgp.h"
#include "base/time.h"

namespace streamsync {

enum class SignatureStatus { Good, Bad, Expired, KeyExpired, KeyRevoked, UnknownKey, Unusable };

/// What OpenPGP says about one signature of a document.
struct Signature {
  std::string key;  ///< fingerprint of the key that made it, or its id when the key is unknown
  SignatureStatus status = SignatureStatus::Unusable;
  std::string digest;  ///< "SHA256"
  Time made{};
  std::optional<Time> expires{};
  std::string detail;  ///< why it is unusable
};

/// A key that may sign, primary or subkey.
struct SigningKey {
  std::string fingerprint;
  std::string primary;   ///< fingerprint of the key it belongs to, maybe itself
  std::string weakness;  ///< "RSA of 1024 bits"; empty when it and its primary key are strong
  std::optional<Time> expires{};  ///< it or its primary key, whichever is first
};

/// All that GnuPG can say of the signatures of one document.
struct Examination {
  std::vector<Signature> signatures;
  std::vector<SigningKey> keys;
};

/// As GnuPG has them; people write fingerprints in groups, with "0x" and in either case.
std::string bare_fingerprint(std::string_view written);

/// Decides which signatures count (threats-and-faults.md T2, T3, T9): the distinct keys behind
/// them, and when the newest was made. Throws `Error{Untrusted, Source}` when one signature is bad,
/// or when fewer keys than the policy asks for are left, with the reason for each that does not
/// count.
Signers judge_signatures(const Examination& examination, const SignaturePolicy& policy, Time now);

}  // namespace streamsync
