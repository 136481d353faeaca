#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "glance/image_client.h"
#include "streams/target.h"

namespace streamsync {

/// Marks the newest image of each os_version and architecture (`upstream-gss.md` §2.4).
constexpr const char* kLatestProperty = "latest";

/// Ids of images, in the order in which nobody ever finds none.
struct LatestChanges {
  std::vector<std::string> set;    ///< those that are the newest and are not marked
  std::vector<std::string> clear;  ///< then those that are marked and are not the newest any more
};

/// `shown` are the images that stay, `listed` those that were there, by id. Of several newest ones
/// the kind decides that is published (`cli.md` §4.5), then the address, so that each run finds the
/// same. Protected images are left alone.
LatestChanges latest_changes(std::span<const Held> shown,
                             const std::map<std::string, Image>& listed);

}  // namespace streamsync
