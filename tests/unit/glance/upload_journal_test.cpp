#include "glance/upload_journal.h"

#include <catch2/catch.hpp>

#include <memory>

#include "tests/unit/base/temporary_directory.h"

namespace streamsync {
namespace {

const Time kBefore = now() - std::chrono::hours(1);

const std::string kImages = "http://glance/v2/images/";
const std::string kOther = "http://other/v2/images/";

const std::string kScope = kImages + " p1 auto.sync";
const std::string kOtherScope = kImages + " p1 auto sync of others";

}  // namespace

TEST_CASE("an upload is left over when it does not run any more and nobody saw it end") {
  const TemporaryDirectory work;
  UploadJournal journal(work / "uploads");
  CHECK_FALSE(journal.is_left_over(kImages + "a", kBefore));
  auto running = std::make_unique<UploadJournal::Running>(journal, kImages + "a", kScope);
  CHECK_FALSE(journal.is_left_over(kImages + "a", kBefore));
  running.reset();
  CHECK(journal.is_left_over(kImages + "a", kBefore));
  CHECK_FALSE(journal.is_left_over(kOther + "a", kBefore));

  SECTION("the next run knows it too") {
    CHECK(UploadJournal(work / "uploads").is_left_over(kImages + "a", kBefore));
  }
  SECTION("it may run again") {
    const UploadJournal::Running again(journal, kImages + "a", kScope);
    CHECK_FALSE(journal.is_left_over(kImages + "a", kBefore));
  }
  SECTION("it was seen to end") {
    journal.forget(kImages + "a");
    CHECK_FALSE(journal.is_left_over(kImages + "a", kBefore));
  }
}

TEST_CASE("uploads into images that nobody fills any more are forgotten, those of others are not") {
  const TemporaryDirectory work;
  UploadJournal journal(work / "uploads");
  for (const auto& url : {kImages + "a", kImages + "b"}) {
    const UploadJournal::Running running(journal, url, kScope);
  }
  { const UploadJournal::Running running(journal, kImages + "c", kOtherScope); }
  journal.forget_others(kScope, {kImages + "b"});
  CHECK_FALSE(journal.is_left_over(kImages + "a", kBefore));
  CHECK(journal.is_left_over(kImages + "b", kBefore));
  CHECK(journal.is_left_over(kImages + "c", kBefore));
}

TEST_CASE("without an upload nothing is made") {
  const TemporaryDirectory work;
  UploadJournal journal(work / "uploads");
  journal.forget(kImages + "a");
  journal.forget_others(kScope, {});
  CHECK_FALSE(journal.is_left_over(kImages + "a", kBefore));
  CHECK_FALSE(std::filesystem::exists(work / "uploads"));
}

TEST_CASE("an upload that began after ours is somebody else's") {
  const TemporaryDirectory work;
  UploadJournal journal(work / "uploads");
  { const UploadJournal::Running running(journal, kImages + "a", kScope); }
  CHECK(journal.is_left_over(kImages + "a", now()));
  CHECK_FALSE(journal.is_left_over(kImages + "a", now() + std::chrono::hours(1)));
}

TEST_CASE("an upload runs as long as one of those that try it") {
  const TemporaryDirectory work;
  UploadJournal journal(work / "uploads");
  const UploadJournal::Running one(journal, kImages + "a", kScope);
  { const UploadJournal::Running other(journal, kImages + "a", kScope); }
  CHECK_FALSE(journal.is_left_over(kImages + "a", kBefore));
}

}  // namespace streamsync
