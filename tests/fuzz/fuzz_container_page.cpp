// Pages of a container of Swift: objects with name and size, or nothing of it.

#include <string>

#include "swift/container_page.h"
#include "tests/fuzz/property.h"

namespace streamsync {
namespace {

void check(std::string_view input) {
  taken(ErrorKind::Protocol, Origin::Target, [input] {
    std::size_t all = 0;
    for (const auto& object : read_container_page(input)) all += object.name.size();
    require(all <= input.size(), "names are parts of the page");
  });
}

}  // namespace
}  // namespace streamsync

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  streamsync::check(streamsync::input(data, size));
  return 0;
}
