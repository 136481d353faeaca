#include "streams/mirror_source.h"

#include <fmt/format.h>

#include "base/text.h"
#include "base/time.h"

namespace streamsync {
namespace {

// Refuses a document that grows past the cap (threats-and-faults.md T10).
class CappedSpool final : public ByteSink {
 public:
  CappedSpool(std::uint64_t limit, const Url& url) : limit_(limit), url_(url) {}

  void write(Bytes bytes) override {
    if (spool_.size() + bytes.size() > limit_) {
      throw Error(ErrorKind::Guard, Origin::Source,
                  fmt::format("{}: larger than max_document ({}); raise it if this is right",
                              url_.redacted(), human_size(limit_)));
    }
    spool_.write(bytes);
  }
  void finish() override { spool_.finish(); }
  Spool take() && { return std::move(spool_); }

 private:
  std::uint64_t limit_;
  const Url& url_;
  Spool spool_;
};

// A date is only good enough to ask with when the document can't have changed again within the same
// second (RFC 9110 §8.8.2.2).
Validator validator_of(const Headers& headers) {
  Validator validator{headers.find("ETag").value_or(""), {}};
  const auto modified = headers.find("Last-Modified");
  const auto changed_at = parse_date(modified.value_or(""));
  const auto answered_at = parse_date(headers.find("Date").value_or(""));
  if (changed_at && answered_at && *answered_at - *changed_at > std::chrono::seconds(1)) {
    validator.last_modified = *modified;
  }
  return validator;
}

}  // namespace

MirrorSource::MirrorSource(Url base, HttpClient& http, std::uint64_t max_document)
    : base_(std::move(base)), http_(http), max_document_(max_document) {}

std::optional<FetchedDocument> MirrorSource::fetch(const RelativePath& path,
                                                   const Validator& known) {
  Request request{.url = base_.join(path)};
  if (!known.etag.empty()) {
    request.headers.add("If-None-Match", known.etag);
  } else if (!known.last_modified.empty()) {
    request.headers.add("If-Modified-Since", known.last_modified);
  }
  CappedSpool spool(max_document_, request.url);
  const Response response = http_.get(request, spool);
  if (response.status == 304 && !known.empty()) {
    return std::nullopt;
  }
  require_ok(request, response, Origin::Source);
  spool.finish();
  return FetchedDocument{std::move(spool).take(), validator_of(response.headers)};
}

void MirrorSource::stream(const RelativePath& path, ByteSink& sink) {
  const Request request{.url = base_.join(path)};
  require_ok(request, http_.get(request, sink), Origin::Source);
}

std::string MirrorSource::describe(const RelativePath& path) const {
  return base_.join(path).redacted();
}

}  // namespace streamsync
