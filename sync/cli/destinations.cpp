#include "sync/cli/destinations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/text.h"
#include "directory/directory_target.h"
#include "glance/glance_target.h"
#include "objects/object_documents.h"
#include "objects/object_tree.h"
#include "s3/s3_store.h"
#include "swift/swift_store.h"
#include "sync/object_place.h"

namespace streamsync {
namespace {

constexpr std::string_view kImageService = "image";
constexpr std::string_view kObjectStore = "object-store";
constexpr std::string_view kDefaultPublication = "swift:simplestreams/data";

// Upstream's place (`upstream-gss.md` §5.3).
const std::filesystem::path kIdentityFile = "/etc/glance-simplestreams-sync/identity.yaml";

// What upstream selects when an entry has no filters (§2.1).
const std::vector<std::string> kImageFilters{"ftype~(disk1.img|disk.img)",
                                             "arch~(x86_64|amd64|i386)"};

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorKind::Config, Origin::Config, why);
}

// In this order: `cli.md` §3, end.
Credentials find_credentials(const Config& config, const Options& options) {
  const Environment& environment = options.environment;
  const auto cloud = config.cloud ? config.cloud : environment("OS_CLOUD");
  if (cloud && !cloud->empty()) {
    return credentials_from_cloud(*cloud, environment);
  }
  if (auto credentials = credentials_from_environment(environment)) {
    return std::move(*credentials);
  }
  if (options.identity) {
    return credentials_from_identity_file(*options.identity);
  }
  if (std::filesystem::exists(kIdentityFile)) {
    return credentials_from_identity_file(kIdentityFile);
  }
  refuse(
      "no credentials for the cloud: set 'cloud' to an entry of clouds.yaml, or OS_AUTH_URL and "
      "the other OS_* variables, or name upstream's file with --identity FILE");
}

std::vector<std::string> find_regions(const Config& config, KeystoneSession& session,
                                      std::string_view service_type) {
  if (!config.regions.empty()) {
    return config.regions;
  }
  if (session.credentials().region) {
    return {*session.credentials().region};
  }
  auto regions = session.regions_of(service_type);
  if (regions.size() != 1) {
    refuse(
        fmt::format("the cloud has {} regions with {} service ({}): say which with "
                    "'region' or 'regions'",
                    regions.size(), service_type == kImageService ? "an image" : "an object-store",
                    fmt::join(regions, ", ")));
  }
  return regions;
}

// Upstream's str.format with nothing but {region} (`upstream-gss.md` §5.1).
std::string fill_in(std::string text, const std::string& region) {
  constexpr std::string_view kRegion = "{region}";
  for (auto at = text.find(kRegion); at != std::string::npos;
       at = text.find(kRegion, at + region.size())) {
    text.replace(at, kRegion.size(), region);
  }
  // It becomes a file name beside the index, and a URL (`consumers.md` §4, lines 2 and 6).
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
  constexpr std::array<std::string_view, 3> kReserved{"index", "index2", "mirrors"};
  const bool reserved = std::find(kReserved.begin(), kReserved.end(), text) != kReserved.end();
  if (text.empty() || reserved || text.front() == '.' ||
      text.find_first_not_of(kPlain) != std::string::npos) {
    refuse(
        fmt::format("content_id_template: '{}' must be letters, digits, '.', '_', ':' and '-', "
                    "with no field but {{region}}, and not index, index2 or mirrors",
                    text));
  }
  return text;
}

std::vector<std::string> publish_targets(const Config& config) {
  if (config.publish) {
    return *config.publish;
  }
  return config.use_swift ? std::vector<std::string>{std::string(kDefaultPublication)}
                          : std::vector<std::string>{};
}

HttpOptions target_http(const Config& config) {
  HttpOptions http;
  http.timeouts = config.timeouts;
  http.user_agent = "streamsync";
  http.origin = Origin::Target;
  return http;
}

bool names_one(const std::vector<std::string>& targets, ObjectService service) {
  return std::any_of(targets.begin(), targets.end(), [service](const std::string& target) {
    const auto place = ObjectPlace::parse(target);
    return place && place->service == service;
  });
}

bool needs_s3(const Config& config) {
  return names_one(config.images, ObjectService::S3) ||
         (config.to_glance() && names_one(publish_targets(config), ObjectService::S3));
}

bool needs_cloud(const Config& config) {
  return config.to_glance() || names_one(config.images, ObjectService::Swift);
}

