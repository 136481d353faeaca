#include "s3/s3_store.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "objects/object_documents.h"
#include "tests/unit/base/failure.h"
#include "tests/unit/s3/fake_s3.h"

using namespace streamsync;
using streamsync::testing::FakeS3;
using streamsync::testing::LoopbackServer;

namespace {

using Catch::Matchers::Contains;
using Lines = std::vector<std::string>;

constexpr const char* kIndex = "streams/v1/index.json";
constexpr const char* kIndexUrl = "/images/data/streams/v1/index.json";

struct Service {
  FakeS3 s3;
  LoopbackServer server{std::ref(s3)};
  S3Client client{account(), HttpOptions{}, {3, std::chrono::seconds(0)}, {}};

  S3Account account() const {
    testing::start_process();
    return {.endpoint = Url::parse(server.url()),
            .region = "default",
            .access_key = "access",
            .secret_key = Secret("hunter2")};
  }

  ObjectDocuments documents(const std::string& prefix = "data") {
    return {std::make_unique<S3Store>(client, "images"), prefix};
  }
};

std::string text_of(const DocumentState& state) {
  return read_all(*std::get<FetchedDocument>(state).bytes.reader(), 1 << 20);
}

}  // namespace

TEST_CASE("documents lie in the bucket below the prefix") {
  const auto [prefix, described, url] = GENERATE(table<std::string, std::string, std::string>(
      {{"data/", "s3:images/data", "/images/data/a%3Ab.json"},
       {"/a//b/", "s3:images/a/b", "/images/a/b/a%3Ab.json"},
       {"", "s3:images", "/images/a%3Ab.json"}}));
  Service service;
  auto documents = service.documents(prefix);
  CHECK(documents.describe() == described);
  documents.read("a:b.json", {});
  CHECK(service.server.received().back().target == url);
}

TEST_CASE("reading from S3") {
  Service service;
  auto documents = service.documents();

  SECTION("nothing there") {
    CHECK(std::holds_alternative<Absent>(documents.read(kIndex, {})));
    service.s3.exists = false;
    CHECK(std::holds_alternative<Absent>(documents.read(kIndex, {})));
  }
  SECTION("a document, and again when it is still the same") {
    service.s3.objects[kIndexUrl] = "{}";
    const auto state = documents.read(kIndex, {});
    CHECK(text_of(state) == "{}");
    const Validator known = std::get<FetchedDocument>(state).validator;
    CHECK(std::holds_alternative<Unchanged>(documents.read(kIndex, known)));
    service.s3.objects[kIndexUrl] = "[]";
    CHECK(text_of(documents.read(kIndex, known)) == "[]");
  }
  SECTION("something of a size that is none of ours") {
    service.s3.objects[kIndexUrl] = std::string((64U << 20) + 1, ' ');
    const auto error = failure_of([&] { documents.read(kIndex, {}); });
    CHECK(error.kind() == ErrorKind::Guard);
    CHECK_THAT(error.what(), Contains("s3:images/data/streams/v1/index.json: larger than"));
  }
}

TEST_CASE("reading from S3 as anyone") {
  Service service;
  auto documents = service.documents();
  service.s3.objects[kIndexUrl] = "{}";

  SECTION("what is there and what is not") {
    CHECK(text_of(documents.read_as_anyone(kIndex)) == "{}");
    CHECK(service.server.received().back().header("authorization").empty());
    CHECK(std::holds_alternative<Absent>(documents.read_as_anyone("streams/v1/index2.json")));
  }
  SECTION("a refusal says what to do") {
    service.s3.is_private = true;
    const auto error = failure_of([&] { documents.read_as_anyone(kIndex); });
    CHECK(error.kind() == ErrorKind::Denied);
    CHECK_THAT(error.what(), Contains("without a signature answered 403") &&
                                 Contains("s3:GetObject, s3:ListBucket"));
    CHECK(text_of(documents.read(kIndex, {})) == "{}");
  }
}

