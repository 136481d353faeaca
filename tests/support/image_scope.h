#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "glance/glance_target.h"
#include "tests/support/cloud_account.h"

namespace streamsync::testing {

/// A project's images under a content_id that nobody else has; gone with the object.
class ImageScope {
 public:
  explicit ImageScope(const Credentials& credentials)
      : session(session_with(credentials)),
        region(credentials.region.value()),
        endpoint(session.endpoint("image", region)),
        images(session, endpoint) {
    std::random_device random;
    policy.content_id = fmt::format("test.{:08x}{:08x}", random(), random());
    policy.name_prefix = "auto-sync/";
  }
  ~ImageScope() {
    for (const Image& image : list()) images.remove(image.id);
    std::error_code ignored;
    std::filesystem::remove_all(journal(), ignored);
  }
  ImageScope(const ImageScope&) = delete;
  ImageScope& operator=(const ImageScope&) = delete;

  GlanceTarget target() { return {session, endpoint, region, policy, journal()}; }
  std::filesystem::path journal() const {
    return std::filesystem::temp_directory_path() / policy.content_id;
  }

  /// As the project sees them; with hidden ones.
  std::vector<Image> list() { return list_in(images); }

  /// As another project's client sees them.
  std::vector<Image> list_in(ImageClient& client) const {
    std::vector<Image> all;
    for (const char* hidden : {"false", "true"}) {
      const auto some = client.list({{"content_id", policy.content_id}, {"os_hidden", hidden}});
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }

  KeystoneSession session;
  std::string region;
  Url endpoint;
  ImageClient images;
  ImagePolicy policy;
};

}  // namespace streamsync::testing
