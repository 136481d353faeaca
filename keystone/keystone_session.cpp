#include "keystone/keystone_session.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "keystone/login.h"

namespace streamsync {
namespace {

using Clock = std::chrono::steady_clock;

HttpOptions service_options(HttpOptions options, const Credentials& credentials) {
  options.origin = Origin::Target;
  options.tls = credentials.tls;
  options.ca_file = credentials.ca_file;
  options.ca_pem = credentials.ca_pem;
  return options;
}

/// A service that is sent a token is not to lead it elsewhere (threats-and-faults.md T16). Requests
/// are followed only when they ask for it, and those with a token not even then.
void refuse_redirect(const Request& request, const Response& response) {
  if (response.status < 300 || response.status >= 400 || response.status == 304) return;
  throw Error(ErrorKind::Protocol, Origin::Target,
              fmt::format("{} {} answered {}, a redirect, which is not followed with a token: "
                          "check the endpoint in the catalog",
                          request.method, request.url.redacted(), response.status));
}

bool is_repeatable(const std::string& method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE";
}

/// Knows whether anything was asked of the source behind it.
class WatchedSource final : public ByteSource {
 public:
  explicit WatchedSource(ByteSource& source) : source_(source) {}

  std::size_t read(MutableBytes buffer) override {
    touched_ = true;
    return source_.read(buffer);
  }

  bool untouched() const noexcept { return !touched_; }

 private:
  ByteSource& source_;
  bool touched_ = false;
};

std::string listed(const std::set<std::string>& names) {
  return names.empty() ? "none" : printable(fmt::format("{}", fmt::join(names, ", ")));
}

/// The token goes where this says, so nothing but http and https will do.
Url service_url(const CatalogEndpoint& endpoint) {
  if (endpoint.url.rfind("http://", 0) == 0 || endpoint.url.rfind("https://", 0) == 0) {
    try {
      return Url::parse(endpoint.url);
    } catch (const Error&) {
      // Told below: for a catalog it is no configuration error of ours.
    }
  }
  throw Error(ErrorKind::Protocol, Origin::Target,
              fmt::format("the {} endpoint of {} in region \"{}\" of the catalog is not an http or "
                          "https URL",
                          printable(endpoint.interface), printable(endpoint.service_type),
                          printable(endpoint.region)));
}

/// As requests spell them, which is not always as the catalog does.
std::vector<std::string> object_stores_of(const std::vector<CatalogEndpoint>& catalog) {
  std::vector<std::string> urls;
  for (const auto& endpoint : catalog) {
    if (endpoint.service_type != "object-store") continue;
    try {
      urls.push_back(Url::parse(endpoint.url).str());
    } catch (const Error&) {
      // No request can go there.
    }
  }
  return urls;
}

}  // namespace

struct KeystoneSession::State {
  /// A grant with the moment from which it is not used any more.
  struct Lease {
    Grant grant;
    Clock::time_point renew_at;
    bool follows_forbidden =
        false;  ///< got because a 403 might have meant that the former was over
    std::vector<std::string> object_stores;

    bool is_for_object_store(const Url& url) const {
      return std::any_of(object_stores.begin(), object_stores.end(),
                         [&](const auto& store) { return url.str().starts_with(store); });
    }
  };
  using LeasePtr = std::shared_ptr<const Lease>;

  State(Credentials with, const HttpOptions& http, RetryPolicy policy, std::stop_token stop_token,
        ObjectStoreRoute route)
      : credentials(std::move(with)),
        client(service_options(http, credentials), stop_token),
        retries(policy),
        stop(std::move(stop_token)),
        object_store(route) {}

  LeasePtr current() {
    const std::lock_guard lock(mutex);
    if (!lease || Clock::now() >= lease->renew_at) lease = log_in();
    return lease;
  }

  /// Another thread may have been refused the same token and have dropped it already.
  void drop(const LeasePtr& refused, int status) {
    const std::lock_guard lock(mutex);
    if (lease != refused) return;
    lease.reset();
    was_forbidden = status == 403;
  }

  /// Whether another token may help. RADOS Gateway may say 403 to one that is over
  /// (threats-and-faults.md F15, §2.3); to the token after that it means it.
  static bool may_be_over(const Request& request, const Response& response, const Lease& used) {
    if (response.status == 401) return true;
    return response.status == 403 && !used.follows_forbidden &&
           used.is_for_object_store(request.url);
  }

  void choose_route(Request& request, const Lease& used) const {
    if (object_store == ObjectStoreRoute::Direct && used.is_for_object_store(request.url)) {
      request.route = Route::Direct;
    }
  }

  /// The mutex is held meanwhile: who needs a token has nothing better to do than wait for it.
  LeasePtr log_in() {
    const Request request = login_request(credentials);
    LeasePtr fresh;
    with_context("logging in to Keystone", [&] {
      retrying(retries, stop, nullptr, [&] {
        const auto asked_at = Clock::now();
        Grant grant = read_grant(credentials, request, client.send(request));
        const auto renew_at = asked_at + grant.life * 4 / 5;
        auto stores = object_stores_of(grant.catalog);
        fresh = std::make_shared<const Lease>(
            Lease{std::move(grant), renew_at, was_forbidden, std::move(stores)});
      });
    });
    was_forbidden = false;
    return fresh;
  }

  Response send_with_token(Request request, const std::function<Response(const Request&)>& exchange,
                           const std::function<bool()>& is_untouched) {
    LeasePtr used = current();
    choose_route(request, *used);
    request.token = used->grant.token;
    Response response = exchange(request);
    if (may_be_over(request, response, *used)) {
      drop(used, response.status);
      if (is_untouched()) {
        used = current();
        request.token = used->grant.token;
        response = exchange(request);
      } else {
        response.status = 401;
      }
    }
    refuse_redirect(request, response);
    return response;
  }

