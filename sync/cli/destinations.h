#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/crypto/signer.h"
#include "keystone/keystone_session.h"
#include "s3/s3_client.h"
#include "sync/cli/options.h"
#include "sync/run.h"

namespace streamsync {

/// The destinations that a configuration names; the one place that knows concrete targets. The
/// session, the client and the signer must outlive them.
struct Destinations {
  std::unique_ptr<KeystoneSession> session;
  std::unique_ptr<S3Client> s3;
  std::unique_ptr<Signer> signer;  ///< none when nothing is to be signed
  std::vector<Destination> all;
};

/// Throws `Error{Config}` for what can't be meant, and the cloud's own errors when it can't be
/// asked for its regions and endpoints.
Destinations make_destinations(const Config& config, const Options& options, DocumentCache& cache,
                               std::stop_token stop);

}  // namespace streamsync
