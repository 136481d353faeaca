#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/http/http_client.h"
#include "keystone/keystone_session.h"

namespace streamsync {

/// A service that Keystone lists.
struct CatalogService {
  std::string id, name;
  bool enabled = true;
};

/// Where one interface of a service is in one region; `url` as it was written, see `url_template`.
struct ServiceEndpoint {
  std::string id, interface, url;
  bool enabled = true;
};

/// Keystone fills in fields such as %(project_id)s when it gives a URL out; any other '%' is
/// doubled, or the endpoint disappears from the catalog.
std::string url_template(std::string_view url);

/// The calls that read and change a catalog (Identity API v3, "Service catalog and endpoints"),
/// each one request. Keystone's own policies keep them to administrators; who is refused is told.
class ServiceCatalog {
 public:
  explicit ServiceCatalog(KeystoneSession& session);

  std::vector<CatalogService> services(std::string_view type);
  CatalogService create_service(std::string_view type, std::string_view name);
  std::vector<ServiceEndpoint> endpoints(std::string_view service_id, std::string_view region);
  void create_endpoint(std::string_view service_id, std::string_view region,
                       std::string_view interface, std::string_view url);
  void change_url(std::string_view endpoint_id, std::string_view url);

 private:
  Response send(const Request& request, std::string_view policy);

  KeystoneSession& session_;
  Url identity_;
};

}  // namespace streamsync
