#include "glance/upload_journal.h"

#include <catch2/catch.hpp>

#include <memory>

#include "tests/unit/base/temporary_directory.h"

namespace streamsync {
namespace {

const std::string kImages = "http://glance/v2/images/";
const std::string kOther = "http://other/v2/images/";

}  // namespace

TEST_CASE("an upload is left over when it does not run any more and nobody saw it end") {
  const TemporaryDirectory work;
  UploadJournal journal(work / "uploads");
  CHECK_FALSE(journal.is_left_over(kImages + "a"));
  auto running = std::make_unique<UploadJournal::Running>(journal, kImages + "a");
  CHECK_FALSE(journal.is_left_over(kImages + "a"));
  running.reset();
  CHECK(journal.is_left_over(kImages + "a"));
  CHECK_FALSE(journal.is_left_over(kOther + "a"));

  SECTION("the next run knows it too") {
    CHECK(UploadJournal(work / "uploads").is_left_over(kImages + "a"));
  }
  SECTION("it may run again") {
    const UploadJournal::Running again(journal, kImages + "a");
    CHECK_FALSE(journal.is_left_over(kImages + "a"));
  }
  SECTION("it was seen to end") {
    journal.forget(kImages + "a");
    CHECK_FALSE(journal.is_left_over(kImages + "a"));
  }
}

TEST_CASE("uploads into images that nobody fills any more are forgotten, those elsewhere are not") {
  const TemporaryDirectory work;
  UploadJournal journal(work / "uploads");
  for (const auto& url : {kImages + "a", kImages + "b", kOther + "a"}) {
    const UploadJournal::Running running(journal, url);
  }
  journal.forget_others(kImages, {kImages + "b"});
  CHECK_FALSE(journal.is_left_over(kImages + "a"));
  CHECK(journal.is_left_over(kImages + "b"));
  CHECK(journal.is_left_over(kOther + "a"));
}

TEST_CASE("without an upload nothing is made") {
  const TemporaryDirectory work;
  UploadJournal journal(work / "uploads");
  journal.forget(kImages + "a");
  journal.forget_others(kImages, {});
  CHECK_FALSE(journal.is_left_over(kImages + "a"));
  CHECK_FALSE(std::filesystem::exists(work / "uploads"));
}

}  // namespace streamsync
