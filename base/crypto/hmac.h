#pragma once

#include <string_view>

#include "base/crypto/secret.h"

namespace streamsync {

/// HMAC with SHA-256 (RFC 2104, FIPS 198-1): 32 bytes, which may be a key again.
Secret hmac_sha256(const Secret& key, std::string_view text);

}  // namespace streamsync
