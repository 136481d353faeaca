#include "sync/entry_source.h"

#include "streams/mirror_source.h"

namespace streamsync {
namespace {

HttpOptions http_options_of(const MirrorEntry& entry, const Config& config) {
  HttpOptions options;
  options.timeouts = config.timeouts;
  options.redirects = Redirects::Follow;
  options.tls = entry.tls;
  options.ca_file = entry.ca_file;
  options.proxy = entry.proxy;
  options.user_agent = entry.user_agent;
  options.origin = Origin::Source;
  return options;
}

}  // namespace

EntrySource::EntrySource(const MirrorEntry& entry, const Config& config, std::stop_token stop)
    : http_(http_options_of(entry, config), stop) {
  for (const auto& base : entry.bases) {
    bases_.push_back(std::make_unique<MirrorSource>(base, http_, config.max_document));
  }
}

std::vector<Source*> EntrySource::preferring(std::size_t base) const {
  std::vector<Source*> sources{bases_.at(base).get()};
  for (std::size_t other = 0; other < bases_.size(); ++other) {
    if (other != base) {
      sources.push_back(bases_[other].get());
    }
  }
  return sources;
}

TrustPolicy trust_policy_of(const MirrorEntry& entry, Verification verification) {
  TrustPolicy policy;
  policy.signatures = entry.signatures;
  policy.allow_unsigned = entry.allow_unsigned;
  policy.verification = verification;
  const bool may_do_without = entry.allow_unsigned && !std::filesystem::exists(entry.keyring);
  if (verification == Verification::Required && !may_do_without) {
    policy.keyring = std::make_shared<Keyring>(entry.keyring);
  }
  return policy;
}

}  // namespace streamsync
