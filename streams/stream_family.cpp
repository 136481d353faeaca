#include "streams/stream_family.h"

#include <algorithm>

namespace streamsync {
namespace {

// Its streams have datatypes of any kind (`consumers.md` §1.4), but a name of their own:
// com.ubuntu.maas:stable:v3:download, com.example.maas.candidate:1:bootloader-download.
bool is_named_for_maas(std::string_view content_id) {
  auto vendor = content_id.substr(0, content_id.find(':'));
  while (!vendor.empty()) {
    const auto end = vendor.find('.');
    if (vendor.substr(0, end) == "maas") return true;
    vendor.remove_prefix(end == std::string_view::npos ? vendor.size() : end + 1);
  }
  return false;
}

std::optional<StreamFamily> family_of(const IndexEntry& entry) {
  const auto datatype = tag(entry.tags, "datatype");
  // A region may be called maas: what says of which cloud it is, is for Juju (`upstream-gss.md`
  // §4.8).
  const bool is_of_a_cloud = !tag(entry.tags, "cloudname").empty();
  if (!is_of_a_cloud && is_named_for_maas(entry.content_id)) return StreamFamily::Maas;
  if (datatype == "image-downloads") return StreamFamily::LxdIncus;
  // Juju's images, and its agents.
  if (datatype == "image-ids" || datatype == "content-download") return StreamFamily::OpenStack;
  return std::nullopt;
}

}  // namespace

std::optional<StreamFamily> family_of(const Index& index) {
  std::optional<StreamFamily> family;
  for (const auto& entry : index.entries) family = std::max(family, family_of(entry));
  return family;
}

std::string_view to_string(StreamFamily family) noexcept {
  switch (family) {
    case StreamFamily::OpenStack:
      return "OpenStack";
    case StreamFamily::LxdIncus:
      return "LXD and Incus";
    case StreamFamily::Maas:
      return "MAAS";
  }
  return "";
}

}  // namespace streamsync
