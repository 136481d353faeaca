#include "sync/cli/destinations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <utility>

#include "base/http/proxy_choice.h"
#include "base/text.h"
#include "directory/directory_target.h"
#include "glance/glance_target.h"
#include "objects/object_documents.h"
#include "objects/object_tree.h"
#include "s3/s3_store.h"
#include "swift/swift_store.h"
#include "sync/cli/published_endpoint.h"
#include "sync/cli/stream_endpoints.h"
#include "sync/object_place.h"

namespace streamsync {
namespace {

constexpr std::string_view kImageService = "image";
constexpr std::string_view kObjectStore = "object-store";

// Upstream's place (`upstream-gss.md` §5.3).
const std::filesystem::path kIdentityFile = "/etc/glance-simplestreams-sync/identity.yaml";

// What upstream selects when an entry has no filters (§2.1).
const std::vector<std::string> kImageFilters{"ftype~(disk1.img|disk.img)",
                                             "arch~(x86_64|amd64|i386)"};

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorKind::Config, Origin::Config, why);
}

// Entries of clouds.yaml: the first of the ways in `cli.md` §3, end.
std::vector<std::string> named_clouds(const Config& config, const Environment& environment) {
  if (!config.clouds.empty()) {
    return config.clouds;
  }
  const auto cloud = environment("OS_CLOUD");
  return cloud && !cloud->empty() ? std::vector{*cloud} : std::vector<std::string>{};
}

