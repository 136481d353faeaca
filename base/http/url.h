#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/relative_path.h"

namespace streamsync {

/// An absolute http, https or file URL, parsed by libcurl's own parser (curl_url(3)), so that what
/// we check is what is requested. User and password may be inside; `str` is for requests,
/// `redacted` for people, logs and published metadata.
class Url {
 public:
  /// Throws `Error{Config, Config}`: what is wrong with it. Plain absolute or relative file names
  /// are taken as file URLs.
  static Url parse(std::string_view text);

  const std::string& str() const noexcept { return text_; }
  std::string redacted() const;
  const std::string& scheme() const noexcept { return scheme_; }
  const std::string& host() const noexcept { return host_; }
  /// Scheme, host and port: what credentials are bound to.
  const std::string& origin() const noexcept { return origin_; }
  const std::string& path() const noexcept { return path_; }
  /// User and password as the URL spells them; empty without.
  std::string_view userinfo() const noexcept;

  /// This URL as a directory, and `path` below it. Scheme, host, port and prefix stay.
  Url join(const RelativePath& path) const;
  /// `rest`, which is ours and needs no checking, glued on with exactly one '/' between.
  Url append(std::string_view rest) const;
  /// Where `reference`, of a Location header, leads from here (RFC 3986 §5, RFC 9110 §10.2.2). User
  /// and password stay behind. Throws as `parse` does.
  Url resolve(std::string_view reference) const;
  /// This URL, which has none, with the `userinfo()` of another.
  Url with_userinfo(std::string_view userinfo) const;
  /// With `key=value` added to the query, both percent-encoded.
  Url with_query(std::string_view key, std::string_view value) const;

  auto operator<=>(const Url&) const = default;

 private:
  Url() = default;
  std::string text_, scheme_, host_, origin_, path_;
};

/// `url` exactly as it was written, without user and password: for consumers that compare endpoints
/// as text (`consumers.md` §1.2).
std::string without_userinfo(std::string_view url);

/// Percent-encodes everything but unreserved characters (RFC 3986 §2.3) and '/'.
std::string percent_encode_path(std::string_view path);

}  // namespace streamsync
