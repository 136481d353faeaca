#include "s3/multipart_upload.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "s3/s3_store.h"
#include "tests/unit/base/failure.h"
#include "tests/unit/s3/fake_s3.h"

using namespace streamsync;
using streamsync::testing::FakeS3;
using streamsync::testing::LoopbackServer;

namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::VectorContains;

constexpr const char* kNote = "/images/.data/parts/a.img/0123";

struct Service {
  FakeS3 s3;
  LoopbackServer server{std::ref(s3)};
  S3Client client{account(), HttpOptions{}, {3, std::chrono::seconds(0)}, {}};
  S3Store store{client, "images"};

  S3Account account() const {
    testing::start_process();
    return {.endpoint = Url::parse(server.url()),
            .region = "default",
            .access_key = "access",
            .secret_key = Secret("hunter2")};
  }

  /// As each process opens it for itself.
  std::unique_ptr<LargeObject> open() {
    return store.large_object({"a.img", ".data/parts/a.img/0123", 2, 8, 5});
  }
};

StoredPart put(LargeObject& object, unsigned number, std::string_view text) {
  TextSource source(text);
  return object.put_part(number, source, text.size());
}

}  // namespace

TEST_CASE("parts become an object, and nothing else is left") {
  Service service;
  const auto upload = service.open();
  CHECK_FALSE(upload->part(1));
  const std::vector<StoredPart> parts{put(*upload, 1, "first"), put(*upload, 2, "end")};
  CHECK(service.s3.objects.at(kNote) == "2~id");
  CHECK_FALSE(service.s3.objects.contains("/images/a.img"));
  upload->complete(parts);
  CHECK(service.s3.objects == std::map<std::string, std::string>{{"/images/a.img", "firstend"}});
}

TEST_CASE("the next process finds the parts") {
  Service service;
  const auto first = put(*service.open(), 1, "first");
  const auto upload = service.open();
  const auto found = upload->part(1);
  REQUIRE(found);
  CHECK(found->size == first.size);
  CHECK(found->md5 == first.md5);
  CHECK_FALSE(upload->part(2));
  upload->complete({*found, put(*upload, 2, "end")});
  CHECK(service.s3.objects.at("/images/a.img") == "firstend");
}

TEST_CASE("a gap is no part") {
  Service service;
  put(*service.open(), 2, "end");
  CHECK_FALSE(service.open()->part(1));
  CHECK(service.open()->part(2));
}

TEST_CASE("an upload that the server has forgotten is begun anew, by who puts parts") {
  Service service;
  put(*service.open(), 1, "first");
  service.s3.has_upload = false;
  const auto upload = service.open();
  CHECK_FALSE(upload->part(1));
  CHECK(service.s3.objects.contains(kNote));  // a plan changes nothing
  upload->complete({put(*upload, 1, "first"), put(*upload, 2, "end")});
  CHECK(service.s3.objects.at("/images/a.img") == "firstend");
}

TEST_CASE("a completion may be repeated when its answer was lost") {
  Service service;
  service.s3.completions = {FakeS3::refusal(500, "InternalError")};
  const auto upload = service.open();
  const std::vector<StoredPart> parts{put(*upload, 1, "first"), put(*upload, 2, "end")};
  CHECK_THROWS_AS(upload->complete(parts), Error);
  upload->complete(parts);
  CHECK(service.s3.objects == std::map<std::string, std::string>{{"/images/a.img", "firstend"}});
}

TEST_CASE("what was there before is not taken for what could not be completed") {
  Service service;
  const auto upload = service.open();
  const std::vector<StoredPart> parts{put(*upload, 1, "first"), put(*upload, 2, "end")};
  service.s3.objects["/images/a.img"] = "FIRSTEND";
  SECTION("at once") {}
  SECTION("after it was refused") {
    service.s3.completions = {FakeS3::refusal(200, "SlowDown")};
    CHECK_THROWS_AS(upload->complete(parts), Error);
  }
  service.s3.has_upload = false;
  CHECK_THROWS_AS(upload->complete(parts), Error);
}

TEST_CASE("an error that comes with 200 is one") {
  Service service;
  service.s3.completions = {FakeS3::refusal(200, "InternalError", "try again")};
  const auto upload = service.open();
  const std::vector<StoredPart> parts{put(*upload, 1, "first"), put(*upload, 2, "end")};
  const auto error = failure_of([&] { upload->complete(parts); });
  CHECK(error.kind() == ErrorKind::Transient);
  CHECK_THAT(error.what(), Contains("InternalError: try again"));
  upload->complete(parts);
  CHECK(service.s3.objects.at("/images/a.img") == "firstend");
}

TEST_CASE("parts that are not those that were put are refused") {
  Service service;
  const auto upload = service.open();
  const std::vector<StoredPart> parts{put(*upload, 1, "first"), put(*upload, 2, "end")};
  service.s3.parts[2] = "bad";
  CHECK(failure_of([&] { upload->complete(parts); }).kind() == ErrorKind::Corrupt);
}

TEST_CASE("an upload is swept with its id") {
  Service service;
  put(*service.open(), 1, "first");
  service.open()->sweep();
  CHECK_FALSE(service.s3.has_upload);
  CHECK(service.s3.objects.empty());
  service.open()->sweep();
}
