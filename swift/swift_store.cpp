#include "swift/swift_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "swift/static_large_object.h"

namespace streamsync {
namespace {

/// Readable and listable by everybody: RADOS Gateway answers 403 instead of 404 for a missing
/// object where listing is not allowed (`threats-and-faults.md` F28).
constexpr std::string_view kReadAcl[] = {".r:*", ".rlistings"};

/// `acl` with what is missing of `kReadAcl`; grants that somebody else made stay.
std::string completed_acl(std::string_view acl) {
  std::vector<std::string_view> grants;
  for (const auto grant : split(acl, ',')) {
    if (!trimmed(grant).empty()) grants.push_back(trimmed(grant));
  }
  for (const auto needed : kReadAcl) {
    if (std::find(grants.begin(), grants.end(), needed) == grants.end()) grants.push_back(needed);
  }
  std::string result;
  for (const auto grant : grants) result.append(result.empty() ? "" : ",").append(grant);
  return result;
}

bool is_readable(std::string_view acl) {
  const auto grants = split(acl, ',');
  return std::all_of(std::begin(kReadAcl), std::end(kReadAcl), [&](std::string_view needed) {
    return std::any_of(grants.begin(), grants.end(),
                       [&](std::string_view grant) { return trimmed(grant) == needed; });
  });
}

Request document_request(const Url& url, const DocumentPut& document) {
  const auto md5 = digest_of(DigestAlgorithm::Md5, *document.content.reader());
  Request request{.method = "PUT",
                  .url = url,
                  .headers = {{"Content-Type", document.content_type}, {"ETag", md5.hex()}}};
  // Swift compares no ETags on PUT, and RADOS Gateway does not even look at this one.
  if (document.condition.kind == WriteCondition::Kind::Absent) {
    request.headers.add("If-None-Match", "*");
  }
  return request;
}

Found found_by(const Request& request, const Response& response) {
  if (response.status == 404) return {};
  require_ok(request, response, Origin::Target);
  return {Found::State::Given,
          {response.headers.find("ETag").value_or(""),
           response.headers.find("Last-Modified").value_or("")}};
}

}  // namespace

SwiftStore::SwiftStore(KeystoneSession& session, const Url& endpoint, std::string container)
    : session_(session),
      container_(std::move(container)),
      container_url_(endpoint.append(percent_encode_path(container_))) {}

std::string SwiftStore::describe(const std::string& name) const {
  return "swift:" + container_ + (name.empty() ? "" : "/" + name);
}

void SwiftStore::with_retries(const std::function<void()>& action) {
  session_.with_retries(action);
}

Url SwiftStore::url_of(const std::string& name) const {
  return container_url_.append(percent_encode_path(name));
}

Found SwiftStore::get(const std::string& name, const Validator& known, ByteSink& bytes) {
  Request request{.url = url_of(name), .headers = {{"X-Newest", "true"}}};
  if (!known.etag.empty()) request.headers.add("If-None-Match", known.etag);
  if (known.etag.empty() && !known.last_modified.empty()) {
    request.headers.add("If-Modified-Since", known.last_modified);
  }
  const Response response = session_.get(request, bytes);
  if (response.status == 304 && !known.empty()) return {Found::State::Unchanged, known};
  return found_by(request, response);
}

Found SwiftStore::get_as_anyone(const std::string& name, ByteSink& bytes) {
  const Request request{.url = url_of(name), .headers = {{"X-Newest", "true"}}};
  const Response response = session_.get_as_anyone(request, bytes);
  if (response.status == 401 || response.status == 403) throw not_for_anyone(request, response);
  return found_by(request, response);
}

Error SwiftStore::not_for_anyone(const Request& request, const Response& response) const {
  return Error(ErrorKind::Denied, Origin::Target,
               fmt::format("GET {} without a token answered {}: container {} must be there for "
                           "everybody to read, with the ACL '{}', and nothing before the object "
                           "store may ask for credentials",
                           request.url.redacted(), response.status, container_, completed_acl("")));
}

std::optional<std::uint64_t> SwiftStore::size_of(const std::string& name) {
  const Request request{.method = "HEAD", .url = url_of(name), .headers = {{"X-Newest", "true"}}};
  const Response response = session_.send(request);
  if (response.status == 404) return std::nullopt;
  require_ok(request, response, Origin::Target);
  return parse_decimal(response.headers.find("Content-Length").value_or(""));
}

void SwiftStore::put(const std::string& name, const DocumentPut& document) {
  if (!container_prepared_) prepare_container();
  container_prepared_ = true;
  const Request request = document_request(url_of(name), document);
  const auto once = [&] {
    return session_.put(request, *document.content.reader(), document.content.size());
  };
  Response response = once();
  if (response.status == 401) response = once();  // the session has dropped the refused token
  if (response.status == 404) {
    make_container();
    response = once();
  }
  require_stored(request, response);
}

StoredPart SwiftStore::put(const std::string& name, ByteSource& bytes, std::uint64_t size) {
  const Request request{.method = "PUT",
                        .url = url_of(name),
                        .headers = {{"Content-Type", "application/octet-stream"}}};
  const Response response = session_.put(request, bytes, size);
  // The token died on the way (threats-and-faults.md §2.3); the session gets another one.
  if (response.status == 401) {
    throw Error(ErrorKind::Transient, Origin::Target,
                fmt::format("PUT {}: the token expired during the upload", request.url.redacted()));
  }
  require_stored(request, response);
  return {size, md5_in(request, response)};
}

void SwiftStore::remove(const std::string& name) {
  const Request request{.method = "DELETE", .url = url_of(name)};
  const Response response = session_.send(request);
  if (response.status == 409) {
    throw Error(ErrorKind::Transient, Origin::Target,
                fmt::format("DELETE {} answered 409: a write came at the same time",
                            request.url.redacted()));
  }
  if (response.status != 404) require_ok(request, response, Origin::Target);
}

std::unique_ptr<LargeObject> SwiftStore::large_object(const LargeObjectPlace& place) {
  return std::make_unique<StaticLargeObject>(session_, *this, container_, container_url_, place);
}

void SwiftStore::prepare_container() {
  const Request request{.method = "HEAD", .url = container_url_, .headers = {}};
  const Response response = session_.send(request);
  if (response.status == 404) return make_container();
  require_ok(request, response, Origin::Target);
  const auto acl = response.headers.find("X-Container-Read").value_or("");
  if (!is_readable(acl)) make_readable(completed_acl(acl));
}

void SwiftStore::make_container() {
  const Request request{
      .method = "PUT", .url = container_url_, .headers = {{"X-Container-Read", completed_acl("")}}};
  require_ok(request, session_.send(request), Origin::Target);
}

void SwiftStore::make_readable(const std::string& read_acl) {
  const Request request{
      .method = "POST", .url = container_url_, .headers = {{"X-Container-Read", read_acl}}};
  session_.with_retries([&] { require_ok(request, session_.send(request), Origin::Target); });
}

}  // namespace streamsync
