#include "glance/image_client.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "glance/image_json.h"

namespace streamsync {
namespace {

/// The most that Glance gives in one answer unless it is configured otherwise (api_limit_max).
constexpr const char* kPageLimit = "1000";
constexpr std::size_t kReasonLimit = 300;

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

std::string without_tags(std::string_view page) {
  std::string text;
  bool in_tag = false;
  for (const char c : page) {
    if (c == '<') in_tag = true;
    const bool blank = in_tag || c == ' ' || c == '\n' || c == '\r' || c == '\t';
    if (c == '>') in_tag = false;
    if (!blank) {
      text += c;
    } else if (!text.empty() && text.back() != ' ') {
      text += ' ';
    }
  }
  return text;
}

/// Glance wraps its reasons in small HTML pages: title, heading, then the reason.
std::string reason_in(std::string_view page) {
  constexpr std::string_view kHeadingEnd = "</h1>";
  const std::size_t heading = page.find(kHeadingEnd);
  if (heading != std::string_view::npos) page.remove_prefix(heading + kHeadingEnd.size());

  std::string reason = without_tags(page.substr(0, 4 * kReasonLimit));
  replace_all(reason, "&#x27;", "'");
  replace_all(reason, "&quot;", "\"");
  replace_all(reason, "&lt;", "<");
  replace_all(reason, "&gt;", ">");
  replace_all(reason, "&amp;", "&");
  return std::string(trimmed(std::string_view(reason).substr(0, kReasonLimit)));
}

/// Several rules decide about a change of visibility, and Glance names the one that refused.
std::string_view refusing_rule(std::string_view reason, std::string_view expected) {
  constexpr std::string_view kBefore = "not authorized to complete ";
  const auto before = reason.find(kBefore);
  if (before == std::string_view::npos) return expected;
  reason.remove_prefix(before + kBefore.size());
  const auto rule = reason.substr(0, reason.find(' '));
  return rule == "this" ? expected : rule;
}

/// As Glance's policies are unless they are configured otherwise (glance/policies/image.py).
std::string_view role_asked_for_by(std::string_view rule) {
  if (rule == "publicize_image") return "admin";
  if (rule.starts_with("get_image")) return "reader in the project, or admin";
  return "member in the project, or admin";
}

/// What is to be changed in the cloud where Glance forbids it for `reason`.
std::string who_may(std::string_view reason, std::string_view policy) {
  // "Attribute 'x' is reserved.", as the members that no user may set, which we don't.
  if (reason.find("' is reserved") != std::string_view::npos) {
    return " (Glance's property protection: give the user a role that may create, read, update "
           "and delete this property)";
  }
  const auto rule = refusing_rule(reason, policy);
  return fmt::format(" (Glance policy: {}, which by default asks for the role {})", rule,
                     role_asked_for_by(rule));
}

/// `policy` is the rule of Glance's policy file that decides about this request: what to look at
/// when the cloud forbids it and does not say more.
void require(const Request& request, Response response, std::string_view policy) {
  if (response.ok()) return;
  response.body = reason_in(response.body);
  if (response.status == 403) response.body += who_may(response.body, policy);
  require_ok(request, response, Origin::Target);
}

std::string_view policy_for(std::string_view visibility) {
  if (visibility == "public") return "publicize_image";
  if (visibility == "community") return "communitize_image";
  return "modify_image";
}

/// Whether it has done so is in the answer: what stands before Glance may damage a request, and a
/// member that is misspelt is a property to Glance.
void require_values(const Request& request, const Image& image,
                    const std::map<std::string, std::string>& values) {
  for (const auto& [name, value] : values) {
    if (value_of(image, name) == value) continue;
    throw Error(ErrorKind::Protocol, Origin::Target,
                fmt::format("{} {} was answered with {} '{}' where '{}' was asked for: look at "
                            "Glance's property protection and at what stands before Glance",
                            request.method, request.url.redacted(), printable(name),
                            printable(value_of(image, name).value_or("")), printable(value)));
  }
}

void require_absent(const Request& request, const Image& image, const std::string& property) {
  if (!value_of(image, property)) return;
  throw Error(ErrorKind::Protocol, Origin::Target,
              fmt::format("{} {} did not take away {}: look at Glance's property protection",
                          request.method, request.url.redacted(), printable(property)));
}

/// `next` is relative to the root of the service, which may stand behind a prefix that Glance does
/// not know of. So only its query is taken, which also keeps us on this host.
Url page_after(const Url& images, std::string_view next) {
  const std::size_t query = next.find('?');
  if (query == std::string_view::npos) {
    throw Error(
        ErrorKind::Protocol, Origin::Target,
        fmt::format("the image service names a next page without a query: {}", printable(next)));
  }
  return Url::parse(images.str() + std::string(next.substr(query)));
}

}  // namespace

Url images_below(const Url& endpoint) {
  std::string_view path = endpoint.path();
  while (path.ends_with('/')) path.remove_suffix(1);
  return endpoint.append(path.ends_with("/v2") ? "images" : "v2/images");
}

ImageClient::ImageClient(KeystoneSession& session, const Url& endpoint)
    : session_(session), images_(images_below(endpoint)) {}

std::string ImageClient::url_prefix() const { return images_.str() + '/'; }

Url ImageClient::image_url(std::string_view id, std::string_view rest) const {
  return images_.append(percent_encode_path(id) + std::string(rest));
}

std::vector<Image> ImageClient::list(
    const std::vector<std::pair<std::string, std::string>>& filters) {
  Url url = images_.with_query("limit", kPageLimit);
  for (const auto& [name, value] : filters) url = url.with_query(name, value);

  std::vector<Image> images;
  std::string last_page;
  while (true) {
    const Request request{.method = "GET", .url = url, .headers = {}};
    const Response response = session_.send(request);
    require(request, response, "get_images");
    ImagePage page = with_context("listing images", [&] { return read_image_page(response.body); });
    std::move(page.images.begin(), page.images.end(), std::back_inserter(images));
    if (page.next.empty()) return images;
    if (page.next == last_page) {
      throw Error(ErrorKind::Protocol, Origin::Target,
                  "the image service names the same next page again and again");
    }
    url = page_after(images_, page.next);
    last_page = std::move(page.next);
  }
}

std::optional<Image> ImageClient::find(const std::string& id) {
  const Request request{.method = "GET", .url = image_url(id), .headers = {}};
  const Response response = session_.send(request);
  if (response.status == 404) return std::nullopt;
  require(request, response, "get_image");
  Image image = with_context("reading image " + id, [&] { return read_image(response.body); });
  require_values(request, image, {{"id", id}});
  return image;
}

ImageClient::Creation ImageClient::create(const std::map<std::string, std::string>& members,
                                          const Tags& properties) {
  const Request request{.method = "POST",
                        .url = images_,
                        .headers = Headers({{"Content-Type", "application/json"}}),
                        .body = image_body(members, properties)};
  Response response;
  // The id is in the body, so a repetition can't make a second image.
  session_.with_retries([&] {
    response = session_.send(request);
    if (response.status != 409) require(request, response, "add_image");
  });
  if (response.status == 409) return {Created::IdTaken};

  auto values = members;
  for (const auto& [name, value] : properties) values.emplace(name, value);
  std::string named;
  try {
    const Image image =
        with_context("creating an image", [&] { return read_image(response.body); });
    named = image.id;
    require_values(request, image, values);
  } catch (const Error& error) {
    return {Created::InDoubt, named, error};
  }
  return {Created::Yes};
}

ImageClient::Uploaded ImageClient::upload(const std::string& id, ByteSource& bytes,
                                          std::uint64_t size) {
  const Request request{.method = "PUT",
                        .url = image_url(id, "/file"),
                        .headers = Headers({{"Content-Type", "application/octet-stream"}})};
  const Response response = session_.put(request, bytes, size);
  if (response.status == 409) return Uploaded::NotQueued;
  const auto passing = [&](std::string_view why) {
    return Error(
        ErrorKind::Transient, Origin::Target,
        fmt::format("PUT {} answered {}: {}", request.url.redacted(), response.status, why));
  };
  // The session gets another one (threats-and-faults.md §2.3).
  if (response.status == 401) throw passing("the token expired during the upload");
  if (response.status == 404 || response.status == 410) {
    throw passing("the image was deleted while it was filled");
  }
  require(request, response, "upload_image");
  return Uploaded::Yes;
}

void ImageClient::download(const std::string& id, ByteSink& bytes) {
  const Request request{.method = "GET", .url = image_url(id, "/file"), .headers = {}};
  require(request, session_.get(request, bytes), "download_image");
}

Image ImageClient::change(const std::string& id, const std::map<std::string, std::string>& values,
                          const std::set<std::string>& dropped) {
  const Request request{
      .method = "PATCH",
      .url = image_url(id),
      .headers = Headers({{"Content-Type", "application/openstack-images-v2.1-json-patch"}}),
      .body = image_patch(values, dropped)};
  const auto visibility = values.find("visibility");
  const auto policy = policy_for(visibility == values.end() ? "" : visibility->second);
  Response response;
  // Setting the same values twice changes nothing.
  session_.with_retries([&] {
    response = session_.send(request);
    require(request, response, policy);
  });
  Image image = with_context("changing image " + id, [&] { return read_image(response.body); });
  require_values(request, image, {{"id", id}});
  require_values(request, image, values);
  for (const auto& name : dropped) require_absent(request, image, name);
  return image;
}

ImageClient::Removed ImageClient::remove(const std::string& id) {
  const Request request{.method = "DELETE", .url = image_url(id), .headers = {}};
  const Response response = session_.send(request);
  if (response.status == 409) return Removed::InUse;
  if (response.status == 404 || response.status == 410) return Removed::Yes;
  require(request, response, "delete_image");
  return Removed::Yes;
}

void ImageClient::discard(const std::string& id) {
  try {
    remove(id);
  } catch (const Error&) {
    return;
  }
}

}  // namespace streamsync
