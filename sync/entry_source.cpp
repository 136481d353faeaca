#include "sync/entry_source.h"

#include <fmt/format.h>

#include <fstream>
#include <utility>

#include "base/error.h"
#include "streams/mirror_source.h"

namespace streamsync {
namespace {

// Before anything is done, not at the first request.
void require_readable(const std::filesystem::path& ca_file) {
  if (!std::ifstream(ca_file).is_open()) {
    throw Error(ErrorKind::Config, Origin::Config,
                fmt::format("ca_file {}: can't be read", ca_file.string()));
  }
}

HttpOptions http_options_of(const MirrorEntry& entry, const Config& config) {
  if (entry.ca_file) {
    require_readable(*entry.ca_file);
  }
  HttpOptions options;
  options.timeouts = config.timeouts;
  options.tls = entry.tls;
  options.ca_file = entry.ca_file;
  options.proxy = entry.proxy;
  options.user_agent = entry.user_agent;
  options.origin = Origin::Source;
  options.served = config.retries.served;
  options.silent = config.retries.silent;
  options.silence_limit = {config.retries.budget, config.retries.attempts};
  return options;
}

MirrorRules mirror_rules_of(const MirrorEntry& entry, Verification verification,
                            const Config& config) {
  const bool is_signed = verification == Verification::Required && !entry.allow_unsigned;
  MirrorRules rules;
  rules.max_document = config.max_document;
  rules.redirects = is_signed ? Redirects::Follow : Redirects::SameHost;
  return rules;
}

}  // namespace

EntrySource::EntrySource(const MirrorEntry& entry, Verification verification, const Config& config,
                         std::shared_ptr<RateLimit> rate, std::stop_token stop)
    : http_(http_options_of(entry, config), stop) {
  MirrorRules rules = mirror_rules_of(entry, verification, config);
  rules.rate = std::move(rate);
  for (const auto& base : entry.bases) {
    bases_.push_back(std::make_unique<MirrorSource>(base, http_, rules));
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

std::shared_ptr<RateLimit> rate_limit_of(const Config& config, std::stop_token stop) {
  if (!config.limit_rate) return nullptr;
  return std::make_shared<RateLimit>(*config.limit_rate, std::move(stop));
}

TrustPolicy trust_policy_of(const MirrorEntry& entry, Verification verification) {
  TrustPolicy policy;
  policy.signatures = entry.signatures;
  policy.allow_unsigned = entry.allow_unsigned;
  policy.max_age = entry.max_age;
  policy.verification = verification;
  if (verification == Verification::Required && entry.keys) {
    policy.keyring = std::make_shared<Keyring>(Keyring::of_keys(*entry.keys, "custom_keyring"));
    return policy;
  }
  const bool may_do_without = entry.allow_unsigned && !std::filesystem::exists(entry.keyring);
  if (verification == Verification::Required && !may_do_without) {
    policy.keyring = std::make_shared<Keyring>(entry.keyring);
  }
  return policy;
}

std::string trust_key_of(const MirrorEntry& entry) {
  return entry.bases.front().join(entry.path).redacted();
}

}  // namespace streamsync
