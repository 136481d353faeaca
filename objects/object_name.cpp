#include "objects/object_name.h"

#include "base/text.h"

namespace streamsync {
namespace {

void append_segments(std::string& name, std::string_view path) {
  for (const auto segment : split(path, '/')) {
    if (segment.empty()) continue;
    if (!name.empty()) name += '/';
    name += segment;
  }
}

}  // namespace

std::string object_name(std::string_view prefix, std::string_view path) {
  std::string name;
  append_segments(name, prefix);
  append_segments(name, path);
  return name;
}

std::string content_type_of(std::string_view name) {
  return name.ends_with(".json") ? "application/json" : "text/plain; charset=utf-8";
}

}  // namespace streamsync