TEST_CASE("writing to S3") {
  Service service;
  auto documents = service.documents();
  const Spool document = spool_of("{\"a\": 1}");

  SECTION("is one request, and one to read back") {
    documents.write(kIndex, document);
    const std::string index = kIndexUrl;
    CHECK(service.server.log() == Lines{"PUT " + index, "GET " + index});
    CHECK(service.s3.objects[kIndexUrl] == "{\"a\": 1}");
    CHECK(service.server.received().front().header("content-type") == "application/json");
  }
  SECTION("makes a bucket that everybody may read and list") {
    service.s3.exists = false;
    documents.write(kIndex, document);
    CHECK(service.s3.objects.contains(kIndexUrl));
    CHECK_THAT(service.s3.policy, Contains(R"("s3:GetObject","s3:ListBucket")") &&
                                      Contains(R"("arn:aws:s3:::images/*")"));
  }
  SECTION("leaves no bucket that nobody can read") {
    service.s3.exists = service.s3.takes_policies = false;
    const auto error = failure_of([&] { documents.write(kIndex, document); });
    CHECK_FALSE(service.s3.exists);
    CHECK_THAT(error.what(),
               Contains("making s3:images readable for everybody") && Contains("NotImplemented"));
  }
  SECTION("leaves the bucket that is there as it is") {
    documents.write(kIndex, document);
    CHECK(service.s3.policy.empty());
  }
  SECTION("an empty document") {
    documents.write(kIndex, spool_of(""));
    CHECK(service.s3.objects.at(kIndexUrl).empty());
  }
}

TEST_CASE("a document is replaced only while it is what was read") {
  Service service;
  using Conditions = FakeS3::Conditions;
  service.s3.conditions = GENERATE(Conditions::Standard, Conditions::BareEtags);
  auto documents = service.documents();
  const bool is_there = GENERATE(false, true);
  if (is_there) service.s3.objects[kIndexUrl] = "old";
  documents.read(kIndex, {});

  SECTION("nobody else writes") {
    for (const char* text : {"new", "newer", "newest"}) {
      documents.write(kIndex, spool_of(text));
      CHECK(service.s3.objects[kIndexUrl] == text);
    }
  }
  SECTION("somebody else writes") {
    service.s3.objects[kIndexUrl] = "theirs";
    const auto error = failure_of([&] { documents.write(kIndex, spool_of("ours")); });
    CHECK(error.kind() == ErrorKind::Conflict);
    CHECK_THAT(error.what(), Contains("publishing s3:images/data/streams/v1/index.json: ") &&
                                 Contains("written by somebody else"));
    CHECK(service.s3.objects[kIndexUrl] == "theirs");
  }
  SECTION("somebody else writes the same, as our own lost try would have") {
    service.s3.objects[kIndexUrl] = "ours";
    documents.write(kIndex, spool_of("ours"));
    CHECK(service.s3.objects[kIndexUrl] == "ours");
  }
}

TEST_CASE("a store without conditions is written all the same") {
  Service service;
  service.s3.conditions = FakeS3::Conditions::None;
  auto documents = service.documents();
  documents.read(kIndex, {});
  documents.write(kIndex, spool_of("one"));
  documents.write(kIndex, spool_of("two"));
  CHECK(service.s3.objects[kIndexUrl] == "two");
  // It is asked once.
  const auto log = service.server.log();
  CHECK(std::count(log.begin(), log.end(), std::string("PUT ") + kIndexUrl) == 3);
}

TEST_CASE("what is stored is compared with what was written") {
  Service service;
  service.s3.damage = "!";
  auto documents = service.documents();
  const auto error = failure_of([&] { documents.write(kIndex, spool_of("{}")); });
  CHECK(error.kind() == ErrorKind::Corrupt);
  CHECK_THAT(error.what(), Contains("gives other bytes"));
}

TEST_CASE("a bucket is listed by pages") {
  Service service;
  S3Store store(service.client, "images");
  SECTION("the first one") {
    service.s3.page.body =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>images</Name>"
        "<Prefix></Prefix><KeyCount>2</KeyCount><IsTruncated>true</IsTruncated>"
        "<Contents><Key>a &amp; \u00e9</Key><ETag>&quot;0123-2&quot;</ETag><Size>5</Size>"
        "<Owner><ID>me</ID></Owner></Contents>\n"
        "<Contents><Size>0</Size><Key>b</Key></Contents></ListBucketResult>";
    const auto page = store.list("", "");
    CHECK(service.server.log() == Lines{"GET /images/?list-type=2"});
    REQUIRE(page.size() == 2);
    CHECK(page[0].name == "a & \u00e9");
    CHECK(page[0].size == 5);
    CHECK(page[1].name == "b");
    CHECK(page[1].size == 0);
  }
  SECTION("behind a name, below a prefix") {
    CHECK(store.list("a b/", "a b/c+\u00e9").empty());
    CHECK(service.server.log() ==
          Lines{"GET /images/?list-type=2&prefix=a%20b%2F&start-after=a%20b%2Fc%2B%C3%A9"});
  }
  SECTION("who may not list") {
    service.s3.page = FakeS3::refusal(403, "AccessDenied");
    CHECK(failure_of([&] { store.list("", ""); }).kind() == ErrorKind::Denied);
  }
}

TEST_CASE("what is no page of a bucket") {
  Service service;
  service.s3.page.body = GENERATE(
      "", "[]", "<html></html>", "<ListBucketResult><Contents><Key>a</Key><Size>1</Size>",
      "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
      "<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
      "<ListBucketResult><Contents><Key/><Size>1</Size></Contents></ListBucketResult>",
      "<ListBucketResult><Contents><Key></Key><Size>1</Size></Contents></ListBucketResult>",
      "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents>"
      "</ListBucketResult>");
  CAPTURE(service.s3.page.body);
  const auto error = failure_of([&] { S3Store(service.client, "images").list("", ""); });
  CHECK(error.kind() == ErrorKind::Protocol);
  CHECK(error.origin() == Origin::Target);
  CHECK_THAT(error.what(), Contains("listing s3:images: "));
}

TEST_CASE("refusals of S3 that may pass") {
  Service service;
  service.s3.refusals = {
      GENERATE(FakeS3::refusal(503, "SlowDown"), FakeS3::refusal(500, "InternalError"),
               FakeS3::refusal(400, "RequestTimeout"), FakeS3::refusal(409, "OperationAborted"),
               FakeS3::refusal(400, "BadDigest"))};
  service.documents().write(kIndex, spool_of("{}"));
  CHECK(service.s3.objects.at(kIndexUrl) == "{}");
}

TEST_CASE("refusals of S3 that stay") {
  const auto [reply, kind] = GENERATE(table<testing::Reply, ErrorKind>(
      {{FakeS3::refusal(403, "QuotaExceeded", "full"), ErrorKind::NoRoom},
       {FakeS3::refusal(400, "EntityTooLarge", "full"), ErrorKind::NoRoom},
       {FakeS3::refusal(403, "AccessDenied", "full"), ErrorKind::Denied},
       {FakeS3::refusal(400, "InvalidArgument", "full"), ErrorKind::Protocol}}));
  Service service;
  service.s3.refusals = {reply};
  const auto error = failure_of([&] { service.documents().write(kIndex, spool_of("{}")); });
  CHECK(error.kind() == kind);
  CHECK(error.origin() == Origin::Target);
  CHECK_THAT(error.what(), Contains(": full"));
}

TEST_CASE("no secret is sent or told") {
  Service service;
  service.s3.refusals = {FakeS3::refusal(403, "SignatureDoesNotMatch")};
  const auto error = failure_of([&] { service.documents().write(kIndex, spool_of("{}")); });
  CHECK_THAT(error.what(), !Contains("hunter2"));
  for (const auto& request : service.server.received()) {
    for (const auto& [name, value] : request.headers) CHECK_THAT(value, !Contains("hunter2"));
  }
}
