#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

#include "base/http/http_client.h"
#include "base/http/retry.h"
#include "s3/account.h"

namespace streamsync {

/// Signed requests to one S3 service. Thread-safe. Each call is one try, and its status is
/// returned, not judged; every failure is an `Error` with origin Target.
class S3Client {
 public:
  S3Client(S3Account account, HttpOptions http, RetryPolicy retries, std::stop_token stop);

  const Url& endpoint() const noexcept { return account_.endpoint; }

  Response send(Request request);
  Response get(Request request, ByteSink& body);
  /// Without a signature, as anybody may.
  Response get_as_anyone(const Request& request, ByteSink& body);
  /// The digest of the body is signed where the caller knows it, else `kUnsignedPayload`.
  Response put(Request request, ByteSource& body, std::uint64_t size,
               std::string_view payload_digest);

  /// Repeats `action`, which must be safe to repeat as a whole, by the configured policy.
  void with_retries(const std::function<void()>& action);

 private:
  const S3Account account_;
  HttpClient http_;
  const RetryPolicy retries_;
  const std::stop_token stop_;
};

/// Returns when the status is 2xx; else throws what status and S3's error code together mean, with
/// the code and what the service says about it.
void require_done(const Request& request, const Response& response);

}  // namespace streamsync
