#pragma once

#include <optional>
#include <string>

#include "keystone/keystone_session.h"

namespace streamsync {

/// That users may know a cloud's Keystone by another URL than the one of our credentials, which is
/// published as long as there is no `publish_endpoint` (`consumers.md` §4, line 13).
std::optional<std::string> endpoint_warning(KeystoneSession& session);

}  // namespace streamsync
