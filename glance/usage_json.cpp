#include "glance/usage_json.h"

#include <fmt/format.h>
#include <rapidjson/document.h>

#include <utility>

#include "base/error.h"

namespace streamsync {
namespace {

using Json = rapidjson::Value;

Error no_list_of(std::string_view what) {
  return {ErrorKind::Protocol, Origin::Target, fmt::format("the answer is no list of {}", what)};
}

rapidjson::Document parse_list(std::string_view json, const char* name) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) throw no_list_of(name);
  const auto& object = std::as_const(document);
  const auto list = object.FindMember(name);
  if (list == object.MemberEnd() || !list->value.IsArray()) throw no_list_of(name);
  return document;
}

std::string text_member(const Json& object, const char* name) {
  if (!object.IsObject()) return {};
  const auto found = object.FindMember(name);
  return found != object.MemberEnd() && found->value.IsString()
             ? std::string(found->value.GetString(), found->value.GetStringLength())
             : std::string();
}

std::string id_of(const Json& object, const char* list) {
  std::string id = text_member(object, "id");
  if (id.empty()) throw no_list_of(list);
  return id;
}

Volume volume_of(const Json& object) {
  Volume volume;
  volume.id = id_of(object, "volumes");
  volume.project = text_member(object, "os-vol-tenant-attr:tenant_id");
  const auto image = object.FindMember("volume_image_metadata");
  if (image != object.MemberEnd()) volume.image = text_member(image->value, "image_id");
  return volume;
}

bool has_next(const Json& document) {
  const auto links = document.FindMember("volumes_links");
  if (links == document.MemberEnd() || !links->value.IsArray()) return false;
  for (const Json& link : links->value.GetArray()) {
    if (text_member(link, "rel") == "next") return true;
  }
  return false;
}

}  // namespace

std::optional<std::string> read_first_server(std::string_view json) {
  const auto document = parse_list(json, "servers");
  const auto& servers = document["servers"];
  if (servers.Empty()) return std::nullopt;
  return id_of(servers[0], "servers");
}

VolumePage read_volume_page(std::string_view json) {
  const auto document = parse_list(json, "volumes");
  VolumePage page;
  for (const Json& volume : document["volumes"].GetArray()) {
    page.volumes.push_back(volume_of(volume));
  }
  page.is_last = page.volumes.empty() || !has_next(document);
  return page;
}

}  // namespace streamsync
