#pragma once

#include <string>
#include <vector>

#include "keystone/registered_service.h"
#include "sync/registration.h"

namespace streamsync {

/// The service `product-streams` of one region in Keystone's catalog, by which Juju finds what is
/// published (`upstream-gss.md` §5.6).
class StreamEndpoints final : public StreamRegistry {
 public:
  StreamEndpoints(KeystoneSession& session, std::string region);

  std::string describe() const override;
  std::vector<std::string> urls_of(const std::string& interface) override;
  DocumentState read_as_anyone(const std::string& url, Attempts attempts) override;
  Change lead_to(const std::vector<TreeAddress>& addresses) override;

 private:
  DocumentState read_once(const Request& request);

  KeystoneSession& session_;
  std::string region_;
};

}  // namespace streamsync
