#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include "base/http/http_client.h"
#include "base/http/rate_limit.h"
#include "streams/source.h"
#include "sync/catalog.h"
#include "sync/config.h"

namespace streamsync {

/// The bases of one entry, each a mirror reached over the entry's own HTTP client: its CA, its
/// proxy, its timeouts. Sources and clouds never share one.
class EntrySource {
 public:
  /// `rate` is that of all entries together, maybe none.
  EntrySource(const MirrorEntry& entry, Verification verification, const Config& config,
              std::shared_ptr<RateLimit> rate, std::stop_token stop);

  const std::vector<std::unique_ptr<Source>>& bases() const noexcept { return bases_; }
  /// The base that gave the documents first, then the others.
  std::vector<Source*> preferring(std::size_t base) const;

 private:
  HttpClient http_;
  std::vector<std::unique_ptr<Source>> bases_;
};

/// What may come in a second from all entries together; none when there is no limit.
std::shared_ptr<RateLimit> rate_limit_of(const Config& config, std::stop_token stop);

/// Keyring and rules of an entry. `--no-verify` leaves the keyring out.
TrustPolicy trust_policy_of(const MirrorEntry& entry, Verification verification);

/// What the trust state calls an entry: the same whichever base answers (`cli.md` §4.8).
std::string trust_key_of(const MirrorEntry& entry);

}  // namespace streamsync
