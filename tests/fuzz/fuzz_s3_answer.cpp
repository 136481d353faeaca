// S3's answers: an element's text is found, or it isn't; and a listing is one, or it isn't.

#include <string>

#include "s3/answer_xml.h"
#include "s3/bucket_page.h"
#include "tests/fuzz/property.h"

namespace streamsync {
namespace {

void check_page(std::string_view input) {
  taken(ErrorKind::Protocol, Origin::Target, [input] {
    std::size_t all = 0;
    for (const auto& object : read_bucket_page(input)) {
      require(!object.name.empty(), "an object has a name");
      all += object.name.size();
    }
    require(all < input.size(), "names are parts of the answer");
  });
}

void check(std::string_view input) {
  check_page(input);
  for (const char* name : {"Code", "Message", "UploadId", "ETag", "Size"}) {
    const auto text = element_text(input, name);
    if (!text) continue;
    require(text->size() < input.size(), "the text is a part of the answer");
    require(input.find(name) != std::string_view::npos, "the element is in the answer");
    const std::string alone = std::string("<") + name + ">x</" + name + ">";
    require(element_text(alone + std::string(input), name) == "x", "the first element is taken");
  }
}

}  // namespace
}  // namespace streamsync

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  streamsync::check(streamsync::input(data, size));
  return 0;
}