class CloudDestinations {
 public:
  /// `s3` is none where nothing is published to S3, `signer` where nothing is signed.
  CloudDestinations(const Config& config, KeystoneSession& session, S3Client* s3,
                    DocumentCache& cache, Signer* signer)
      : config_(config), session_(session), s3_(s3), cache_(cache), signer_(signer) {}

  std::vector<Destination> make() {
    std::vector<Destination> destinations;
    std::vector<std::string> regions;
    try {
      regions = find_regions(config_, session_, kImageService);
    } catch (const Error& error) {
      destinations.push_back(unavailable("", error));
    }
    for (const auto& region : regions) {
      try {
        destinations.push_back(make_region(region));
      } catch (const Error& error) {
        destinations.push_back(unavailable(region, error));
      }
    }
    return destinations;
  }

 private:
  Destination empty_region(const std::string& region) const {
    Destination destination;
    destination.target = "glance";
    destination.cloud = config_.cloud.value_or("");
    destination.region = region;
    destination.scope = CatalogScope::ImageDownloads;
    destination.default_filters = kImageFilters;
    return destination;
  }

  // One region or cloud that can't be asked stops nothing else; what can't be meant stops all.
  Destination unavailable(const std::string& region, const Error& error) const {
    if (error.kind() == ErrorKind::Config) {
      throw Error(error);
    }
    auto destination = empty_region(region);
    destination.unavailable = error;
    return destination;
  }

  Destination make_region(const std::string& region) {
    ImagePolicy policy;
    policy.content_id = fill_in(config_.content_id_template, region);
    policy.name_prefix = config_.name_prefix;
    policy.visibility = config_.visibility;
    policy.custom_properties = config_.custom_properties;
    policy.hypervisor_mapping = config_.hypervisor_mapping;
    policy.set_latest_property = config_.set_latest_property;

    auto destination = empty_region(region);
    destination.items = std::make_unique<GlanceTarget>(
        session_, session_.endpoint(kImageService, region), region, policy);
    add_publication(destination, policy.content_id);
    return destination;
  }

  void add_publication(Destination& destination, const std::string& content_id) {
    std::vector<std::unique_ptr<MetadataTarget>> stores;
    for (const auto& target : publish_targets(config_)) {
      // Without an object store images are still synced (threats-and-faults.md F16).
      try {
        stores.push_back(make_store(target, destination.region, content_id));
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::NotFound) {
          throw;
        }
        destination.publication_error = error;
      }
    }
    const auto& endpoint = config_.publish_endpoint ? *config_.publish_endpoint
                                                    : session_.credentials().auth_url_as_given;
    destination.publication = std::make_unique<ImageIdsPublication>(
        ImageIdsStream{content_id, config_.cloud_name, destination.region, endpoint},
        std::move(stores), cache_, signer_);
  }

  std::unique_ptr<MetadataTarget> make_store(const std::string& target, const std::string& region,
                                             const std::string& content_id) {
    auto place = ObjectPlace::parse(target);
    if (!place) {
      require_own_store(target, content_id);
      return std::make_unique<DirectoryTarget>(target.starts_with("dir:") ? target.substr(4)
                                                                          : target);
    }
    if (place->service == ObjectService::S3) {
      require_own_store(target, content_id);
      return std::make_unique<ObjectDocuments>(
          std::make_shared<S3Store>(*s3_, std::move(place->container)), std::move(place->prefix));
    }
    const auto endpoint = session_.endpoint(kObjectStore, region);
    require_own_store(endpoint.str() + target, content_id);
    return std::make_unique<ObjectDocuments>(
        std::make_shared<SwiftStore>(session_, endpoint, std::move(place->container)),
        std::move(place->prefix));
  }

  // One published tree per region (`cli.md` §4.7).
  void require_own_store(const std::string& store, const std::string& content_id) {
    if (!stores_.insert(store + "\n" + content_id).second) {
      refuse("content_id_template: two regions publish to one store; put {region} into it");
    }
  }

  const Config& config_;
  KeystoneSession& session_;
  S3Client* s3_;
  DocumentCache& cache_;
  Signer* signer_;
  std::set<std::string> stores_;
};

// With several entries each has its own root below the tree, which must not depend on their order.
void require_own_names(const Config& config) {
  for (const auto& entry : config.mirrors) {
    const bool numbered = entry.name.find('#') != std::string::npos;
    if (config.mirrors.size() > 1 && numbered) {
      refuse(
          fmt::format("mirror_list: '{}' is not the only entry for its URL; give each a name, "
                      "which becomes a directory",
                      entry.name));
    }
  }
}

