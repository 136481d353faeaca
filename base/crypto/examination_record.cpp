#include "base/crypto/examination_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"

namespace streamsync {
namespace {

using Field = std::string_view;

const SigningKey* find_key(const Examination& examination, std::string_view fingerprint) {
  const auto found =
      std::find_if(examination.keys.begin(), examination.keys.end(),
                   [&](const SigningKey& key) { return key.fingerprint == fingerprint; });
  return found == examination.keys.end() ? nullptr : &*found;
}

// Of the signature and its key, whichever is first. 0: never.
Time::rep expiry_of(const Signature& signature, const SigningKey& key) {
  constexpr Time kNever = Time::max();
  const Time first = std::min(signature.expires.value_or(kNever), key.expires.value_or(kNever));
  return first == kNever ? 0 : first.time_since_epoch().count();
}

std::optional<Time> parse_time(Field field) {
  const auto seconds = parse_decimal(field);
  if (!seconds) return std::nullopt;
  return Time(std::chrono::seconds(*seconds));
}

// As `record_examination` writes it: key, primary key, digest, time, expiry.
bool take_signature(const std::vector<Field>& fields, Time now, Examination& into) {
  constexpr std::size_t kFields = 5;
  if (fields.size() != kFields) return false;
  const auto made = parse_time(fields[3]);
  const auto expires = parse_time(fields[4]);
  if (!made || !expires) return false;
  const bool is_limited = expires->time_since_epoch().count() != 0;
  if (is_limited && *expires <= now) return false;
  Signature signature;
  signature.key = fields[0];
  signature.status = SignatureStatus::Good;
  signature.digest = fields[2];
  signature.made = *made;
  if (is_limited) signature.expires = expires;
  into.keys.push_back({signature.key, std::string(fields[1]), {}, signature.expires});
  into.signatures.push_back(std::move(signature));
  return true;
}

}  // namespace

std::string record_examination(const Digest& seal, const Examination& examination) {
  std::string line = seal.hex();
  for (const Signature& signature : examination.signatures) {
    const SigningKey* key = find_key(examination, signature.key);
    const bool is_good = signature.status == SignatureStatus::Good && key != nullptr;
    if (!is_good || !key->weakness.empty()) continue;
    line += fmt::format(" {},{},{},{},{}", key->fingerprint, key->primary, signature.digest,
                        signature.made.time_since_epoch().count(), expiry_of(signature, *key));
  }
  return line;
}

std::optional<Examination> recorded_examination(std::string_view line, const Digest& seal,
                                                Time now) {
  const auto words = split(line, ' ');
  if (words.size() < 2 || words.front() != seal.hex()) return std::nullopt;
  Examination examination;
  for (std::size_t word = 1; word < words.size(); ++word) {
    if (!take_signature(split(words[word], ','), now, examination)) return std::nullopt;
  }
  return examination;
}

}  // namespace streamsync
