// Documents in a real bucket; the service is the one that AWS_* name.

#include <catch2/catch.hpp>
#include <string>
#include <variant>

#include "base/error.h"
#include "tests/support/public_bucket.h"
#include "tests/unit/base/failure.h"

using namespace streamsync;

namespace {

using streamsync::testing::PublicBucket;

constexpr const char* kIndex = "streams/v1/index.json";

struct Writer {
  S3Client client;
  ObjectDocuments documents;

  explicit Writer(S3Account account = PublicBucket::account())
      : client(std::move(account), HttpOptions{}, RetryPolicy{}, {}),
        documents(PublicBucket::store(client), "data") {}
};

}  // namespace

TEST_CASE("a bucket is made, and everybody may read it", "[cloud]") {
  PublicBucket bucket;
  Writer writer;
  CHECK(std::holds_alternative<Absent>(writer.documents.read(kIndex, {})));
  writer.documents.write(kIndex, spool_of("{\"index\": {}}"));

  const auto index = bucket.read_anonymously("data/streams/v1/index.json");
  CHECK(index.status == 200);
  CHECK(index.body == "{\"index\": {}}");
  CHECK(index.headers.find("Content-Type") == "application/json");
  // Juju takes 404 for "try the next name", and 403 for the end.
  CHECK(bucket.read_anonymously("data/streams/v1/index2.json").status == 404);
  CHECK(bucket.read_anonymously("").status == 200);
}

TEST_CASE("of two that write the later one is refused", "[cloud]") {
  PublicBucket bucket;
  Writer one, other;
  if (GENERATE(false, true)) one.documents.write(kIndex, spool_of("before"));
  one.documents.read(kIndex, {});
  other.documents.read(kIndex, {});
  one.documents.write(kIndex, spool_of("one"));
  const auto error = failure_of([&] { other.documents.write(kIndex, spool_of("other")); });
  CHECK(error.kind() == ErrorKind::Conflict);
  CHECK(bucket.read_anonymously("data/streams/v1/index.json").body == "one");

  other.documents.read(kIndex, {});
  other.documents.write(kIndex, spool_of("other"));
  CHECK(bucket.read_anonymously("data/streams/v1/index.json").body == "other");
}

TEST_CASE("somebody without the right key", "[cloud]") {
  S3Account account = PublicBucket::account();
  account.secret_key = Secret("hunter2");
  Writer writer(account);
  const auto error = failure_of([&] { writer.documents.write(kIndex, spool_of("{}")); });
  CHECK(error.kind() == ErrorKind::Denied);
  CHECK_THAT(error.what(), Catch::Contains("status 403: "));
}

TEST_CASE("a private bucket stays private, and is written all the same", "[cloud]") {
  PublicBucket bucket;
  REQUIRE(bucket.send("PUT", "").ok());
  Writer writer;
  writer.documents.write(kIndex, spool_of("{}"));
  CHECK(bucket.read_anonymously("data/streams/v1/index.json").status == 403);
  CHECK(bucket.send("GET", "data/streams/v1/index.json").body == "{}");
}
