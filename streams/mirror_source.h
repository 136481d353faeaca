#pragma once

#include <cstdint>
#include <string>

#include "base/http/http_client.h"
#include "base/http/url.h"
#include "streams/source.h"

namespace streamsync {

/// A mirror: a base URL (http, https, file) below which the stream's paths lie. Thread-safe.
class MirrorSource final : public Source {
 public:
  /// `max_document` caps what `fetch` spools (`cli.md` §3).
  MirrorSource(Url base, HttpClient& http, std::uint64_t max_document);

  std::optional<FetchedDocument> fetch(const RelativePath& path, const Validator& known) override;
  void stream(const RelativePath& path, ByteSink& sink) override;
  std::string describe(const RelativePath& path) const override;

 private:
  Url base_;
  HttpClient& http_;
  std::uint64_t max_document_;
};

}  // namespace streamsync
