#include "keystone/registered_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace streamsync {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorKind::Conflict, Origin::Target, why);
}

std::string shown(const CatalogService& service) {
  return fmt::format("{} \"{}\"", printable(service.id), printable(service.name));
}

}  // namespace

RegisteredService::RegisteredService(KeystoneSession& session, ServiceIdentity identity,
                                     std::string region)
    : catalog_(session), identity_(std::move(identity)), region_(std::move(region)) {}

CatalogChange RegisteredService::lead_to(const std::vector<InterfaceUrl>& urls) {
  change_ = {};
  const auto services = catalog_.services(identity_.type);
  const auto service = service_among(services);
  if (!service.enabled) {
    refuse(
        fmt::format("service {} is disabled, so nobody finds it: openstack service set --enable "
                    "{}",
                    shown(service), printable(service.id)));
  }
  const auto endpoints = catalog_.endpoints(service.id, region_);
  for (const auto& wanted : urls) bring_to(wanted, service.id, endpoints);
  note_others(services, service.id);
  return std::move(change_);
}

/// Whose name is ours is ours. The only one of its type is what consumers go by, whatever its name.
CatalogService RegisteredService::service_among(const std::vector<CatalogService>& services) {
  if (services.empty()) return catalog_.create_service(identity_.type, identity_.name);
  if (services.size() == 1) return services.front();
  const auto ours = std::find_if(
      services.begin(), services.end(),
      [this](const CatalogService& service) { return service.name == identity_.name; });
  if (ours != services.end()) return *ours;
  std::string names;
  for (const auto& service : services) names += (names.empty() ? "" : ", ") + shown(service);
  refuse(
      fmt::format("the catalog has {} services of type {}, none called {}, and it is chance "
                  "which of them consumers take: {}; keep one",
                  services.size(), identity_.type, identity_.name, names));
}

/// Of two endpoints of one interface and region either may be taken, so both are changed.
void RegisteredService::bring_to(const InterfaceUrl& wanted, const std::string& service_id,
                                 const std::vector<ServiceEndpoint>& endpoints) {
  bool is_there = false;
  for (const auto& endpoint : endpoints) {
    if (endpoint.interface != wanted.interface) continue;
    is_there = true;
    if (!endpoint.enabled) {
      refuse(
          fmt::format("the {} endpoint {} of {} in region \"{}\" is disabled, so nobody finds "
                      "it: openstack endpoint set --enable {}",
                      wanted.interface, printable(endpoint.id), identity_.type, region_,
                      printable(endpoint.id)));
    }
    if (endpoint.url == url_template(wanted.url)) continue;
    catalog_.change_url(endpoint.id, wanted.url);
    change_.interfaces.insert(wanted.interface);
    change_.notes.push_back(
        fmt::format("the {} endpoint {} of {} in region \"{}\" led to {}, and now "
                    "leads to {}",
                    wanted.interface, printable(endpoint.id), identity_.type, region_,
                    printable(without_userinfo(endpoint.url)), wanted.url));
  }
  if (!is_there) {
    catalog_.create_endpoint(service_id, region_, wanted.interface, wanted.url);
    change_.interfaces.insert(wanted.interface);
  }
}

void RegisteredService::note_others(const std::vector<CatalogService>& services,
                                    const std::string& used) {
  for (const auto& other : services) {
    if (other.id == used || !other.enabled) continue;
    for (const auto& endpoint : catalog_.endpoints(other.id, region_)) {
      if (endpoint.interface != "public" || !endpoint.enabled) continue;
      change_.notes.push_back(
          fmt::format("service {} is of type {} too, and its public endpoint {} in "
                      "region \"{}\" leads to {}: consumers may take that one; if it "
                      "is not wanted: openstack endpoint delete {}",
                      shown(other), identity_.type, printable(endpoint.id), region_,
                      printable(without_userinfo(endpoint.url)), printable(endpoint.id)));
    }
  }
}

}  // namespace streamsync
