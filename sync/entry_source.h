#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include "base/http/http_client.h"
#include "streams/source.h"
#include "sync/catalog.h"
#include "sync/config.h"

namespace streamsync {

/// The bases of one entry, each a mirror reached over the entry's own HTTP client: its CA, its
/// proxy, its timeouts. Sources and clouds never share one.
class EntrySource {
 public:
  EntrySource(const MirrorEntry& entry, Verification verification, const Config& config,
              std::stop_token stop);

  const std::vector<std::unique_ptr<Source>>& bases() const noexcept { return bases_; }
  /// The base that gave the documents first, then the others.
  std::vector<Source*> preferring(std::size_t base) const;

 private:
  HttpClient http_;
  std::vector<std::unique_ptr<Source>> bases_;
};

/// Keyring and rules of an entry. `--no-verify` leaves the keyring out.
TrustPolicy trust_policy_of(const MirrorEntry& entry, Verification verification);

/// What the trust state calls an entry: the same whichever base answers (`cli.md` §4.8).
std::string trust_key_of(const MirrorEntry& entry);

}  // namespace streamsync
