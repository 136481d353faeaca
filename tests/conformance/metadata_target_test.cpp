// What streams/target.h promises of every MetadataTarget.

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <variant>

#include "tests/conformance/killed_process.h"
#include "tests/conformance/metadata_target_under_test.h"
#include "tests/support/ubuntu_blob.h"

namespace streamsync {
namespace {

constexpr const char* kIndex = "streams/v1/index.json";
constexpr std::size_t kLarge = 3'000'000;

const FetchedDocument& fetched(const DocumentState& state) {
  REQUIRE(std::holds_alternative<FetchedDocument>(state));
  return std::get<FetchedDocument>(state);
}

std::string text_of(const DocumentState& state) {
  return read_all(*fetched(state).bytes.reader(), 2 * kLarge);
}

/// The n-th of documents that tell a part, or two of them mixed, from a whole one.
std::string edition(std::size_t number) {
  return std::string(kLarge + number, static_cast<char>('a' + number % 26));
}

bool is_whole_edition(const std::string& text) {
  return text.size() >= kLarge && text == edition(text.size() - kLarge);
}

}  // namespace

TEST_CASE("a document that nobody wrote is absent") {
  const auto store = metadata_target_under_test();
  const auto target = store->open();
  CHECK(std::holds_alternative<Absent>(target->read(kIndex, {})));
  target->write("streams/v1/other.json", spool_of("{}"));
  CHECK(std::holds_alternative<Absent>(target->read(kIndex, {})));
  CHECK(std::holds_alternative<Absent>(target->read(kIndex, {"\"0\"", ""})));
  CHECK_FALSE(store->consumed(kIndex));
}

TEST_CASE("a document is read as it was written, by everybody") {
  const std::string text = GENERATE(std::string(), std::string("\0\r\n\xff", 4),
                                    std::string("{\"index\": {}}\n"), testing::some_bytes(kLarge));
  CAPTURE(text.size());
  const auto store = metadata_target_under_test();
  const auto target = store->open();
  target->write(kIndex, spool_of(text));
  CHECK((text_of(target->read(kIndex, {})) == text));
  CHECK((text_of(store->open()->read(kIndex, {})) == text));
  CHECK((store->consumed(kIndex) == text));
}

TEST_CASE("documents lie at any depth, each for itself") {
  const auto store = metadata_target_under_test();
  const auto target = store->open();
  const std::string paths[] = {"top.json", kIndex, "streams/v1/index.sjson",
                               "streams/v1/com.ubuntu.cloud:released:download.json",
                               "a/b/c/d/e/with blank, 100% + \u00fc.json"};
  for (const auto& path : paths) target->write(path, spool_of("this is " + path));
  for (const auto& path : paths) {
    CAPTURE(path);
    CHECK(text_of(target->read(path, {})) == "this is " + path);
    CHECK(store->consumed(path) == "this is " + path);
  }
}

TEST_CASE("a document that has not changed is not read again") {
  const auto store = metadata_target_under_test();
  const auto target = store->open();
  target->write(kIndex, spool_of("old"));
  const Validator known = fetched(target->read(kIndex, {})).validator;
  const bool has_validators = store->validators() == MetadataTargetUnderTest::Validators::Given;
  CHECK(known.empty() == !has_validators);

  CHECK(std::holds_alternative<Unchanged>(target->read(kIndex, known)) == has_validators);
  CHECK(std::holds_alternative<Unchanged>(store->open()->read(kIndex, known)) == has_validators);

  // Of the same length, and most likely within one second.
  target->write(kIndex, spool_of("new"));
  const auto changed = target->read(kIndex, known);
  CHECK(text_of(changed) == "new");
  CHECK((fetched(changed).validator.etag != known.etag || !has_validators));
}

TEST_CASE("a document is replaced as a whole") {
  const auto store = metadata_target_under_test();
  const auto target = store->open();
  for (const char* text : {"long and longer", "short", "", "long and longer"}) {
    target->write(kIndex, spool_of(text));
    CHECK(text_of(target->read(kIndex, {})) == text);
    CHECK(store->consumed(kIndex) == text);
  }
}

TEST_CASE("what is written again is the same") {
  const auto store = metadata_target_under_test();
  const Spool document = spool_of("{}");
  store->open()->write(kIndex, document);
  store->open()->write(kIndex, document);
  CHECK(store->consumed(kIndex) == "{}");
}

TEST_CASE("a document that is withdrawn is gone, for everybody, and may come back") {
  const auto store = metadata_target_under_test();
  const auto target = store->open();
  target->withdraw(kIndex);
  target->write(kIndex, spool_of("old"));
  target->write("streams/v1/other.json", spool_of("{}"));
  const Validator known = fetched(target->read(kIndex, {})).validator;
  for (int time = 1; time <= 2; ++time) target->withdraw(kIndex);
  CHECK(std::holds_alternative<Absent>(target->read(kIndex, {})));
  CHECK(std::holds_alternative<Absent>(store->open()->read(kIndex, known)));
  CHECK_FALSE(store->consumed(kIndex));
  CHECK(store->consumed("streams/v1/other.json") == "{}");
  target->write(kIndex, spool_of("new"));
  store->open()->withdraw("streams/v1/other.json");
  CHECK(store->consumed(kIndex) == "new");
}

TEST_CASE("two places do not see each other") {
  const auto store = metadata_target_under_test();
  const auto target = store->open();
  const auto other = store->open_other_place();
  target->write(kIndex, spool_of("one"));
  CHECK(std::holds_alternative<Absent>(other->read(kIndex, {})));
  other->write(kIndex, spool_of("other"));
  CHECK(text_of(target->read(kIndex, {})) == "one");
  CHECK(store->consumed(kIndex) == "one");
  CHECK(target->describe() != other->describe());
}

TEST_CASE("nobody reads a part of a document while it is written") {
  const auto store = metadata_target_under_test();
  const auto target = store->open();
  target->write(kIndex, spool_of(edition(0)));

  std::atomic<bool> is_over = false;
  std::atomic<int> reads = 0;
  struct Count {
    int torn = 0, absent = 0;
  };
  auto reader = std::async(std::launch::async, [&] {
    Count count;
    while (!is_over) {
      const auto text = store->consumed(kIndex);
      if (!text) ++count.absent;
      if (text && !is_whole_edition(*text)) ++count.torn;
      ++reads;
    }
    return count;
  });
  const struct AtEnd {
    ~AtEnd() { flag = true; }
    std::atomic<bool>& flag;
  } at_end{is_over};
  const auto has_ended = [&] {
    return reader.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  };
  for (std::size_t number = 1; number <= 20 && !has_ended(); ++number) {
    const int before = reads;
    target->write(kIndex, spool_of(edition(number)));
    while (reads == before && !has_ended()) std::this_thread::yield();
  }
  is_over = true;
  const Count count = reader.get();
  CHECK(count.torn == 0);
  CHECK(count.absent == 0);
  CHECK((store->consumed(kIndex) == edition(20)));
}

TEST_CASE("a run that is killed while it writes leaves the old document or the new one") {
  const auto store = metadata_target_under_test();
  store->open()->write(kIndex, spool_of(edition(0)));
  KilledProcess run([&] {
    const auto target = store->open();
    for (std::size_t number = 1;; ++number) target->write(kIndex, spool_of(edition(number)));
  });
  const std::string late = edition(3);
  while (store->consumed(kIndex).value().size() < late.size()) continue;
  run.kill();
  REQUIRE(run.was_killed());

  const auto left = store->consumed(kIndex);
  REQUIRE(left);
  CHECK(is_whole_edition(*left));
  const auto target = store->open();
  const auto replace = [&] {
    CHECK(is_whole_edition(text_of(target->read(kIndex, {}))));
    target->write(kIndex, spool_of("next"));
  };
  try {
    replace();
  } catch (const Error& error) {
    // What was sent as a whole may be stored after its sender's end, and so between those two.
    CHECK((error.kind() == ErrorKind::Conflict || error.kind() == ErrorKind::Corrupt));
    CHECK(store->consumed(kIndex) != left);
    replace();
  }
  CHECK(store->consumed(kIndex) == "next");
}

}  // namespace streamsync
