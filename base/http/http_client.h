#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/crypto/secret.h"
#include "base/error.h"
#include "base/http/served_hosts.h"
#include "base/http/silent_servers.h"
#include "base/http/url.h"
#include "base/io/bytes.h"

namespace streamsync {

/// libcurl's process-wide state. `main` owns one, before threads and clients.
class HttpRuntime {
 public:
  HttpRuntime();
  ~HttpRuntime();
  HttpRuntime(const HttpRuntime&) = delete;
  HttpRuntime& operator=(const HttpRuntime&) = delete;
};

struct HttpTimeouts {
  std::chrono::seconds connect{10};
  std::chrono::seconds first_byte{30};  ///< from the request's last byte to the answer's first
  std::chrono::seconds stall{60};       ///< less than 1 KB/s for so long
};

/// How far a request may be sent on (threats-and-faults.md T15, T16); redirect_trail.h has the
/// rules for all that are.
enum class Redirects {
  Refuse,    ///< a 3xx is returned as it is: services that are sent a token
  SameHost,  ///< what nobody has signed: whom we asked is all we know about it
  Follow,    ///< what a signature or a digest vouches for
};

/// Whether a request goes through the proxy that its client has, or past every one.
enum class Route { AsConfigured, Direct };

enum class TlsVerification { Required, Off };

/// A server that was silent for so long, and for so many requests, is not asked any more.
struct SilenceLimit {
  std::chrono::seconds time{600};
  std::size_t requests = 5;
};

struct HttpOptions {
  HttpTimeouts timeouts;
  TlsVerification tls = TlsVerification::Required;
  std::optional<std::filesystem::path> ca_file;  ///< beside the system's store
  std::optional<std::string> ca_pem;             ///< the same as text; `ca_file` goes first
  std::optional<std::string> proxy;              ///< else that of the environment: proxy_choice.h
  std::string user_agent;
  Origin origin = Origin::Source;           ///< whose fault a failure of this client is
  std::shared_ptr<ServedHosts> served{};    ///< where 2xx are noted; none: nowhere
  std::shared_ptr<SilentServers> silent{};  ///< where silence is noted; none: nowhere
  SilenceLimit silence_limit{};
};

/// Names compare without case (RFC 9110 §5.1).
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> fields) : fields_(fields) {}

  void add(std::string name, std::string value);
  std::optional<std::string> find(std::string_view name) const;
  /// The same, and our own copy of it is gone then; empty when there is none.
  Secret take_secret(std::string_view name);
  const std::vector<std::pair<std::string, std::string>>& all() const noexcept { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct Request {
  std::string method = "GET";
  Url url;
  Headers headers{};
  Secret token{};  ///< never logged
  std::string token_header{"X-Auth-Token"};
  std::string body{};
  Secret secret_body{};  ///< sent in place of `body`, never logged
  Redirects redirects = Redirects::Refuse;
  Route route = Route::AsConfigured;
  /// For all of it, redirects and the answer's body included; past it: `Error{Guard}`.
  std::optional<std::chrono::milliseconds> time_limit{};
};

struct Response {
  int status = 0;
  Headers headers{};
  /// Of `send`, and of every answer to `get` or `put` that is not 2xx; empty where the text of a
  /// refusal may hold what was secret in the request.
  std::string body;
  bool ok() const noexcept { return status >= 200 && status < 300; }
};

/// Says where the body of a 2xx goes, once its status and headers are known, before its first byte.
/// Not asked where there is none.
using BodyChoice = std::function<ByteSink&(const Response& head)>;

/// Blocking HTTP over libcurl, with file URLs answered as a server would (200, 404). Thread-safe:
/// each call leases one easy handle, so connections are kept alive between calls and there are as
/// many as calls at once. HTTP/1.1, no Expect, no cookies, no netrc, no content coding, no trace.
///
/// What the network does wrong is thrown as `Error` (Transient for what may pass; TLS and DNS
/// failures too); every HTTP status is returned, see `require_ok`. Once `stop` is requested, calls
/// end within a second with `Cancelled`. What is not asked because its server is silent
/// (see `SilenceLimit`) is Transient and given up at once. A leg that waits for its sink or source
/// is not stalled: only time spent in the network counts.
class HttpClient {
 public:
  HttpClient(HttpOptions options, std::stop_token stop);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Answer's body in memory, at most `kBodyLimit`, else `Error{Guard}`.
  Response send(const Request& request);
  /// Body of a 2xx goes to `body`, not finished here: the caller knows whether it is right. What
  /// `body.write` throws comes out unchanged.
  Response get(const Request& request, ByteSink& body);
  /// What `choose` throws comes out unchanged, too.
  Response get(const Request& request, const BodyChoice& choose);
  /// Sends `size` bytes from `body` with Content-Length, and reads the answer also when it comes
  /// early. A source that ends before `size` or throws makes the request fail without the server
  /// having seen a complete body; what `body.read` throws comes out unchanged.
  Response put(const Request& request, ByteSource& body, std::uint64_t size);

  const HttpOptions& options() const noexcept;

  static constexpr std::uint64_t kBodyLimit = 64 * 1024 * 1024;

 private:
  class Handle;
  class Pool;
  class Call;
  /// `action` runs a call; once more for each redirect.
  template <typename Action>
  Response follow(const Request& request, std::size_t text_limit, Action&& action);

  std::unique_ptr<Pool> pool_;
};

/// Returns when the status is 2xx; else throws the `Error` that the status means, with method,
/// redacted URL, status and the first line of the answer's text: 404, 410 NotFound; 401, 403
/// Denied; 409, 412 Conflict; 413, 507 NoRoom; 429, and 503 with Retry-After, RateLimited; 408, 5xx
/// Transient; else Protocol.
void require_ok(const Request& request, const Response& response, Origin origin);

}  // namespace streamsync
