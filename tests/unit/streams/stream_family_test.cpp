#include "streams/stream_family.h"

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "tests/unit/streams/trusted.h"

using namespace streamsync;

namespace {

std::string entry(std::string_view content_id, std::string_view datatype) {
  return fmt::format(R"("{}": {{"path": "streams/v1/{}.json", "datatype": "{}"}})", content_id,
                     content_id, datatype);
}

std::optional<StreamFamily> family(const std::string& entries) {
  const auto index = R"({"format": "index:1.0", "index": {)" + entries + "}}";
  return family_of(read_index(trusted(index), "index.json"));
}

}  // namespace

TEST_CASE("What an index names tells whom its tree is for") {
  CHECK(family(entry("auto.sync", "image-ids")) == StreamFamily::OpenStack);
  CHECK(family(entry("com.ubuntu.juju:released:agents", "content-download")) ==
        StreamFamily::OpenStack);
  CHECK(family(entry("images", "image-downloads")) == StreamFamily::LxdIncus);
  CHECK_FALSE(family(""));
  CHECK_FALSE(family(entry("x", "something-else")));
}

TEST_CASE("A stream for MAAS is known by its name, whatever it says it holds") {
  const std::string datatype = GENERATE("image-ids", "image-downloads");
  for (const auto* content_id : {"com.ubuntu.maas:stable:v3:download",
                                 "com.example.maas.candidate:1:bootloader-download", "maas:v3"}) {
    CAPTURE(content_id);
    CHECK(family(entry(content_id, datatype)) == StreamFamily::Maas);
  }
  CHECK(family(entry("com.ubuntu.maasive:download", datatype)) != StreamFamily::Maas);
  CHECK(family(entry("com.ubuntu.cloud:maas", datatype)) != StreamFamily::Maas);
}

TEST_CASE("Images of a cloud whose region is called maas are not for MAAS") {
  CHECK(family(R"("auto.sync.maas": {"path": "streams/v1/auto.sync.maas.json", "cloudname": "ours",
                                     "datatype": "image-ids"})") == StreamFamily::OpenStack);
}

// As Ubuntu's own index of releases does.
TEST_CASE("A stream of downloads may name images of clouds beside them") {
  const auto downloads = entry("com.ubuntu.cloud:released:download", "image-downloads");
  const auto images = entry("com.ubuntu.cloud:released:aws", "image-ids");
  CHECK(family(downloads + "," + images) == StreamFamily::LxdIncus);
  CHECK(family(images + "," + downloads) == StreamFamily::LxdIncus);
}
