#include "sync/object_place.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace streamsync {
namespace {

std::optional<ObjectService> service_of(std::string_view scheme) {
  if (scheme == "swift") return ObjectService::Swift;
  if (scheme == "s3") return ObjectService::S3;
  return std::nullopt;
}

// An object's name may have such parts, its URL can't: they are resolved (RFC 3986 §5.2.4), and
// lead to another prefix or container.
void require_plain_parts(const ObjectPlace& place) {
  auto parts = split(place.prefix, '/');
  if (place.prefix.empty()) parts.clear();
  parts.push_back(place.container);
  for (const auto part : parts) {
    if (!part.empty() && part != "." && part != "..") continue;
    throw Error(ErrorKind::Config, Origin::Config,
                fmt::format("{}: no part of it may be empty, '.' or '..'", place.str()));
  }
}

}  // namespace

std::optional<ObjectPlace> ObjectPlace::parse(std::string_view target) {
  const auto colon = target.find(':');
  const auto service = service_of(target.substr(0, colon));
  if (colon == std::string_view::npos || !service) return std::nullopt;

  const auto path = target.substr(colon + 1);
  const auto slash = path.find('/');
  if (path.substr(0, slash).empty()) {
    const bool is_s3 = *service == ObjectService::S3;
    throw Error(ErrorKind::Config, Origin::Config,
                fmt::format("{} needs a {}, as in {}simplestreams/data", target,
                            is_s3 ? "bucket" : "container", target.substr(0, colon + 1)));
  }
  ObjectPlace place{*service, std::string(path.substr(0, slash)),
                    std::string(slash == std::string_view::npos ? "" : path.substr(slash + 1))};
  while (place.prefix.ends_with('/')) place.prefix.pop_back();
  require_plain_parts(place);
  return place;
}

std::string ObjectPlace::str() const {
  return fmt::format("{}:{}{}{}", service == ObjectService::S3 ? "s3" : "swift", container,
                     prefix.empty() ? "" : "/", prefix);
}

}  // namespace streamsync
