#include "base/crypto/signature_judgement.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace streamsync {
namespace {

constexpr std::chrono::hours kClockSkew{24};

bool is_pinned(const SigningKey& key, const std::vector<std::string>& pins) {
  return pins.empty() || std::any_of(pins.begin(), pins.end(), [&](const std::string& pin) {
           const std::string bare = bare_fingerprint(pin);
           return bare == key.fingerprint || bare == key.primary;
         });
}

bool is_strong_digest(std::string_view name) {
  constexpr std::array<std::string_view, 3> kStrong = {"SHA256", "SHA384", "SHA512"};
  return std::find(kStrong.begin(), kStrong.end(), name) != kStrong.end();
}

/// Why a signature does not count, as the end of "the signature by X …"; none when it counts.
using Objection = std::optional<std::string>;

Objection objection_by_status(const Signature& signature) {
  switch (signature.status) {
    case SignatureStatus::Good:
      return std::nullopt;
    case SignatureStatus::Bad:
      return "is bad: the text or the signature was changed";
    case SignatureStatus::Expired:
      return "has expired";
    case SignatureStatus::KeyExpired:
      return "is by a key that has expired";
    case SignatureStatus::KeyRevoked:
      return "is by a key that was revoked";
    case SignatureStatus::UnknownKey:
      return "is by a key that is not in the keyring";
    case SignatureStatus::Unusable:
      return "can't be checked: " + signature.detail;
  }
  return "can't be checked";
}

Objection objection_by_key(const SigningKey* key, const SignaturePolicy& policy) {
  if (key == nullptr) return "is by a key that is not in the keyring";
  if (!key->weakness.empty()) {
    return fmt::format("is by a key that is too weak, {}", key->weakness);
  }
  if (!is_pinned(*key, policy.pinned_fingerprints)) {
    return "is by a key that is not among the pinned fingerprints";
  }
  return std::nullopt;
}

Objection objection(const Signature& signature, const SigningKey* key,
                    const SignaturePolicy& policy, Time now) {
  if (auto reason = objection_by_status(signature)) return reason;
  if (!is_strong_digest(signature.digest)) {
    return fmt::format("is made with the digest {}, which is too weak", signature.digest);
  }
  if (signature.made > now + kClockSkew) {
    return fmt::format("is dated in the future, {}; is the clock of this machine right?",
                       to_rfc3339(signature.made));
  }
  return objection_by_key(key, policy);
}

const SigningKey* find_key(const std::vector<SigningKey>& keys, const std::string& fingerprint) {
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const SigningKey& key) {
    return key.fingerprint == fingerprint;
  });
  return found == keys.end() ? nullptr : &*found;
}

std::string sentence(const Signature& signature, const std::string& reason) {
  return fmt::format("the signature by {} {}", signature.key, reason);
}

void refuse_bad(const Signature& signature) {
  if (signature.status != SignatureStatus::Bad) return;
  throw BadSignature(ErrorKind::Untrusted, Origin::Source,
                     sentence(signature, objection_by_status(signature).value()));
}

void add_distinct(std::vector<std::string>& signers, const std::string& primary) {
  if (std::find(signers.begin(), signers.end(), primary) == signers.end()) {
    signers.push_back(primary);
  }
}

std::string too_few(std::size_t counted, unsigned wanted, const std::vector<std::string>& reasons) {
  if (reasons.empty() && counted == 0) return "there is no signature";
  std::string text = fmt::format("{} of {} wanted signatures are good", counted, wanted);
  for (const std::string& reason : reasons) text += "; " + reason;
  return text;
}

}  // namespace

std::string bare_fingerprint(std::string_view written) {
  if (written.starts_with("0x") || written.starts_with("0X")) written.remove_prefix(2);
  std::string bare;
  for (const char c : written) {
    if (c == ' ' || c == ':') continue;
    bare += c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return bare;
}

Signers judge_signatures(const Examination& examination, const SignaturePolicy& policy, Time now) {
  const auto& signatures = examination.signatures;
  std::for_each(signatures.begin(), signatures.end(), refuse_bad);
  Signers signers;
  std::vector<std::string> reasons;
  for (const Signature& signature : signatures) {
    const SigningKey* key = find_key(examination.keys, signature.key);
    if (const Objection reason = objection(signature, key, policy, now)) {
      reasons.push_back(sentence(signature, *reason));
    } else {
      add_distinct(signers.fingerprints, key->primary);
      signers.signed_at = std::max(signers.signed_at, signature.made);
    }
  }
  const unsigned wanted = std::max(policy.threshold, 1U);
  if (signers.fingerprints.size() < wanted) {
    throw Error(ErrorKind::Untrusted, Origin::Source,
                too_few(signers.fingerprints.size(), wanted, reasons));
  }
  return signers;
}

}  // namespace streamsync
