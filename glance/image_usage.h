#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/http/url.h"
#include "keystone/keystone_session.h"

namespace streamsync {

/// Who uses images.
struct ImageUse {
  std::map<std::string, std::string> users;  ///< by image id, for people: "server 4f1c…"
  std::string doubt;  ///< why the others may be in use all the same; empty when they are not
};

/// Asks those of a cloud who make things of images: Compute for servers, Block Storage for volumes,
/// of all projects. What the catalog lacks on every interface is not asked; what is there and can't
/// be asked, or does not answer, leaves a doubt, which is no error.
class ImageUsage {
 public:
  /// `images` is the endpoint of the Image service in `region`. Who has no other Image service uses
  /// its images, too, wherever it is.
  ImageUsage(KeystoneSession& session, Url images, std::string region);

  /// One request for each image, and one for each page of volumes (docs/adr/0020).
  ImageUse ask(const std::set<std::string>& ids);

 private:
  std::vector<Url> endpoints_of(std::span<const std::string_view> service_types);
  Url endpoint_of(std::span<const std::string_view> service_types, const std::string& region);
  bool takes_images_from_here(const std::string& region);
  void ask_compute(const Url& endpoint, const std::set<std::string>& ids, ImageUse& use);
  /// Whose volumes Block Storage shows: it does not say.
  enum class Sight { Unknown, AllProjects };
  void ask_block_storage(const Url& endpoint, const std::set<std::string>& ids, Sight sight,
                         ImageUse& use);
  std::string get(const Url& url, std::string_view policy);

  KeystoneSession& session_;
  Url images_;
  std::string region_;
};

}  // namespace streamsync
