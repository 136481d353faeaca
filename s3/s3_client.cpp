#include "s3/s3_client.h"

#include <array>
#include <utility>

#include "base/crypto/digest.h"
#include "base/error.h"
#include "base/text.h"
#include "base/time.h"
#include "s3/answer_xml.h"
#include "s3/signature.h"

namespace streamsync {
namespace {

HttpOptions service_options(HttpOptions options, const S3Account& account) {
  options.origin = Origin::Target;
  if (account.ca_file) options.ca_file = account.ca_file;
  return options;
}

/// Codes whose status says less or something else (S3 API reference, "Error responses").
std::optional<ErrorKind> kind_of(std::string_view code) {
  constexpr std::array<std::pair<std::string_view, ErrorKind>, 10> kKinds{
      {{"EntityTooLarge", ErrorKind::NoRoom},
       {"QuotaExceeded", ErrorKind::NoRoom},
       {"InvalidPart", ErrorKind::Corrupt},
       {"InvalidPartOrder", ErrorKind::Corrupt},
       {"SlowDown", ErrorKind::RateLimited},
       {"RequestTimeout", ErrorKind::Transient},
       {"BadDigest", ErrorKind::Transient},
       {"XAmzContentSHA256Mismatch", ErrorKind::Transient},
       {"OperationAborted", ErrorKind::Transient},
       {"ConditionalRequestConflict", ErrorKind::Transient}}};
  for (const auto& [name, kind] : kKinds) {
    if (code == name) return kind;
  }
  return std::nullopt;
}

/// What is in the XML, in one line; empty for any other body.
std::string explanation(std::string_view code, std::string_view body) {
  const auto message = element_text(body, "Message").value_or("");
  if (code.empty()) return message;
  return message.empty() ? std::string(code) : std::string(code) + ": " + message;
}

}  // namespace

S3Client::S3Client(S3Account account, HttpOptions http, RetryPolicy retries, std::stop_token stop)
    : account_(std::move(account)),
      http_(service_options(std::move(http), account_), stop),
      retries_(retries),
      stop_(std::move(stop)) {}

Response S3Client::send(Request request) {
  sign(request, account_, digest_of(DigestAlgorithm::Sha256, request.body).hex(), now());
  return http_.send(request);
}

Response S3Client::get(Request request, ByteSink& body) {
  request.method = "GET";
  sign(request, account_, digest_of(DigestAlgorithm::Sha256, "").hex(), now());
  return http_.get(request, body);
}

Response S3Client::get_as_anyone(const Request& request, ByteSink& body) {
  return http_.get(request, body);
}

Response S3Client::put(Request request, ByteSource& body, std::uint64_t size,
                       std::string_view payload_digest) {
  request.method = "PUT";
  sign(request, account_, payload_digest, now());
  return http_.put(request, body, size);
}

void S3Client::with_retries(const std::function<void()>& action) {
  retrying(retries_, stop_, nullptr, action);
}

void require_done(const Request& request, const Response& response) {
  if (response.ok()) return;
  const std::string code = element_text(response.body, "Code").value_or("");
  const Response told{response.status, response.headers, explanation(code, response.body)};
  try {
    require_ok(request, told, Origin::Target);
  } catch (const Error& error) {
    const auto kind = kind_of(code);
    if (!kind || *kind == error.kind()) throw;
    Error told_better = Error(*kind, Origin::Target, error.what()).with_host(error.host());
    if (error.retry_after()) std::move(told_better).with_retry_after(*error.retry_after());
    throw told_better;
  }
}

}  // namespace streamsync
