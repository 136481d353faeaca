#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "keystone/keystone_session.h"
#include "s3/s3_client.h"
#include "sync/cli/options.h"
#include "sync/run.h"

namespace streamsync {

/// The destinations that a configuration names; the one place that knows concrete targets. The
/// session and the client must outlive them.
struct Destinations {
  std::unique_ptr<KeystoneSession> session;
  std::unique_ptr<S3Client> s3;
  std::vector<Destination> all;
};

/// Throws `Error{Config}` for what can't be meant, and the cloud's own errors when it can't be
/// asked for its regions and endpoints.
Destinations make_destinations(const Config& config, const Options& options, DocumentCache& cache,
                               std::stop_token stop);

}  // namespace streamsync
