#include "streams/mirror_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/http/content_range.h"
#include "base/io/capped_sink.h"
#include "base/text.h"
#include "base/time.h"

namespace streamsync {
namespace {

// A date is only good enough to ask with when the file can't have changed again within the same
// second (RFC 9110 §8.8.2.2).
std::string strong_date_of(const Headers& headers) {
  const auto modified = headers.find("Last-Modified").value_or("");
  const auto changed_at = parse_date(modified);
  const auto answered_at = parse_date(headers.find("Date").value_or(""));
  const bool is_strong =
      changed_at && answered_at && *answered_at - *changed_at > std::chrono::seconds(1);
  return is_strong ? modified : "";
}

Validator validator_of(const Headers& headers) {
  return {headers.find("ETag").value_or(""), strong_date_of(headers)};
}

// A weak tag may be the same for other bytes.
bool is_strong_tag(std::string_view validator) { return validator.starts_with('"'); }

std::string strong_tag_of(const Headers& headers) {
  const auto etag = headers.find("ETag").value_or("");
  return is_strong_tag(etag) ? etag : "";
}

// Where there is any tag, also a weak one, the date must not be asked with (RFC 9110 §13.1.5).
std::string strong_validator_of(const Headers& headers) {
  return headers.find("ETag") ? strong_tag_of(headers) : strong_date_of(headers);
}

// The bytes of an answer behind those that the item has already.
class Continuation final : public ByteSink {
 public:
  Continuation(ItemProgress& progress, ByteSink& item) : progress_(progress), item_(item) {}

  void begin(const Response& head) {
    const bool is_part = head.status == 206;
    known_ = is_part ? 0 : progress_.offset;
    // A part may leave out what the beginning said (RFC 9110 §15.3.7).
    if (is_part && !progress_.validator.empty()) return;
    progress_.validator = strong_validator_of(head.headers);
  }

  void write(Bytes bytes) override {
    const auto known = static_cast<std::size_t>(std::min<std::uint64_t>(known_, bytes.size()));
    known_ -= known;
    progress_.repeated += known;
    bytes = bytes.subspan(known);
    item_.write(bytes);
    progress_.offset += bytes.size();
  }
  void finish() override {}

 private:
  ItemProgress& progress_;
  ByteSink& item_;
  std::uint64_t known_ = 0;  // bytes still to come that the item has already
};

// A 206 of another part or file than is wanted, asked for or not.
class AnotherPart : public Error {
 public:
  using Error::Error;
};

void require_rest(const Request& request, const Response& head, std::uint64_t offset) {
  if (head.status != 206) return;
  const auto field = head.headers.find("Content-Range").value_or("");
  const auto range = parse_content_range(field);
  const bool is_to_the_end = range && (!range->size || range->last + 1 == *range->size);
  if (is_to_the_end && range->first == offset) return;
  throw AnotherPart(ErrorKind::Protocol, Origin::Source,
                    fmt::format("GET {}: answers with the part \"{}\", which is not the one that "
                                "begins at byte {}",
                                request.url.redacted(), printable(field), offset));
}

// Such parts must not be combined (RFC 9110 §15.3.7.3), and who heeds If-Range gives none. A whole
// file is not judged by this: servers behind one name may have validators of their own for the same
// bytes.
void require_same_file(const Request& request, const Response& head, const std::string& validator) {
  if (head.status != 206 || validator.empty()) return;
  const auto given = is_strong_tag(validator) ? strong_tag_of(head.headers)
                                              : head.headers.find("Last-Modified").value_or("");
  if (given.empty() || given == validator) return;
  throw AnotherPart(ErrorKind::Protocol, Origin::Source,
                    fmt::format("GET {}: answers with a part of another file: {}, and the "
                                "beginning had {}",
                                request.url.redacted(), printable(given), printable(validator)));
}

// A document is taken as a whole or not at all; 203 is one that a proxy has changed, which its
// signature judges (RFC 9110 §15.3).
void require_whole(const Request& request, const Response& response) {
  require_ok(request, response, Origin::Source);
  if (response.status == 200 || response.status == 203) return;
  throw Error(ErrorKind::Protocol, Origin::Source,
              fmt::format("GET {}: status {}, which gives no whole document",
                          request.url.redacted(), response.status));
}

// What says nothing about ranges: the same would be answered without one.
bool is_about_the_file(int status) {
  constexpr std::array kOthers = {404, 408, 410, 429, 502, 503, 504};
  return std::find(kOthers.begin(), kOthers.end(), status) != kOthers.end();
}

}  // namespace

MirrorSource::MirrorSource(Url base, HttpClient& http, MirrorRules rules)
    : Source({base.origin(), http.options().proxy.value_or("")}),
      base_(std::move(base)),
      http_(http),
      rules_(rules) {}

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
  LimitedSink limited(capped, rules_.rate.get());
  const Response response = http_.get(request, limited);
  if (response.status == 304 && !known.empty()) {
    return std::nullopt;
  }
  require_whole(request, response);
  limited.finish();
  return FetchedDocument{std::move(spool), validator_of(response.headers)};
}

void MirrorSource::stream(const RelativePath& path, ItemProgress& progress, ByteSink& sink) {
  const bool wants_a_part = progress.offset != 0 && progress.takes_parts;
  if (wants_a_part && stream_rest(path, progress, sink)) return;
  const Request request = request_for(path);
  require_ok(request, get_behind(request, progress, sink), Origin::Source);
}

// False when the server does not give that part: it may give the whole file.
bool MirrorSource::stream_rest(const RelativePath& path, ItemProgress& progress, ByteSink& sink) {
  Request request = request_for(path);
  request.headers.add("Range", fmt::format("bytes={}-", progress.offset));
  if (!progress.validator.empty()) request.headers.add("If-Range", progress.validator);
  try {
    const Response response = get_behind(request, progress, sink);
    if (response.ok() || is_about_the_file(response.status)) {
      require_ok(request, response, Origin::Source);
      return true;
    }
  } catch (const AnotherPart&) {
  }
  progress.takes_parts = false;
  return false;
}

Request MirrorSource::request_for(const RelativePath& path) const {
  return {.url = base_.join(path), .redirects = rules_.redirects};
}

Response MirrorSource::get_behind(const Request& request, ItemProgress& progress, ByteSink& sink) {
  Continuation rest(progress, sink);
  LimitedSink limited(rest, rules_.rate.get());
  return http_.get(request, [&](const Response& head) -> ByteSink& {
    require_rest(request, head, progress.offset);
    require_same_file(request, head, progress.validator);
    rest.begin(head);
    return limited;
  });
}

std::string MirrorSource::describe(const RelativePath& path) const {
  return base_.join(path).redacted();
}

}  // namespace streamsync
