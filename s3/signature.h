#pragma once

#include <string_view>

#include "base/http/http_client.h"
#include "base/time.h"
#include "s3/account.h"

namespace streamsync {

/// Stands in place of the body's digest where that is not known beforehand. Nothing but TLS
/// protects the body then.
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

/// Signs a request with Signature Version 4, by headers (S3 API reference, "Signature Calculations
/// for the Authorization Header"). Every header that it has is signed, so none may be added
/// afterwards. `payload_digest` is SHA-256 of the body in hexadecimal, or `kUnsignedPayload`.
/// See docs/adr/0015.
void sign(Request& request, const S3Account& account, std::string_view payload_digest, Time now);

}  // namespace streamsync
