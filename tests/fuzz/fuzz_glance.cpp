// Glance's answers: an image or a page is read, or refused as no answer of Glance.

#include <string>

#include "glance/image_json.h"
#include "tests/fuzz/property.h"

namespace streamsync {
namespace {

void check_image(const Image& image) {
  require(!image.id.empty(), "an image has an id");
  for (const char* member : {"id", "name", "status", "visibility", "owner", "checksum"}) {
    require(!image.properties.contains(member), "a member is no property");
  }
}

void check(std::string_view input) {
  const auto read = [](auto action) { return taken(ErrorKind::Protocol, Origin::Target, action); };
  read([&] { check_image(read_image(input)); });
  read([&] {
    for (const Image& image : read_image_page(input).images) check_image(image);
  });
}

}  // namespace
}  // namespace streamsync

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  streamsync::check(streamsync::input(data, size));
  return 0;
}
