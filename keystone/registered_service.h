#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "keystone/keystone_session.h"
#include "keystone/service_catalog.h"

namespace streamsync {

/// How consumers find a service: by its type. The name is for people.
struct ServiceIdentity {
  std::string type, name;
};

/// A URL of a service, and the interface that it is for: "public", "internal" or "admin".
struct InterfaceUrl {
  std::string interface, url;
};

/// What became of the catalog.
struct CatalogChange {
  std::set<std::string> interfaces;  ///< of the endpoints that were made or changed
  std::vector<std::string> notes;    ///< what people should know
};

/// One service in one region, of which the catalog is to say where it is.
class RegisteredService {
 public:
  RegisteredService(KeystoneSession& session, ServiceIdentity identity, std::string region);

  /// Makes the service and its endpoints, or changes them. Nothing is removed, and no interface
  /// touched that is not named. People are told what led elsewhere before, and what leads
  /// elsewhere still. Throws when consumers are not led there after all.
  CatalogChange lead_to(const std::vector<InterfaceUrl>& urls);

 private:
  CatalogService service_among(const std::vector<CatalogService>& services);
  void bring_to(const InterfaceUrl& wanted, const std::string& service_id,
                const std::vector<ServiceEndpoint>& endpoints);
  void note_others(const std::vector<CatalogService>& services, const std::string& used);

  ServiceCatalog catalog_;
  ServiceIdentity identity_;
  std::string region_;
  CatalogChange change_;
};

}  // namespace streamsync
