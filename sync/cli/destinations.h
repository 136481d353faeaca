#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/crypto/signer.h"
#include "keystone/keystone_session.h"
#include "s3/s3_client.h"
#include "sync/cli/options.h"
#include "sync/run.h"

namespace streamsync {

/// A cloud that something goes to, under the name of its entry in clouds.yaml; none for that of the
/// environment.
struct Cloud {
  std::string name;
  std::unique_ptr<KeystoneSession> session;
};

/// The destinations that a configuration names; the one place that knows concrete targets. The
/// clouds, the client and the signer must outlive them.
struct Destinations {
  std::vector<Cloud> clouds;
  std::unique_ptr<S3Client> s3;
  std::unique_ptr<Signer> signer;  ///< none when nothing is to be signed
  std::vector<Destination> all;
  std::vector<std::string> warnings;  ///< of what is meant, but may not be right
};

/// A cloud or region that can't be asked is a destination that is unavailable. Throws
/// `Error{Config}` for what can't be meant.
Destinations make_destinations(const Config& config, const Options& options, DocumentCache& cache,
                               std::stop_token stop);

}  // namespace streamsync
