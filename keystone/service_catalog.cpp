#include "keystone/service_catalog.h"

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <initializer_list>
#include <utility>

#include "base/error.h"

namespace streamsync {
namespace {

using Json = rapidjson::Value;
using Members = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// {"kind": {"member": "value" …}}
std::string body_of(std::string_view kind, Members members) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> out(buffer);
  const auto write = [&out](std::string_view text) {
    out.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  };
  out.StartObject();
  write(kind);
  out.StartObject();
  for (const auto& [name, value] : members) {
    write(name);
    write(value);
  }
  out.EndObject();
  out.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

[[noreturn]] void refuse(const Request& request, std::string_view lacking) {
  throw Error(ErrorKind::Protocol, Origin::Target,
              fmt::format("the answer of {} to {} lacks {}: is auth_url that of Keystone?",
                          request.url.redacted(), request.method, lacking));
}

rapidjson::Document parsed(const Request& request, const Response& response) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(response.body.data(), response.body.size());
  if (document.HasParseError() || !document.IsObject()) refuse(request, "a JSON document");
  return document;
}

const Json& member(const Json& object, const char* name, const Request& request) {
  if (object.IsObject()) {
    const auto found = object.FindMember(name);
    if (found != object.MemberEnd()) return found->value;
  }
  refuse(request, name);
}

std::string text_member(const Json& object, const char* name, const Request& request) {
  const Json& value = member(object, name, request);
  if (!value.IsString()) refuse(request, name);
  return {value.GetString(), value.GetStringLength()};
}

bool is_enabled(const Json& object) {
  const auto found = object.FindMember("enabled");
  return found == object.MemberEnd() || !found->value.IsBool() || found->value.GetBool();
}

/// Names are no more than words for people, and a service may have none.
std::string name_of(const Json& service) {
  const auto found = service.FindMember("name");
  return found == service.MemberEnd() || !found->value.IsString() ? "" : found->value.GetString();
}

CatalogService service_of(const Json& service, const Request& request) {
  return {text_member(service, "id", request), name_of(service), is_enabled(service)};
}

const Json& list_in(const Json& document, const char* name, const Request& request) {
  const Json& list = member(document, name, request);
  if (!list.IsArray()) refuse(request, name);
  return list;
}

}  // namespace

std::string url_template(std::string_view url) {
  std::string text;
  for (const char c : url) text.append(c == '%' ? 2 : 1, c);
  return text;
}

ServiceCatalog::ServiceCatalog(KeystoneSession& session)
    : session_(session), identity_(session.credentials().auth_url) {}

std::vector<CatalogService> ServiceCatalog::services(std::string_view type) {
  const Request request{.url = identity_.append("services").with_query("type", type)};
  const auto document = parsed(request, send(request, "identity:list_services"));
  std::vector<CatalogService> services;
  for (const Json& service : list_in(document, "services", request).GetArray()) {
    services.push_back(service_of(service, request));
  }
  return services;
}

CatalogService ServiceCatalog::create_service(std::string_view type, std::string_view name) {
  const Request request{.method = "POST",
                        .url = identity_.append("services"),
                        .headers = {{"Content-Type", "application/json"}},
                        .body = body_of("service", {{"type", type}, {"name", name}})};
  const auto document = parsed(request, send(request, "identity:create_service"));
  return service_of(member(document, "service", request), request);
}

std::vector<ServiceEndpoint> ServiceCatalog::endpoints(std::string_view service_id,
                                                       std::string_view region) {
  const Request request{.url = identity_.append("endpoints")
                                   .with_query("service_id", service_id)
                                   .with_query("region_id", region)};
  const auto document = parsed(request, send(request, "identity:list_endpoints"));
  std::vector<ServiceEndpoint> endpoints;
  for (const Json& endpoint : list_in(document, "endpoints", request).GetArray()) {
    endpoints.push_back({text_member(endpoint, "id", request),
                         text_member(endpoint, "interface", request),
                         text_member(endpoint, "url", request), is_enabled(endpoint)});
  }
  return endpoints;
}

void ServiceCatalog::create_endpoint(std::string_view service_id, std::string_view region,
                                     std::string_view interface, std::string_view url) {
  send({.method = "POST",
        .url = identity_.append("endpoints"),
        .headers = {{"Content-Type", "application/json"}},
        .body = body_of("endpoint", {{"service_id", service_id},
                                     {"region_id", region},
                                     {"interface", interface},
                                     {"url", url_template(url)}})},
       "identity:create_endpoint");
}

void ServiceCatalog::change_url(std::string_view endpoint_id, std::string_view url) {
  const Request request{.method = "PATCH",
                        .url = identity_.append("endpoints/" + percent_encode_path(endpoint_id)),
                        .headers = {{"Content-Type", "application/json"}},
                        .body = body_of("endpoint", {{"url", url_template(url)}})};
  session_.with_retries([&] { send(request, "identity:update_endpoint"); });
}

Response ServiceCatalog::send(const Request& request, std::string_view policy) {
  Response response = session_.send(request);
  if (response.status == 403) {
    throw Error(ErrorKind::Denied, Origin::Target,
                fmt::format("Keystone refused (403) {} {}: the user needs the role admin, or what "
                            "Keystone's policy {} demands",
                            request.method, request.url.redacted(), policy));
  }
  require_ok(request, response, Origin::Target);
  return response;
}

}  // namespace streamsync