  Response send_once(const Request& request) {
    return send_with_token(
        request, [this](const Request& with_token) { return client.send(with_token); },
        [] { return true; });
  }

  const Credentials credentials;
  HttpClient client;
  const RetryPolicy retries;
  const std::stop_token stop;
  const ObjectStoreRoute object_store;

  std::mutex mutex;
  LeasePtr lease;              // guarded by mutex
  bool was_forbidden = false;  // guarded by mutex: what the lease that was dropped met
};

KeystoneSession::KeystoneSession(Credentials credentials, HttpOptions http, RetryPolicy retries,
                                 std::stop_token stop, ObjectStoreRoute object_store)
    : state_(std::make_unique<State>(std::move(credentials), http, retries, std::move(stop),
                                     object_store)) {}

KeystoneSession::~KeystoneSession() = default;

const Credentials& KeystoneSession::credentials() const noexcept { return state_->credentials; }

std::string KeystoneSession::project_id() { return state_->current()->grant.project_id; }

bool KeystoneSession::has_role(std::string_view name) {
  const auto lease = state_->current();
  const auto& roles = lease->grant.roles;
  return std::find(roles.begin(), roles.end(), name) != roles.end();
}

std::vector<std::string> KeystoneSession::regions_of(std::string_view service_type) {
  const auto lease = state_->current();
  std::set<std::string> regions;
  for (const auto& endpoint : lease->grant.catalog) {
    if (endpoint.service_type == service_type &&
        endpoint.interface == to_string(credentials().interface)) {
      regions.insert(endpoint.region);
    }
  }
  return {regions.begin(), regions.end()};
}

std::set<std::string> KeystoneSession::regions_on_any_interface(std::string_view service_type) {
  const auto lease = state_->current();
  std::set<std::string> regions;
  for (const auto& endpoint : lease->grant.catalog) {
    if (endpoint.service_type == service_type) regions.insert(endpoint.region);
  }
  return regions;
}

std::optional<Url> KeystoneSession::find_endpoint(std::string_view service_type,
                                                  std::string_view region) {
  return find_endpoint(service_type, region, to_string(credentials().interface));
}

std::optional<Url> KeystoneSession::find_endpoint(std::string_view service_type,
                                                  std::string_view region,
                                                  std::string_view interface) {
  const auto lease = state_->current();
  for (const auto& endpoint : lease->grant.catalog) {
    if (endpoint.service_type == service_type && endpoint.region == region &&
        endpoint.interface == interface) {
      return service_url(endpoint);
    }
  }
  return std::nullopt;
}

std::vector<std::string> KeystoneSession::urls_of(std::string_view service_type,
                                                  std::string_view region,
                                                  std::string_view interface) {
  const auto lease = state_->current();
  std::vector<std::string> urls;
  for (const auto& endpoint : lease->grant.catalog) {
    if (endpoint.service_type == service_type && endpoint.region == region &&
        endpoint.interface == interface) {
      urls.push_back(endpoint.url);
    }
  }
  return urls;
}

Url KeystoneSession::endpoint(std::string_view service_type, std::string_view region) {
  if (auto url = find_endpoint(service_type, region)) return *std::move(url);
  const auto lease = state_->current();
  const auto regions = regions_of(service_type);
  std::set<std::string> interfaces, services;
  for (const auto& endpoint : lease->grant.catalog) {
    services.insert(endpoint.service_type);
    if (endpoint.service_type == service_type && endpoint.region == region) {
      interfaces.insert(endpoint.interface);
    }
  }
  std::string message =
      fmt::format("the catalog of {} has no {} endpoint of {} in region \"{}\"",
                  credentials().auth_url.redacted(), to_string(credentials().interface),
                  service_type, printable(region));
  if (!regions.empty()) {
    message += "; regions that have one: " + listed({regions.begin(), regions.end()});
  } else if (interfaces.empty()) {
    message += "; services that it has: " + listed(services);
  }
  if (!interfaces.empty()) message += "; interfaces of it there: " + listed(interfaces);
  throw Error(ErrorKind::NotFound, Origin::Target, message);
}

void KeystoneSession::with_retries(const std::function<void()>& action) {
  retrying(state_->retries, state_->stop, nullptr, action);
}

Response KeystoneSession::send(Request request) {
  if (!is_repeatable(request.method)) return state_->send_once(request);
  std::optional<Response> answer;
  try {
    with_retries([&] {
      answer.reset();
      answer = state_->send_once(request);
      // Whether it is worth a repetition is decided where everything that is retried is judged.
      require_ok(request, *answer, Origin::Target);
    });
  } catch (const Error&) {
    if (!answer) throw;
  }
  return *std::move(answer);
}

Response KeystoneSession::put(Request request, ByteSource& body, std::uint64_t size) {
  WatchedSource watched(body);
  return state_->send_with_token(
      std::move(request),
      [&](const Request& with_token) { return state_->client.put(with_token, watched, size); },
      [&] { return watched.untouched(); });
}

Response KeystoneSession::get(Request request, ByteSink& body) {
  // An answer that isn't 2xx does not reach the sink.
  return state_->send_with_token(
      std::move(request),
      [&](const Request& with_token) { return state_->client.get(with_token, body); },
      [] { return true; });
}

Response KeystoneSession::get_as_anyone(Request request, ByteSink& body) {
  state_->choose_route(request, *state_->current());
  return state_->client.get(request, body);
}

}  // namespace streamsync
