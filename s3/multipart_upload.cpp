#include "s3/multipart_upload.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/io/capped_sink.h"
#include "base/text.h"
#include "s3/answer_xml.h"
#include "s3/signature.h"

namespace streamsync {
namespace {

constexpr std::uint64_t kLongestId = 4096;

[[noreturn]] void refuse_answer(const Request& request, std::string_view what) {
  throw Error(
      ErrorKind::Protocol, Origin::Target,
      fmt::format("{} {}: the answer has no {}", request.method, request.url.redacted(), what));
}

Digest md5_in(const Request& request, std::string_view etag) {
  if (etag.size() > 2 && etag.front() == '"') etag = etag.substr(1, etag.size() - 2);
  const auto md5 = Digest::parse(DigestAlgorithm::Md5, etag);
  if (!md5) refuse_answer(request, "ETag that is an MD5");
  return *md5;
}

std::string manifest_of(const std::vector<StoredPart>& parts) {
  std::string xml = "<CompleteMultipartUpload>";
  unsigned number = 0;
  for (const auto& part : parts) {
    xml += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>&quot;{}&quot;</ETag></Part>",
                       ++number, part.md5.hex());
  }
  return xml + "</CompleteMultipartUpload>";
}

/// The answer begins before the server knows how it ends: 200 may hold an error.
void require_completed(const Request& request, Response response) {
  if (response.ok() && element_text(response.body, "Code")) response.status = 500;
  require_done(request, response);
}

}  // namespace

StoredPart put_bytes(S3Client& client, const Request& request, ByteSource& bytes,
                     std::uint64_t size) {
  const Response response = client.put(request, bytes, size, kUnsignedPayload);
  require_done(request, response);
  return {size, md5_in(request, response.headers.find("ETag").value_or(""))};
}

MultipartUpload::MultipartUpload(S3Client& client, ObjectStore& store, Url url,
                                 LargeObjectPlace place)
    : client_(client), store_(store), url_(std::move(url)), place_(std::move(place)) {}

Request MultipartUpload::request(const std::string& method, const std::string& id) const {
  return {.method = method, .url = url_.with_query("uploadId", id)};
}

const std::optional<std::string>& MultipartUpload::find_id() {
  if (is_looked_for_) return id_;
  Spool spool;
  CappedSink capped(spool, kLongestId, Origin::Target,
                    store_.describe(place_.parts) + ": is no upload id: remove it");
  if (store_.get(place_.parts, {}, capped).state == Found::State::Given) {
    id_ = read_all(*spool.reader(), kLongestId);
  }
  is_looked_for_ = true;
  return id_;
}

const std::string& MultipartUpload::begun_id() {
  if (find_id()) return *id_;
  const Request request{.method = "POST",
                        .url = url_.with_query("uploads", ""),
                        .headers = {{"Content-Type", "application/octet-stream"}}};
  const Response response = client_.send(request);
  require_done(request, response);
  const auto id = element_text(response.body, "UploadId");
  if (!id || id->empty()) refuse_answer(request, "UploadId");
  store_.put(place_.parts, {spool_of(*id), "text/plain"});
  id_ = id;
  return *id_;
}

/// One part, asked for as the first behind the one before it.
std::optional<StoredPart> MultipartUpload::part(unsigned number) {
  if (!find_id()) return std::nullopt;
  Request request = this->request("GET", *id_);
  request.url = request.url.with_query("max-parts", "1")
                    .with_query("part-number-marker", std::to_string(number - 1));
  const Response response = client_.send(request);
  if (response.status == 404) {  // completed, or the server has tidied up
    id_.reset();
    return std::nullopt;
  }
  require_done(request, response);
  if (element_text(response.body, "PartNumber") != std::to_string(number)) return std::nullopt;
  const auto size = parse_decimal(element_text(response.body, "Size").value_or(""));
  if (!size) refuse_answer(request, "Size");
  return StoredPart{*size, md5_in(request, element_text(response.body, "ETag").value_or(""))};
}

StoredPart MultipartUpload::put_part(unsigned number, ByteSource& bytes, std::uint64_t size) {
  Request request = this->request("PUT", begun_id());
  request.url = request.url.with_query("partNumber", std::to_string(number));
  return put_bytes(client_, request, bytes, size);
}

void MultipartUpload::complete(const std::vector<StoredPart>& parts) {
  Request request = this->request("POST", begun_id());
  request.headers.add("Content-Type", "application/xml");
  request.body = manifest_of(parts);
  const auto is_there = [this] { return store_.size_of(place_.name) == place_.size; };
  if (!is_replacing_) is_replacing_ = is_there();
  Response response = client_.send(request);
  // An earlier try may have been done, and its answer lost.
  const bool is_done = response.status == 404 && !*is_replacing_ && is_there();
  if (!is_done) require_completed(request, std::move(response));
  store_.remove(place_.parts);
  id_.reset();
}

void MultipartUpload::sweep() {
  if (!find_id()) return;
  const Request request = this->request("DELETE", *id_);
  const Response response = client_.send(request);
  if (response.status != 404) require_done(request, response);
  store_.remove(place_.parts);
  id_.reset();
}

}  // namespace streamsync
