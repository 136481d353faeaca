#include "sync/cli/stream_endpoints.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/io/capped_sink.h"
#include "streams/target.h"

namespace streamsync {
namespace {

// The charm's names, so that what its relation with Keystone made is ours too.
const ServiceIdentity kStreams{"product-streams", "image-stream"};

}  // namespace

StreamEndpoints::StreamEndpoints(KeystoneSession& session, std::string region)
    : session_(session), region_(std::move(region)) {}

std::string StreamEndpoints::describe() const {
  return fmt::format("{} in region \"{}\" of the catalog", kStreams.type, region_);
}

std::vector<std::string> StreamEndpoints::urls_of(const std::string& interface) {
  return session_.urls_of(kStreams.type, region_, interface);
}

DocumentState StreamEndpoints::read_as_anyone(const std::string& url, Attempts attempts) {
  // Swift may have an older one elsewhere (threats-and-faults.md F27); others don't look at it.
  const Request request{.url = Url::parse(url), .headers = {{"X-Newest", "true"}}};
  DocumentState state = Absent{};
  const auto read = [&] { state = read_once(request); };
  if (attempts == Attempts::One) {
    read();
  } else {
    session_.with_retries(read);
  }
  return state;
}

DocumentState StreamEndpoints::read_once(const Request& request) {
  FetchedDocument document;
  CappedSink capped(document.bytes, kMaxPublished, Origin::Target,
                    fmt::format("{}: is larger than what we publish", request.url.redacted()));
  const Response response = session_.get_as_anyone(request, capped);
  if (response.status == 404) return Absent{};
  if (response.status >= 300 && response.status < 400) {
    throw Error(ErrorKind::Protocol, Origin::Target,
                fmt::format("{} leads elsewhere ({}): register the URL where the tree is",
                            request.url.redacted(), response.status));
  }
  with_context("reading as anyone", [&] { require_ok(request, response, Origin::Target); });
  return document;
}

StreamRegistry::Change StreamEndpoints::lead_to(const std::vector<TreeAddress>& addresses) {
  std::vector<InterfaceUrl> urls;
  urls.reserve(addresses.size());
  for (const auto& address : addresses) urls.push_back({address.interface, address.url});
  auto change = with_context("registering " + describe(), [&] {
    return RegisteredService(session_, kStreams, region_).lead_to(urls);
  });
  return {std::move(change.interfaces), std::move(change.notes)};
}

}  // namespace streamsync