// Trees: the targets among `images` that are not Glance, each with a root for each entry.
class TreeDestinations {
 public:
  /// Sessions are none where nothing is to go there.
  TreeDestinations(const Config& config, KeystoneSession* session, S3Client* s3,
                   std::stop_token stop)
      : config_(config), session_(session), s3_(s3), stop_(std::move(stop)) {}

  std::vector<Destination> make() {
    std::vector<Destination> destinations;
    for (const auto& target : config_.images) {
      if (target == "glance") continue;
      require_own_names(config_);
      for (std::size_t entry = 0; entry < config_.mirrors.size(); ++entry) {
        destinations.push_back(make_tree(target, entry));
      }
    }
    return destinations;
  }

 private:
  Destination make_tree(const std::string& target, std::size_t entry) {
    Destination destination;
    destination.target = root_of(target, entry);
    destination.scope = CatalogScope::Everything;
    destination.entries = {entry};
    ObjectTreeLimits limits;
    limits.max_document = config_.max_document;
    try {
      if (const auto place = ObjectPlace::parse(destination.target)) {
        set_tree(destination, std::make_unique<ObjectTree>(open(*place), place->prefix, limits));
      } else {
        set_tree(destination, std::make_unique<DirectoryTarget>(destination.target, stop_));
      }
    } catch (const Error& error) {
      // As with a region: what can't be asked stops nothing else.
      if (error.origin() != Origin::Target) throw;
      destination.unavailable = error;
    }
    return destination;
  }

  std::string root_of(const std::string& target, std::size_t entry) const {
    const bool alone = config_.mirrors.size() == 1;
    const auto& name = config_.mirrors[entry].name;
    if (auto place = ObjectPlace::parse(target)) {
      if (!alone) place->prefix += (place->prefix.empty() ? "" : "/") + name;
      return place->str();
    }
    const std::filesystem::path root = target.starts_with("dir:") ? target.substr(4) : target;
    return alone ? root.string() : (root / name).string();
  }

  template <typename Tree>
  static void set_tree(Destination& destination, std::unique_ptr<Tree> tree) {
    destination.publication = std::make_unique<OriginalDocuments>(*tree);
    destination.items = std::move(tree);
  }

  std::shared_ptr<ObjectStore> open(const ObjectPlace& place) {
    if (place.service == ObjectService::S3) {
      return std::make_shared<S3Store>(*s3_, place.container);
    }
    const auto regions = find_regions(config_, *session_, kObjectStore);
    if (regions.size() != 1) {
      refuse(fmt::format("images: {} is in one region, and {} are named: {}", place.str(),
                         regions.size(), fmt::join(regions, ", ")));
    }
    return std::make_shared<SwiftStore>(*session_, session_->endpoint(kObjectStore, regions[0]),
                                        place.container);
  }

  const Config& config_;
  KeystoneSession* session_;
  S3Client* s3_;
  std::stop_token stop_;
};

}  // namespace

Destinations make_destinations(const Config& config, const Options& options, DocumentCache& cache,
                               std::stop_token stop) {
  Destinations destinations;
  if (config.to_glance() && config.signing_key) {
    destinations.signer = std::make_unique<Signer>(*config.signing_key);
  }
  if (needs_s3(config)) {
    destinations.s3 = std::make_unique<S3Client>(s3_account_from(options.environment),
                                                 target_http(config), config.retries, stop);
  }
  if (needs_cloud(config)) {
    auto credentials = find_credentials(config, options);
    HttpOptions http = target_http(config);
    http.tls = credentials.tls;
    http.ca_file = credentials.ca_file;
    destinations.session =
        std::make_unique<KeystoneSession>(std::move(credentials), http, config.retries, stop);
  }
  if (config.to_glance()) {
    destinations.all = CloudDestinations(config, *destinations.session, destinations.s3.get(),
                                         cache, destinations.signer.get())
                           .make();
    for (auto& destination : destinations.all) {
      for (std::size_t entry = 0; entry < config.mirrors.size(); ++entry) {
        destination.entries.push_back(entry);
      }
    }
  }
  TreeDestinations trees(config, destinations.session.get(), destinations.s3.get(), stop);
  for (auto& destination : trees.make()) destinations.all.push_back(std::move(destination));
  return destinations;
}

}  // namespace streamsync
