#include "swift/container_page.h"

#include <rapidjson/document.h>

#include <string>

#include "base/error.h"

namespace streamsync {
namespace {

using Json = rapidjson::Value;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::Protocol, Origin::Target, "the object store answered with " + what);
}

ListedObject object_of(const Json& json) {
  if (!json.IsObject()) refuse("an object that is no JSON object");
  const auto name = json.FindMember("name");
  const auto bytes = json.FindMember("bytes");
  if (name == json.MemberEnd() || !name->value.IsString()) refuse("an object without a name");
  if (bytes == json.MemberEnd() || !bytes->value.IsUint64()) refuse("an object without a size");
  return {{name->value.GetString(), name->value.GetStringLength()}, bytes->value.GetUint64()};
}

}  // namespace

std::vector<ListedObject> read_container_page(std::string_view json) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError() || !document.IsArray()) refuse("something that is no JSON list");
  std::vector<ListedObject> objects;
  objects.reserve(document.Size());
  for (const auto& object : document.GetArray()) objects.push_back(object_of(object));
  return objects;
}

}  // namespace streamsync
