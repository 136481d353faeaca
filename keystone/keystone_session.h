#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/http/http_client.h"
#include "base/http/retry.h"
#include "keystone/credentials.h"

namespace streamsync {

/// Whether the proxy of the environment is for the object store, too.
enum class ObjectStoreRoute { AsOthers, Direct };

/// One project's session with one cloud: token, catalog, and authenticated requests. Thread-safe.
/// The token is renewed at 80 % of its life, and once more when a service answers 401, or the
/// object store 403: RADOS Gateway may say that of a token that is over. Of its 403s the one after
/// that renewal counts. Every failure is an `Error` with origin Target.
class KeystoneSession {
 public:
  KeystoneSession(Credentials credentials, HttpOptions http, RetryPolicy retries,
                  std::stop_token stop, ObjectStoreRoute object_store = ObjectStoreRoute::AsOthers);
  ~KeystoneSession();

  const Credentials& credentials() const noexcept;
  /// The project the token is scoped to. Authenticates when not done yet, like all below.
  std::string project_id();
  /// Whether the token has this role in the project.
  bool has_role(std::string_view name);
  /// Regions of the catalog that have `service_type` on our interface, sorted.
  std::vector<std::string> regions_of(std::string_view service_type);
  /// The same on whatever interface.
  std::set<std::string> regions_on_any_interface(std::string_view service_type);
  /// Throws `Error{NotFound, Target}` naming service, region and interface; for an unknown region
  /// also those that exist.
  Url endpoint(std::string_view service_type, std::string_view region);
  /// The same, none when the catalog lacks it.
  std::optional<Url> find_endpoint(std::string_view service_type, std::string_view region);
  /// The same, of any interface.
  std::optional<Url> find_endpoint(std::string_view service_type, std::string_view region,
                                   std::string_view interface);
  /// All URLs of a service there, by any interface, as the catalog spells them.
  std::vector<std::string> urls_of(std::string_view service_type, std::string_view region,
                                   std::string_view interface);

  /// Sends with our token; renews it once on 401. Status is returned, not judged. Retries what
  /// `is_retryable` says when the request is safe to repeat (GET, PUT, DELETE, HEAD); POST and
  /// PATCH are the caller's to judge. A 5xx of a repeatable request is retried, then returned.
  Response send(Request request);
  /// One try; the token is renewed only when no body byte was asked for yet. A refusal that comes
  /// later is returned as 401, and the next call logs in anew.
  Response put(Request request, ByteSource& body, std::uint64_t size);
  Response get(Request request, ByteSink& body);

  /// Without our token, as anybody may.
  Response get_as_anyone(Request request, ByteSink& body);

  /// Repeats `action`, which must be safe to repeat as a whole, by this session's policy. For what
  /// is more than one `send`.
  void with_retries(const std::function<void()>& action);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace streamsync