// Without such an entry, in this order.
Credentials unnamed_credentials(const Options& options) {
  if (auto credentials = credentials_from_environment(options.environment)) {
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

// What the operator says holds for every cloud, else what its credentials say (`cli.md` §4.7).
std::vector<std::string> named_regions(const Config& config, const Credentials& credentials) {
  if (!config.regions.empty()) {
    return config.regions;
  }
  return credentials.region ? std::vector{*credentials.region} : std::vector<std::string>{};
}

std::vector<std::string> find_regions(const Config& config, const Cloud& cloud,
                                      std::string_view service_type) {
  auto regions = named_regions(config, cloud.session->credentials());
  if (!regions.empty()) {
    return regions;
  }
  regions = cloud.session->regions_of(service_type);
  if (regions.size() != 1) {
    refuse(fmt::format(
        "{} has {} regions with {} service ({}): say which with 'region' or "
        "'regions', or with region_name in clouds.yaml",
        cloud.name.empty() ? "the cloud" : fmt::format("cloud \"{}\"", cloud.name), regions.size(),
        service_type == kImageService ? "an image" : "an object-store", fmt::join(regions, ", ")));
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

HttpOptions target_http(const Config& config) {
  HttpOptions http;
  http.timeouts = config.timeouts;
  http.user_agent = "streamsync";
  http.origin = Origin::Target;
  return http;
}

// Before anything is touched; in the middle of a run it could only end it.
void require_unexposed(const Url& url) {
  if (const auto why = exposure_to_proxy(url, std::nullopt)) refuse(*why);
}

// What is there of swift:CONTAINER in a region.
Url object_store_of(const Config& config, KeystoneSession& session, const std::string& region) {
  auto endpoint = session.endpoint(kObjectStore, region);
  if (!config.ignore_proxy_for_object_store) require_unexposed(endpoint);
  return endpoint;
}

bool names_one(const std::vector<std::string>& targets, ObjectService service) {
  return std::any_of(targets.begin(), targets.end(), [service](const std::string& target) {
    const auto place = ObjectPlace::parse(target);
    return place && place->service == service;
  });
}

bool needs_s3(const Config& config) {
  return names_one(config.images, ObjectService::S3) ||
         (config.to_glance() && names_one(config.publications(), ObjectService::S3));
}

bool needs_cloud(const Config& config) {
  return config.to_glance() || names_one(config.images, ObjectService::Swift);
}

// Where each stream is: no two regions or clouds may have one in one place (`cli.md` §4.7).
class StreamPlaces {
 public:
  void add_store(const std::string& store, const std::string& content_id) {
    if (!known_.insert(store + "\n" + content_id).second) {
      refuse(
          "content_id_template: two regions publish to one store; put {region} into it, or let "
          "each cloud publish to a store of its own");
    }
  }

  void add_images(const std::string& endpoint, const std::string& project_id,
                  const std::string& content_id) {
    if (!known_.insert(endpoint + "\n" + project_id + "\n" + content_id).second) {
      refuse(
          "content_id_template: two regions have one image service and project; put {region} into "
          "it, or name only one of them");
    }
  }

 private:
  std::set<std::string> known_;
};

// The regions of one cloud.
class CloudDestinations {
 public:
  /// `s3` is none where nothing is published to S3, `signer` where nothing is signed.
  CloudDestinations(const Config& config, const Cloud& cloud, StreamPlaces& places, S3Client* s3,
                    DocumentCache& cache, Signer* signer)
      : config_(config),
        cloud_(cloud),
        session_(*cloud.session),
        places_(places),
        s3_(s3),
        cache_(cache),
        signer_(signer) {}

  std::vector<Destination> make() {
    std::vector<Destination> destinations;
    try {
      // Logs in: a cloud that is down is waited for once, not for each region.
      session_.project_id();
      for (const auto& region : find_regions(config_, cloud_, kImageService)) {
        destinations.push_back(make_or_fail(region));
      }
    } catch (const Error& error) {
      auto regions = named_regions(config_, session_.credentials());
      if (regions.empty()) regions.emplace_back();
      for (const auto& region : regions) destinations.push_back(unavailable(region, error));
    }
    return destinations;
  }

 private:
  Destination make_or_fail(const std::string& region) {
    try {
      return make_region(region);
    } catch (const Error& error) {
      return unavailable(region, error);
    }
  }

  Destination empty_region(const std::string& region) const {
    Destination destination;
    destination.target = "glance";
    destination.cloud = cloud_.name;
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
    const auto endpoint = session_.endpoint(kImageService, region);
    require_unexposed(endpoint);
    places_.add_images(endpoint.str(), session_.project_id(), policy.content_id);
    destination.items = std::make_unique<GlanceTarget>(session_, endpoint, region, policy,
                                                       config_.state_dir / "uploads");
    add_publication(destination, policy.content_id);
    return destination;
  }

  void add_publication(Destination& destination, const std::string& content_id) {
    std::vector<std::unique_ptr<MetadataTarget>> stores;
    std::unique_ptr<Registration> registration;
    const auto targets = config_.publications();
    for (const auto& target : targets) {
      // Without an object store images are still synced (threats-and-faults.md F16).
      try {
        stores.push_back(make_store(target, destination.region, content_id));
        if (&target == &targets.front())
          registration = make_registration(target, destination.region);
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
        std::move(stores), cache_, fmt::format("{} {}", cloud_.name, session_.project_id()),
        signer_, std::move(registration));
  }

  // As the charm's relation with Keystone has it: one URL for each interface (`upstream-gss.md`
  // §5.6).
  std::unique_ptr<Registration> make_registration(const std::string& target,
                                                  const std::string& region) {
    if (!config_.register_endpoint) return nullptr;
    std::vector<TreeAddress> addresses;
    for (const auto interface : {Interface::Public, Interface::Internal, Interface::Admin}) {
      const std::string name(to_string(interface));
      if (auto url = url_of(target, region, name)) addresses.push_back({name, *std::move(url)});
    }
    return std::make_unique<Registration>(std::make_unique<StreamEndpoints>(session_, region),
                                          std::move(addresses));
  }

  // None for an interface of which the region's object store has none.
  std::optional<std::string> url_of(const std::string& target, const std::string& region,
                                    const std::string& interface) {
    if (config_.register_endpoint->url) return config_.register_endpoint->url;
    const auto place = ObjectPlace::parse(target).value();
    const auto path = percent_encode_path(
        place.prefix.empty() ? place.container : place.container + "/" + place.prefix);
    if (place.service == ObjectService::S3) {
      return without_userinfo(s3_->endpoint().append(path).str());
    }
    if (const auto url = store_url(region, interface)) return url->append(path).str();
    if (interface != to_string(Interface::Public)) return std::nullopt;
    throw Error(ErrorKind::NotFound, Origin::Target,
                fmt::format("register_endpoint: the catalog has no public endpoint of {} in region "
                            "\"{}\": without one nobody can be led there",
                            kObjectStore, region));
  }

  // What the catalog says wrongly of interfaces that Juju does not use is left to whoever keeps it.
  std::optional<Url> store_url(const std::string& region, const std::string& interface) {
    try {
      return session_.find_endpoint(kObjectStore, region, interface);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::Protocol || interface == to_string(Interface::Public)) throw;
      return std::nullopt;
    }
  }

  std::unique_ptr<MetadataTarget> make_store(const std::string& target, const std::string& region,
                                             const std::string& content_id) {
    auto place = ObjectPlace::parse(target);
    if (!place) {
      places_.add_store(target, content_id);
      return std::make_unique<DirectoryTarget>(target.starts_with("dir:") ? target.substr(4)
                                                                          : target);
    }
    if (place->service == ObjectService::S3) {
      places_.add_store(target, content_id);
      return std::make_unique<ObjectDocuments>(
          std::make_shared<S3Store>(*s3_, std::move(place->container)), std::move(place->prefix));
    }
    const auto endpoint = object_store_of(config_, session_, region);
    places_.add_store(endpoint.str() + target, content_id);
    return std::make_unique<ObjectDocuments>(
        std::make_shared<SwiftStore>(session_, endpoint, std::move(place->container)),
        std::move(place->prefix));
  }

  const Config& config_;
  const Cloud& cloud_;
  KeystoneSession& session_;
  StreamPlaces& places_;
  S3Client* s3_;
  DocumentCache& cache_;
  Signer* signer_;
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
  /// `s3` is none where nothing is to go there.
  TreeDestinations(const Config& config, const std::vector<Cloud>& clouds, S3Client* s3,
                   std::stop_token stop)
      : config_(config), clouds_(clouds), s3_(s3), stop_(std::move(stop)) {}

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
    destination.documents = tree.get();
    destination.items = std::move(tree);
  }

  std::shared_ptr<ObjectStore> open(const ObjectPlace& place) {
    if (place.service == ObjectService::S3) {
      return std::make_shared<S3Store>(*s3_, place.container);
    }
    if (clouds_.size() != 1) {
      refuse(fmt::format("images: {} is in one cloud, and {} are named: {}", place.str(),
                         clouds_.size(), fmt::join(config_.clouds, ", ")));
    }
    const auto& cloud = clouds_.front();
    const auto regions = find_regions(config_, cloud, kObjectStore);
    if (regions.size() != 1) {
      refuse(fmt::format("images: {} is in one region, and {} are named: {}", place.str(),
                         regions.size(), fmt::join(regions, ", ")));
    }
    auto& session = *cloud.session;
    return std::make_shared<SwiftStore>(session, object_store_of(config_, session, regions[0]),
                                        place.container);
  }

  const Config& config_;
  const std::vector<Cloud>& clouds_;
  S3Client* s3_;
  std::stop_token stop_;
};

std::vector<Cloud> find_clouds(const Config& config, const Options& options, std::stop_token stop) {
  std::vector<Cloud> clouds;
  const auto route =
      config.ignore_proxy_for_object_store ? ObjectStoreRoute::Direct : ObjectStoreRoute::AsOthers;
  const auto add = [&](const std::string& name, Credentials credentials) {
    require_unexposed(credentials.auth_url);
    if (config.use_internal_endpoints) credentials.interface = Interface::Internal;
    if (!credentials.ca_file && !credentials.ca_pem) credentials.ca_pem = config.ssl_ca;
    clouds.push_back(
        {name, std::make_unique<KeystoneSession>(std::move(credentials), target_http(config),
                                                 config.retries, stop, route)});
  };
  for (const auto& name : named_clouds(config, options.environment)) {
    add(name, credentials_from_cloud(name, options.environment));
  }
  if (clouds.empty()) {
    add("", unnamed_credentials(options));
  }
  return clouds;
}

// Consumers reach each Keystone by its own URL.
void require_one_keystone(const Config& config, const std::vector<Cloud>& clouds) {
  std::set<std::string> keystones;
  for (const auto& cloud : clouds) {
    keystones.insert(cloud.session->credentials().auth_url.str());
  }
  if (config.publish_endpoint && keystones.size() > 1) {
    refuse(
        fmt::format("publish_endpoint: is one URL, and the clouds have {} Keystones; take it "
                    "out, or sync them with a configuration each",
                    keystones.size()));
  }
}

// Of a cloud that can be asked.
bool publishes_auth_url(const Config& config, const std::vector<Destination>& regions) {
  return !config.publish_endpoint && !config.publications().empty() &&
         std::any_of(regions.begin(), regions.end(),
                     [](const Destination& region) { return !region.unavailable; });
}

}  // namespace

Destinations make_destinations(const Config& config, const Options& options, DocumentCache& cache,
                               std::stop_token stop) {
  Destinations destinations;
  if (config.to_glance() && config.signing_key) {
    destinations.signer = std::make_unique<Signer>(*config.signing_key);
  }
  if (needs_s3(config)) {
    auto account = s3_account_from(options.environment);
    require_unexposed(account.endpoint);
    destinations.s3 =
        std::make_unique<S3Client>(std::move(account), target_http(config), config.retries, stop);
  }
  if (needs_cloud(config)) {
    destinations.clouds = find_clouds(config, options, stop);
    require_one_keystone(config, destinations.clouds);
  }
  if (config.to_glance()) {
    StreamPlaces places;
    for (const auto& cloud : destinations.clouds) {
      CloudDestinations regions(config, cloud, places, destinations.s3.get(), cache,
                                destinations.signer.get());
      auto made = regions.make();
      if (publishes_auth_url(config, made)) {
        if (auto warning = endpoint_warning(*cloud.session)) {
          destinations.warnings.push_back(*std::move(warning));
        }
      }
      std::move(made.begin(), made.end(), std::back_inserter(destinations.all));
    }
    for (auto& destination : destinations.all) {
      for (std::size_t entry = 0; entry < config.mirrors.size(); ++entry) {
        destination.entries.push_back(entry);
      }
    }
  }
  TreeDestinations trees(config, destinations.clouds, destinations.s3.get(), stop);
  for (auto& destination : trees.make()) destinations.all.push_back(std::move(destination));
  return destinations;
}

}  // namespace streamsync
