#include "swift/static_large_object.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace streamsync {

StaticLargeObject::StaticLargeObject(KeystoneSession& session, ObjectStore& store,
                                     std::string container, Url container_url,
                                     LargeObjectPlace place)
    : session_(session),
      store_(store),
      container_(std::move(container)),
      container_url_(std::move(container_url)),
      place_(std::move(place)) {}

std::string StaticLargeObject::segment(unsigned number) const {
  return fmt::format("{}/{:08}", place_.parts, number);
}

std::optional<StoredPart> StaticLargeObject::part(unsigned number) {
  const Request request{.method = "HEAD",
                        .url = container_url_.append(percent_encode_path(segment(number))),
                        .headers = {{"X-Newest", "true"}}};
  const Response response = session_.send(request);
  if (response.status == 404) return std::nullopt;
  require_ok(request, response, Origin::Target);
  const auto size = parse_decimal(response.headers.find("Content-Length").value_or(""));
  return StoredPart{size.value_or(0), md5_in(request, response)};
}

StoredPart StaticLargeObject::put_part(unsigned number, ByteSource& bytes, std::uint64_t size) {
  return store_.put(segment(number), bytes, size);
}

std::string StaticLargeObject::manifest_of(const std::vector<StoredPart>& parts) const {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer json(buffer);
  json.StartArray();
  unsigned number = 0;
  for (const auto& part : parts) {
    json.StartObject();
    json.Key("path");
    json.String("/" + container_ + "/" + segment(++number));
    json.Key("etag");
    json.String(part.md5.hex());
    json.Key("size_bytes");
    json.Uint64(part.size);
    json.EndObject();
  }
  json.EndArray();
  return {buffer.GetString(), buffer.GetSize()};
}

void StaticLargeObject::complete(const std::vector<StoredPart>& parts) {
  const Request request{.method = "PUT",
                        .url = container_url_.append(percent_encode_path(place_.name))
                                   .with_query("multipart-manifest", "put"),
                        .headers = {{"Content-Type", "application/octet-stream"}},
                        .body = manifest_of(parts)};
  const Response response = session_.send(request);
  if (response.status == 400) {
    throw Error(ErrorKind::Corrupt, Origin::Target,
                fmt::format("PUT {}: the segments are not those of the manifest: {}",
                            request.url.redacted(), printable(trimmed(response.body))));
  }
  require_stored(request, response);
}

void StaticLargeObject::sweep() {
  for (unsigned number = 1; number <= place_.count; ++number) store_.remove(segment(number));
}

void require_stored(const Request& request, const Response& response) {
  const auto passing = [&](std::string_view why) {
    return Error(
        ErrorKind::Transient, Origin::Target,
        fmt::format("PUT {} answered {}: {}", request.url.redacted(), response.status, why));
  };
  if (response.status == 422) throw passing("it was damaged on its way");
  if (response.status == 409) throw passing("another write came at the same time");
  if (response.status == 498) throw passing("too many writes to this container");
  require_ok(request, response, Origin::Target);
}

Digest md5_in(const Request& request, const Response& response) {
  std::string etag = response.headers.find("ETag").value_or("");
  std::erase(etag, '"');
  const auto md5 = Digest::parse(DigestAlgorithm::Md5, etag);
  if (md5) return *md5;
  throw Error(ErrorKind::Protocol, Origin::Target,
              fmt::format("{} {}: the answer has no ETag that is an MD5", request.method,
                          request.url.redacted()));
}

}  // namespace streamsync
