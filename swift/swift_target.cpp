#include "swift/swift_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "base/crypto/digest.h"
#include "base/error.h"
#include "base/io/capped_sink.h"
#include "base/text.h"

namespace streamsync {
namespace {

/// Readable and listable by everybody: RADOS Gateway answers 403 instead of 404 for a missing
/// object where listing is not allowed (`threats-and-faults.md` F28).
constexpr std::string_view kReadAcl[] = {".r:*", ".rlistings"};

/// What we publish is far smaller. What stands in its place may be anything (T10).
constexpr std::uint64_t kMostBytes = std::uint64_t{64} << 20;

/// `path` without empty segments, which RADOS Gateway refuses.
std::string canonical(std::string_view path) {
  std::string result;
  for (const auto segment : split(path, '/')) {
    if (segment.empty()) continue;
    if (!result.empty()) result += '/';
    result += segment;
  }
  return result;
}

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

Digest md5_of(const Spool& content) {
  Hasher hasher(DigestAlgorithm::Md5);
  std::vector<std::byte> buffer(64 * 1024);
  const auto source = content.reader();
  while (const std::size_t count = source->read(buffer)) {
    hasher.update(Bytes(buffer).first(count));
  }
  return hasher.finish();
}

/// Signed documents are text around JSON.
std::string content_type_of(std::string_view path) {
  constexpr std::string_view kJson = ".json";
  const bool is_json =
      path.size() >= kJson.size() && path.substr(path.size() - kJson.size()) == kJson;
  return is_json ? "application/json" : "text/plain; charset=utf-8";
}

/// Beside the statuses of RFC 9110: Swift answers 422 when the bytes that came are not those of the
/// ETag, 409 when another write has just won, 498 when it limits the rate (F26, F29).
void require_stored(const Request& request, const Response& response) {
  const auto passing = [&](std::string_view why) {
    return Error(
        ErrorKind::Transient, Origin::Target,
        fmt::format("PUT {} answered {}: {}", request.url.redacted(), response.status, why));
  };
  if (response.status == 422) throw passing("the document was damaged on its way");
  if (response.status == 409) throw passing("another write came at the same time");
  if (response.status == 498) throw passing("too many writes to this container");
  require_ok(request, response, Origin::Target);
}

}  // namespace

SwiftTarget::SwiftTarget(KeystoneSession& session, Url endpoint, std::string container,
                         std::string prefix)
    : session_(session),
      container_url_(endpoint.append(percent_encode_path(container))),
      container_(std::move(container)),
      prefix_(canonical(prefix)) {}

std::string SwiftTarget::describe() const {
  return "swift:" + container_ + (prefix_.empty() ? "" : "/" + prefix_);
}

std::string SwiftTarget::object_of(const std::string& path) const {
  return canonical(prefix_ + "/" + path);
}

Url SwiftTarget::url_of(const std::string& path) const {
  return container_url_.append(percent_encode_path(object_of(path)));
}

std::string SwiftTarget::describe_object(const std::string& path) const {
  return "swift:" + container_ + "/" + object_of(path);
}

DocumentState SwiftTarget::read(const std::string& path, const Validator& known) {
  Request request{.url = url_of(path), .headers = {{"X-Newest", "true"}}};
  if (!known.etag.empty()) request.headers.add("If-None-Match", known.etag);
  if (known.etag.empty() && !known.last_modified.empty()) {
    request.headers.add("If-Modified-Since", known.last_modified);
  }

  DocumentState state = Absent{};
  with_context("reading " + describe_object(path), [&] {
    session_.with_retries([&] {
      Spool bytes;
      CappedSink capped(bytes, kMostBytes, Origin::Target,
                        fmt::format("{}: larger than {}, so none of ours: remove it",
                                    request.url.redacted(), human_size(kMostBytes)));
      const Response response = session_.get(request, capped);
      if (response.status == 404) {
        state = Absent{};
      } else if (response.status == 304 && !known.empty()) {
        state = Unchanged{};
      } else {
        require_ok(request, response, Origin::Target);
        state = FetchedDocument{std::move(bytes),
                                {response.headers.find("ETag").value_or(""),
                                 response.headers.find("Last-Modified").value_or("")}};
      }
    });
  });
  return state;
}

void SwiftTarget::write(const std::string& path, const Spool& content) {
  with_context("publishing " + describe_object(path), [&] {
    if (!container_prepared_) prepare_container();
    container_prepared_ = true;
    session_.with_retries([&] { put(path, content); });
    check_published(path, content);
  });
}

void SwiftTarget::prepare_container() {
  const Request request{.method = "HEAD", .url = container_url_, .headers = {}};
  const Response response = session_.send(request);
  if (response.status == 404) return make_container();
  require_ok(request, response, Origin::Target);
  const auto acl = response.headers.find("X-Container-Read").value_or("");
  if (!is_readable(acl)) make_readable(completed_acl(acl));
}

void SwiftTarget::make_container() {
  const Request request{
      .method = "PUT", .url = container_url_, .headers = {{"X-Container-Read", completed_acl("")}}};
  require_ok(request, session_.send(request), Origin::Target);
}

void SwiftTarget::make_readable(const std::string& read_acl) {
  const Request request{
      .method = "POST", .url = container_url_, .headers = {{"X-Container-Read", read_acl}}};
  session_.with_retries([&] { require_ok(request, session_.send(request), Origin::Target); });
}

void SwiftTarget::put(const std::string& path, const Spool& content) {
  const Request request{
      .method = "PUT",
      .url = url_of(path),
      .headers = {{"Content-Type", content_type_of(path)}, {"ETag", md5_of(content).hex()}}};
  const auto once = [&] { return session_.put(request, *content.reader(), content.size()); };
  Response response = once();
  if (response.status == 401) response = once();  // the session has dropped the refused token
  if (response.status == 404) {
    make_container();
    response = once();
  }
  require_stored(request, response);
}

/// Bytes, not ETags: an ETag may be what the request said and not what is stored.
void SwiftTarget::check_published(const std::string& path, const Spool& content) {
  const DocumentState state = read(path, Validator{});
  const auto* stored = std::get_if<FetchedDocument>(&state);
  if (stored && same_bytes(stored->bytes, content)) return;
  throw Error(
      ErrorKind::Corrupt, Origin::Target,
      fmt::format("{} {}: see whether another run writes there, and whether the object "
                  "store is healthy",
                  url_of(path).redacted(),
                  stored ? "gives other bytes than were written" : "is not there after all"));
}

}  // namespace streamsync
