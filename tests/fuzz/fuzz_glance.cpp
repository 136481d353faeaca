// Answers of Glance and of those who use images: read, or refused as no answer of theirs.

#include <string>

#include "glance/image_json.h"
#include "glance/usage_json.h"
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
  read([&] {
    const auto server = read_first_server(input);
    require(!server || !server->empty(), "a server has an id");
  });
  read([&] {
    for (const Volume& volume : read_volume_page(input).volumes) {
      require(!volume.id.empty(), "a volume has an id");
    }
  });
}

}  // namespace
}  // namespace streamsync

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  streamsync::check(streamsync::input(data, size));
  return 0;
}
