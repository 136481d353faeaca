#include "s3/s3_store.h"

#include <fmt/format.h>

#include <utility>

#include "base/crypto/digest.h"
#include "base/error.h"
#include "base/text.h"
#include "s3/answer_xml.h"
#include "s3/bucket_page.h"
#include "s3/multipart_upload.h"

namespace streamsync {
namespace {

/// Everybody may read the objects, and list them.
std::string public_policy(std::string_view bucket) {
  return fmt::format(R"({{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*",)"
                     R"("Action":["s3:GetObject","s3:ListBucket"],)"
                     R"("Resource":["arn:aws:s3:::{0}","arn:aws:s3:::{0}/*"]}}]}})",
                     bucket);
}

std::string without_quotes(std::string_view etag) {
  if (etag.size() >= 2 && etag.starts_with('"') && etag.ends_with('"')) {
    etag = etag.substr(1, etag.size() - 2);
  }
  return std::string(etag);
}

Found found_by(const Request& request, const Response& response) {
  if (response.status == 404) return {};
  require_done(request, response);
  return {Found::State::Given,
          {response.headers.find("ETag").value_or(""),
           response.headers.find("Last-Modified").value_or("")}};
}

bool is_missing_bucket(const Response& response) {
  return response.status == 404 && element_text(response.body, "Code") == "NoSuchBucket";
}

}  // namespace

S3Store::S3Store(S3Client& client, std::string bucket)
    : client_(client),
      bucket_(std::move(bucket)),
      bucket_url_(client.endpoint().append(percent_encode_path(bucket_))) {}

std::string S3Store::describe(const std::string& name) const {
  return "s3:" + bucket_ + (name.empty() ? "" : "/" + name);
}

void S3Store::with_retries(const std::function<void()>& action) { client_.with_retries(action); }

Request S3Store::request(const std::string& method, const std::string& name,
                         Headers headers) const {
  return {.method = method,
          .url = bucket_url_.append(percent_encode_path(name)),
          .headers = std::move(headers)};
}

Found S3Store::get(const std::string& name, const Validator& known, ByteSink& bytes) {
  Request request = this->request("GET", name);
  if (!known.etag.empty()) request.headers.add("If-None-Match", known.etag);
  if (known.etag.empty() && !known.last_modified.empty()) {
    request.headers.add("If-Modified-Since", known.last_modified);
  }
  const Response response = client_.get(request, bytes);
  if (response.status == 304 && !known.empty()) return {Found::State::Unchanged, known};
  return found_by(request, response);
}

Found S3Store::get_as_anyone(const std::string& name, ByteSink& bytes) {
  const Request request = this->request("GET", name);
  const Response response = client_.get_as_anyone(request, bytes);
  if (response.status == 401 || response.status == 403) {
    throw Error(ErrorKind::Denied, Origin::Target,
                fmt::format("GET {} without a signature answered {}: to serve others the bucket {} "
                            "must let everybody read and list it (s3:GetObject, s3:ListBucket)",
                            request.url.redacted(), response.status, bucket_));
  }
  return found_by(request, response);
}

std::optional<std::uint64_t> S3Store::size_of(const std::string& name) {
  const Request request = this->request("HEAD", name);
  const Response response = client_.send(request);
  if (response.status == 404) return std::nullopt;
  require_done(request, response);
  return parse_decimal(response.headers.find("Content-Length").value_or(""));
}

/// By names and not by the continuation tokens of the pages before, so that a page may begin
/// anywhere, as those of Swift do.
std::vector<ListedObject> S3Store::list(const std::string& prefix, const std::string& after) {
  Request request = this->request("GET", "");
  request.url = request.url.with_query("list-type", "2");
  if (!prefix.empty()) request.url = request.url.with_query("prefix", prefix);
  if (!after.empty()) request.url = request.url.with_query("start-after", after);
  const Response response = client_.send(request);
  require_done(request, response);
  return with_context("listing " + describe(""), [&] { return read_bucket_page(response.body); });
}

StoredPart S3Store::put(const std::string& name, ByteSource& bytes, std::uint64_t size) {
  return put_bytes(client_, request("PUT", name, {{"Content-Type", "application/octet-stream"}}),
                   bytes, size);
}

void S3Store::remove(const std::string& name) {
  const Request request = this->request("DELETE", name);
  const Response response = client_.send(request);
  if (response.status != 404) require_done(request, response);
}

std::unique_ptr<LargeObject> S3Store::large_object(const LargeObjectPlace& place) {
  return std::make_unique<MultipartUpload>(
      client_, *this, bucket_url_.append(percent_encode_path(place.name)), place);
}

void S3Store::put(const std::string& name, const DocumentPut& document) {
  Response response = put_once(name, document);
  if (is_missing_bucket(response)) {
    make_bucket();
    response = put_once(name, document);
  }
  using Kind = WriteCondition::Kind;
  if (response.status == 501 && document.condition.kind != Kind::Always) {
    conditions_ = Conditions::None;
    response = put_once(name, document);
  }
  // RADOS Gateway 16 compares If-Match with the bare digest, so that no quoted ETag ever matches.
  if (response.status == 412 && document.condition.kind == Kind::Unchanged &&
      conditions_ == Conditions::Standard && is_still(name, document.condition.etag)) {
    conditions_ = Conditions::WithoutQuotes;
    response = put_once(name, document);
  }
  if (response.status == 412) {
    throw Error(ErrorKind::Conflict, Origin::Target,
                fmt::format("{} was written by somebody else meanwhile: does another run publish "
                            "there? Run again",
                            describe(name)));
  }
  require_done(request("PUT", name), response);
}

Response S3Store::put_once(const std::string& name, const DocumentPut& document) {
  Request request = this->request("PUT", name, {{"Content-Type", document.content_type}});
  using Kind = WriteCondition::Kind;
  const WriteCondition& condition = document.condition;
  const Conditions conditions = conditions_;
  if (condition.kind == Kind::Absent && conditions != Conditions::None) {
    request.headers.add("If-None-Match", "*");
  }
  if (condition.kind == Kind::Unchanged && conditions != Conditions::None) {
    const bool bare = conditions == Conditions::WithoutQuotes;
    request.headers.add("If-Match", bare ? without_quotes(condition.etag) : condition.etag);
  }
  const auto digest = digest_of(DigestAlgorithm::Sha256, *document.content.reader());
  return client_.put(request, *document.content.reader(), document.content.size(), digest.hex());
}

bool S3Store::is_still(const std::string& name, const std::string& etag) {
  const Response response = client_.send(request("HEAD", name));
  return response.ok() && response.headers.find("ETag") == etag;
}

void S3Store::make_bucket() {
  const Request request = this->request("PUT", "");
  const Response response = client_.send(request);
  // Another run was quicker; whether we may write there shows when we do.
  if (response.status == 409) return;
  require_done(request, response);
  let_everybody_read();
}

/// A bucket that nobody can read must not look, to the next run, like one that the operator made.
void S3Store::let_everybody_read() {
  Request request = this->request("PUT", "");
  request.url = request.url.with_query("policy", "");
  request.body = public_policy(bucket_);
  try {
    with_context(fmt::format("making {} readable for everybody; or make the bucket yourself, as "
                             "readable as it is to be",
                             describe("")),
                 [&] { require_done(request, client_.send(request)); });
  } catch (const Error&) {
    client_.send(this->request("DELETE", ""));
    throw;
  }
}

}  // namespace streamsync
