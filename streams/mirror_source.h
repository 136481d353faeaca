#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/http/http_client.h"
#include "base/http/rate_limit.h"
#include "base/http/url.h"
#include "streams/source.h"

namespace streamsync {

/// What a mirror may do (threats-and-faults.md T10, T15).
struct MirrorRules {
  /// Nobody has promised the size of a document (`cli.md` §3, max_document).
  std::uint64_t max_document = std::uint64_t{512} << 20;
  /// At 1 KB/s, which is no stall yet, a document of that size would take six days.
  std::chrono::milliseconds max_document_time = std::chrono::minutes(15);
  /// Where neither documents nor the digests in them need be signed, all comes from the host that
  /// was asked.
  Redirects redirects = Redirects::Follow;
  std::shared_ptr<RateLimit> rate{};  ///< of all mirrors together; none: as fast as they can
};

/// A mirror: a base URL (http, https, file) below which the stream's paths lie. Thread-safe.
class MirrorSource final : public Source {
 public:
  MirrorSource(Url base, HttpClient& http, MirrorRules rules);

  std::optional<FetchedDocument> fetch(const RelativePath& path, const Validator& known) override;
  void stream(const RelativePath& path, ItemProgress& progress, ByteSink& sink) override;
  std::string describe(const RelativePath& path) const override;

 private:
  bool stream_rest(const RelativePath& path, ItemProgress& progress, ByteSink& sink);
  Request request_for(const RelativePath& path) const;
  Response get_behind(const Request& request, ItemProgress& progress, ByteSink& sink);

  Url base_;
  HttpClient& http_;
  MirrorRules rules_;
};

}  // namespace streamsync
