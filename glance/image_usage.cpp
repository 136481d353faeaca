#include "glance/image_usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "glance/image_client.h"
#include "glance/usage_json.h"

namespace streamsync {
namespace {

constexpr std::string_view kImageService = "image";
constexpr std::array<std::string_view, 1> kCompute{"compute"};
/// The service has had several types (service-types-authority); a catalog may have more than one of
/// them for the same.
constexpr std::array<std::string_view, 4> kBlockStorage{"block-storage", "block-store", "volumev3",
                                                        "volumev2"};

/// Cinder gives no more by default (osapi_max_limit is 1000), and a volume says a lot.
constexpr const char* kVolumesOfPage = "500";
constexpr std::size_t kMaxPages = 10'000;

bool is_version(std::string_view segment) {
  return segment.size() >= 2 && segment[0] == 'v' && segment[1] >= '0' && segment[1] <= '9';
}

/// A catalog may have the endpoint with or without its version, and with or without a project.
bool names_version(const Url& endpoint) {
  const auto segments = split(endpoint.path(), '/');
  return std::any_of(segments.begin(), segments.end(), is_version);
}

}  // namespace

ImageUsage::ImageUsage(KeystoneSession& session, Url images, std::string region)
    : session_(session), images_(std::move(images)), region_(std::move(region)) {}

ImageUse ImageUsage::ask(const std::set<std::string>& ids) {
  ImageUse use;
  try {
    const auto compute = endpoints_of(kCompute);
    for (const Url& endpoint : compute) ask_compute(endpoint, ids, use);
    // A role may be meant for one project only. Compute refuses who may not see all of them.
    const auto sight =
        !compute.empty() && session_.has_role("admin") ? Sight::AllProjects : Sight::Unknown;
    for (const Url& endpoint : endpoints_of(kBlockStorage)) {
      ask_block_storage(endpoint, ids, sight, use);
    }
  } catch (const Error& error) {
    use.doubt = error.what();
  }
  return use;
}

std::vector<Url> ImageUsage::endpoints_of(std::span<const std::string_view> service_types) {
  std::set<std::string> regions;
  for (const auto type : service_types) regions.merge(session_.regions_on_any_interface(type));
  std::vector<Url> endpoints;
  for (const auto& region : regions) {
    if (!takes_images_from_here(region)) continue;
    auto endpoint = endpoint_of(service_types, region);
    const bool is_new = std::find(endpoints.begin(), endpoints.end(), endpoint) == endpoints.end();
    if (is_new) endpoints.push_back(std::move(endpoint));
  }
  return endpoints;
}

/// A service that has no endpoint on our interface is there all the same: `endpoint` throws.
Url ImageUsage::endpoint_of(std::span<const std::string_view> service_types,
                            const std::string& region) {
  for (const auto type : service_types) {
    if (auto endpoint = session_.find_endpoint(type, region)) return *std::move(endpoint);
  }
  const auto type =
      std::find_if(service_types.begin(), service_types.end(), [&](std::string_view each) {
        return session_.regions_on_any_interface(each).contains(region);
      });
  return session_.endpoint(*type, region);
}

bool ImageUsage::takes_images_from_here(const std::string& region) {
  if (region == region_) return true;
  const auto images = session_.find_endpoint(kImageService, region);
  return !images || images_below(*images) == images_below(images_);
}

/// Servers in every status but those that are deleted (api-ref/compute, "List Servers Detailed").
void ImageUsage::ask_compute(const Url& endpoint, const std::set<std::string>& ids, ImageUse& use) {
  const Url servers =
      endpoint.append(names_version(endpoint) ? "servers/detail" : "v2.1/servers/detail");
  for (const auto& id : ids) {
    if (use.users.contains(id)) continue;
    const Url url =
        servers.with_query("all_tenants", "1").with_query("image", id).with_query("limit", "1");
    const auto body = get(url, "os_compute_api:servers:detail:get_all_tenants");
    const auto server =
        with_context("listing servers", [&body] { return read_first_server(body); });
    if (server) use.users.emplace(id, "server " + printable(*server));
  }
}

/// No filter of the documented ones finds the volumes of an image (api-ref/block-storage/v3, "List
/// accessible volumes with details").
void ImageUsage::ask_block_storage(const Url& endpoint, const std::set<std::string>& ids,
                                   Sight sight, ImageUse& use) {
  const auto project = session_.project_id();
  const Url first =
      endpoint
          .append(names_version(endpoint) ? "volumes/detail"
                                          : fmt::format("v3/{}/volumes/detail", project))
          .with_query("all_tenants", "1")
          .with_query("limit", kVolumesOfPage);
  std::string last;
  for (std::size_t pages = 0; pages < kMaxPages; ++pages) {
    const auto body = get(last.empty() ? first : first.with_query("marker", last),
                          "volume:get_all, and context_is_admin for those of all projects");
    const auto page = with_context("listing volumes", [&body] { return read_volume_page(body); });
    for (const auto& volume : page.volumes) {
      if (!volume.project.empty() && volume.project != project) sight = Sight::AllProjects;
      if (ids.contains(volume.image)) {
        use.users.emplace(volume.image, "volume " + printable(volume.id));
      }
    }
    if (page.is_last) {
      if (sight == Sight::AllProjects) return;
      // Without a word it leaves out what it would not show.
      throw Error(
          ErrorKind::Denied, Origin::Target,
          fmt::format("{} shows this user no volumes but its own project's: give it the "
                      "role admin, as Cinder's context_is_admin and Nova's policies have it",
                      first.redacted()));
    }
    if (std::exchange(last, page.volumes.back().id) == page.volumes.back().id) break;
  }
  throw Error(ErrorKind::Protocol, Origin::Target,
              fmt::format("{}: the list of volumes has no end", first.redacted()));
}

std::string ImageUsage::get(const Url& url, std::string_view policy) {
  const Request request{.method = "GET", .url = url, .headers = {}};
  Response response = session_.send(request);
  if (response.status == 403) {
    throw Error(ErrorKind::Denied, Origin::Target,
                fmt::format("GET {}: refused (403): give the user the role admin, or what the "
                            "policy {} asks for",
                            url.redacted(), policy));
  }
  require_ok(request, response, Origin::Target);
  return std::move(response.body);
}

}  // namespace streamsync
