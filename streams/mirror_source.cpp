#include "streams/mirror_source.h"

#include <fmt/format.h>

#include "base/io/capped_sink.h"
#include "base/text.h"
#include "base/time.h"

namespace streamsync {
namespace {

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

MirrorSource::MirrorSource(Url base, HttpClient& http, MirrorRules rules)
    : base_(std::move(base)), http_(http), rules_(rules) {}

std::optional<FetchedDocument> MirrorSource::fetch(const RelativePath& path,
                                                   const Validator& known) {
  Request request{.url = base_.join(path),
                  .redirects = rules_.redirects,
                  .time_limit = rules_.max_document_time};
  if (!known.etag.empty()) {
    request.headers.add("If-None-Match", known.etag);
  } else if (!known.last_modified.empty()) {
    request.headers.add("If-Modified-Since", known.last_modified);
  }
  Spool spool;
  CappedSink capped(spool, rules_.max_document, Origin::Source,
                    fmt::format("{}: larger than max_document ({}); raise it if this is right",
                                request.url.redacted(), human_size(rules_.max_document)));
  const Response response = http_.get(request, capped);
  if (response.status == 304 && !known.empty()) {
    return std::nullopt;
  }
  require_ok(request, response, Origin::Source);
  capped.finish();
  return FetchedDocument{std::move(spool), validator_of(response.headers)};
}

void MirrorSource::stream(const RelativePath& path, ByteSink& sink) {
  const Request request{.url = base_.join(path), .redirects = rules_.redirects};
  require_ok(request, http_.get(request, sink), Origin::Source);
}

std::string MirrorSource::describe(const RelativePath& path) const {
  return base_.join(path).redacted();
}

}  // namespace streamsync
