#include "sync/transfer.h"

#include <catch2/catch.hpp>

#include <algorithm>

#include "base/crypto/digest.h"
#include "tests/unit/sync/transfer_parties.h"

namespace streamsync {
namespace {

const RetryPolicy kAtOnce{3, std::chrono::seconds(0), std::chrono::seconds(600)};

constexpr std::size_t kWhole = 1000;

/// A file of which not all can be read.
class BadDisk final : public ByteSource {
 public:
  BadDisk(std::string_view text, std::size_t readable)
      : is_bad_(readable < text.size()), text_(text.substr(0, readable)) {}

  std::size_t read(MutableBytes buffer) override {
    const auto count = text_.read(buffer);
    if (count == 0 && is_bad_) throw Error(ErrorKind::Protocol, Origin::Local, "I/O error");
    return count;
  }

 private:
  bool is_bad_;
  TextSource text_;
};

class GrowingTarget final : public ItemTarget {
 public:
  std::vector<Held> inventory() override { return {}; }
  std::string name_of(const Item&) const override { return "item"; }
  void announce(const std::vector<BlobSpec>&) override {}
  std::optional<BegunItem> begun(const BlobSpec&) override {
    if (content.empty()) return std::nullopt;
    return BegunItem{content.size(), std::make_unique<BadDisk>(content, readable), {}};
  }
  Held stage(const BlobSpec& blob, ByteSource& bytes) override {
    if (is_full) throw Error(ErrorKind::NoRoom, Origin::Target, "no room");
    const std::string rest = read_all(bytes, blob.content.size);
    staged = content.substr(0, blob.begun) + rest;
    given = rest.size();
    return {blob.item, "item", "item", HeldState::Unrevealed, blob.content.size};
  }
  void copy_out(const Held&, ByteSink&) override {}
  std::optional<Held> verify_unrevealed(const Held&, const BlobSpec&) override { return {}; }
  void reveal(const Held&) override {}
  Removal remove(const Held&) override { return {}; }

  bool is_full = false;
  std::string content;  // of an earlier attempt
  std::size_t readable = kWhole;
  std::string staged;
  std::size_t given = 0;
};

struct Stage {
  GrowingTarget target;
  unsigned retries = 0;
  std::vector<Arrival> told;

  SourceCourse course;

  FetchedBytes fetched;
  RetryPolicy policy = kAtOnce;

  void run(const std::vector<Source*>& sources, const BlobSpec& blob) {
    const auto delivered = run(sources, {{&target, &blob}}, nullptr);
    if (delivered.front().failure) throw Error(*delivered.front().failure);
  }

  std::vector<Delivered> run(const std::vector<Source*>& sources,
                             const std::vector<Delivery>& deliveries, const HeadStart& head) {
    course = {};
    return run_again(sources, deliveries, head);
  }

  std::vector<Delivered> run_again(const std::vector<Source*>& sources,
                                   const std::vector<Delivery>& deliveries,
                                   const HeadStart& head = nullptr) {
    std::vector<ItemPlace> places;
    for (auto* source : sources) places.push_back({source, RelativePath::parse("item")});
    auto result = transfer({places, deliveries, head}, course, {4, policy, {}},
                           {[&](const Arrival& arrival) { told.push_back(arrival); },
                            [&](const Error&, std::chrono::milliseconds) { ++retries; }});
    fetched = result.fetched;
    return std::move(result.delivered);
  }
};

template <typename Action>
Error failure_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  FAIL("nothing was thrown");
  throw std::logic_error("unreachable");
}

}  // namespace

TEST_CASE("a link that breaks is taken up where it broke") {
  BreakingSource source("0123456789", {4, 0, 5});
  Stage stage;
  stage.policy.attempts = 4;
  stage.run({&source}, blob_of("0123456789"));
  CHECK(source.asked_from == std::vector<std::uint64_t>{0, 4, 4, 9});
  CHECK(stage.target.staged == "0123456789");
}

TEST_CASE("a link that broke behind the last byte is not asked again") {
  BreakingSource source("0123456789", {10});
  Stage stage;
  stage.run({&source}, blob_of("0123456789"));
  CHECK(source.asked_from.size() == 1);
  CHECK(stage.target.staged == "0123456789");
}

TEST_CASE("attempts are counted anew where the item came on") {
  const std::string content(8'000'000, 'x');
  BreakingSource source(content, {1'200'000, 0, 0, 1'200'000, 0, 0, 1'200'000});
  Stage stage;
  stage.run({&source}, blob_of(content));
  CHECK((stage.target.staged == content));
  BreakingSource slow(content, {1000, 1000, 1000, 1000});
  CHECK(failure_of([&] { stage.run({&slow}, blob_of(content)); }).kind() == ErrorKind::Transient);
  CHECK(slow.asked_from.size() == kAtOnce.attempts);
}

TEST_CASE("the next base goes on where the first one stopped") {
  BreakingSource first("0123456789", {4, 0, 0});
  BreakingSource second("0123456789", {});
  Stage stage;
  stage.run({&first, &second}, blob_of("0123456789"));
  CHECK(second.asked_from == std::vector<std::uint64_t>{4});
  CHECK(stage.target.staged == "0123456789");
  CHECK(stage.retries == kAtOnce.attempts);  // two at the first, and one that it is passed by
}

TEST_CASE("what the target has is verified and not fetched again") {
  BreakingSource source("0123456789", {});
  Stage stage;
  stage.target.content = "0123";
  stage.run({&source}, blob_of("0123456789"));
  CHECK(source.asked_from == std::vector<std::uint64_t>{4});
  CHECK(stage.target.given == 6);
  CHECK(stage.target.staged == "0123456789");
  CHECK(stage.told.size() == 1);
  CHECK(stage.told.back().bytes == 10);
  CHECK(stage.told.back().known == 4);
}

TEST_CASE("what the target has whole costs no request") {
  BreakingSource source("0123456789", {});
  Stage stage;
  stage.target.content = "0123456789";
  stage.run({&source}, blob_of("0123456789"));
  CHECK(source.asked_from.empty());
  CHECK(stage.target.staged == "0123456789");
}

TEST_CASE("a beginning of other bytes is begun anew") {
  BreakingSource source("0123456789", {});
  Stage stage;
  stage.target.content = "012x";
  stage.run({&source}, blob_of("0123456789"));
  CHECK(source.asked_from == std::vector<std::uint64_t>{4, 0});
  CHECK(stage.target.staged == "0123456789");
  CHECK(stage.retries == 1);
}

TEST_CASE("a beginning that can't be read to its end is begun anew") {
  BreakingSource source("0123456789", {});
  Stage stage;
  stage.target.content = "01x3";
  stage.target.readable = 2;
  stage.run({&source}, blob_of("0123456789"));
  CHECK(source.asked_from == std::vector<std::uint64_t>{0});
  CHECK(stage.target.staged == "0123456789");
}

TEST_CASE("it is told which base gave the wrong bytes") {
  BreakingSource dead("", {0, 0, 0});
  BreakingSource wrong("012345678x", {});
  Stage stage;
  const Error error = failure_of([&] { stage.run({&dead, &wrong}, blob_of("0123456789")); });
  CHECK(error.kind() == ErrorKind::Corrupt);
  CHECK(error.origin() == Origin::Source);
  CHECK(stage.course.place == 1);
}

TEST_CASE("a body that ends too early is asked for the rest, as long as something comes") {
  class ShortSource final : public Source {
   public:
    std::optional<FetchedDocument> fetch(const RelativePath&, const Validator&) override {
      return std::nullopt;
    }
    void stream(const RelativePath&, ItemProgress& progress, ByteSink& sink) override {
      ++asked;
      if (progress.offset >= 6) return;
      sink.write(as_bytes("xx"));
      progress.offset += 2;
    }
    std::string describe(const RelativePath& path) const override { return path.str(); }
    unsigned asked = 0;
  } source;
  Stage stage;
  stage.policy.attempts = 9;
  const Error error = failure_of([&] { stage.run({&source}, blob_of("xxxxxxxxxx")); });
  CHECK(error.kind() == ErrorKind::Corrupt);
  CHECK(source.asked == 4);
}

TEST_CASE("a target that fails is not waited with") {
  class BusySource final : public Source {
   public:
    std::optional<FetchedDocument> fetch(const RelativePath&, const Validator&) override {
      return std::nullopt;
    }
    void stream(const RelativePath&, ItemProgress&, ByteSink&) override {
      throw Error(ErrorKind::RateLimited, Origin::Source, "come back in an hour")
          .with_retry_after(std::chrono::hours(1));
    }
    std::string describe(const RelativePath& path) const override { return path.str(); }
  } source;
  Stage stage;
  stage.target.is_full = true;
  stage.policy = {9, std::chrono::hours(1), std::chrono::hours(10)};
  const Error error = failure_of([&] { stage.run({&source}, blob_of("0123456789")); });
  CHECK(error.kind() == ErrorKind::NoRoom);
}

TEST_CASE("several targets are given what was fetched once") {
  const std::string content(3'000'000, 'x');
  BreakingSource source(content, {1'000'000});
  GrowingTarget other;
  const auto blob = blob_of(content);
  Stage stage;
  const auto delivered = stage.run({&source}, {{&stage.target, &blob}, {&other, &blob}}, nullptr);
  CHECK((delivered.at(0).held && delivered.at(1).held));
  CHECK((stage.target.staged == content));
  CHECK((other.staged == content));
  CHECK(source.asked_from == std::vector<std::uint64_t>{0, 1'000'000});
  CHECK(stage.fetched.all == content.size());
  CHECK(stage.fetched.used == content.size());
}

TEST_CASE("all that a source gave is counted, and apart what came to a target") {
  const auto blob = blob_of("0123456789");
  Stage stage;
  SECTION("known bytes that came again") {
    class WholeSource final : public Source {
     public:
      std::optional<FetchedDocument> fetch(const RelativePath&, const Validator&) override {
        return std::nullopt;
      }
      void stream(const RelativePath&, ItemProgress& progress, ByteSink& sink) override {
        progress.repeated += progress.offset;
        const auto rest = std::string_view("0123456789").substr(progress.offset);
        sink.write(as_bytes(rest));
        progress.offset += rest.size();
      }
      std::string describe(const RelativePath& path) const override { return path.str(); }
    } source;
    stage.target.content = "0123";
    stage.run({&source}, blob);
    CHECK(stage.fetched.all == 10);
    CHECK(stage.fetched.used == 6);
  }
  SECTION("bytes that were wrong") {
    BreakingSource source("0123456789", {});
    stage.target.content = "012x";
    stage.run({&source}, blob);
    CHECK(stage.fetched.all == 16);
    CHECK(stage.fetched.used == 10);
  }
}

TEST_CASE("a target that fails drops out, the others go on") {
  const std::string content(3'000'000, 'x');
  BreakingSource source(content, {});
  GrowingTarget full;
  full.is_full = true;
  const auto blob = blob_of(content);
  Stage stage;
  const auto delivered = stage.run({&source}, {{&full, &blob}, {&stage.target, &blob}}, nullptr);
  CHECK(delivered.at(0).failure->kind() == ErrorKind::NoRoom);
  CHECK(delivered.at(1).held);
  CHECK((stage.target.staged == content));
}

TEST_CASE("what fails at the source fails for those that still waited for it") {
  BreakingSource source("0123456789", {4, 0, 0});
  GrowingTarget full;
  full.is_full = true;
  const auto blob = blob_of("0123456789");
  Stage stage;
  const auto delivered = stage.run({&source}, {{&full, &blob}, {&stage.target, &blob}}, nullptr);
  CHECK(delivered.at(0).failure);
  CHECK(delivered.at(1).failure->kind() == ErrorKind::Transient);
}

TEST_CASE("the longest beginning is gone on with, and given to the others") {
  BreakingSource source("0123456789", {});
  GrowingTarget one, other;
  one.content = "01";
  other.content = "0123456";
  const auto blob = blob_of("0123456789");
  Stage stage;
  const auto delivered = stage.run({&source}, {{&one, &blob}, {&other, &blob}}, nullptr);
  CHECK((delivered.at(0).held && delivered.at(1).held));
  CHECK(source.asked_from == std::vector<std::uint64_t>{7});
  CHECK(one.given == 10);
  CHECK(other.given == 3);
  CHECK(other.staged == "0123456789");
  CHECK(stage.fetched.used == 3);
}

TEST_CASE("what is read again for several targets is told apart from what comes") {
  BreakingSource source("0123456789", {});
  GrowingTarget other, third;
  const auto blob = blob_of("0123456789");
  Stage stage;
  std::vector<Delivery> deliveries{{&stage.target, &blob}, {&other, &blob}};
  std::uint64_t known = 6;
  SECTION("all have as much") { stage.target.content = other.content = "012345"; }
  SECTION("one has less") {
    stage.target.content = "0123";
    other.content = "012345";
  }
  SECTION("one has nothing") {
    stage.target.content = other.content = "012345";
    deliveries.push_back({&third, &blob});
  }
  SECTION("unless it can't be read") {
    stage.target.content = other.content = "012345";
    stage.target.readable = 2;
    known = 0;
  }
  SECTION("unless it was wrong") {
    stage.target.content = other.content = "01234x";
    known = 0;
  }
  stage.run({&source}, deliveries, nullptr);
  CHECK(stage.told.back().bytes == 10);
  CHECK(stage.told.back().known == known);
}

TEST_CASE("what another target gives comes, as from a source") {
  BreakingSource source("0123456789", {});
  const auto blob = blob_of("0123456789");
  Stage stage;
  stage.run({&source}, {{&stage.target, &blob}},
            [](ByteSink& to) { to.write(as_bytes("0123456789")); });
  CHECK(stage.told.back().bytes == 10);
  CHECK(stage.told.back().known == 0);
}

TEST_CASE("a head start spares the download") {
  const auto blob = blob_of("0123456789");
  BreakingSource source("0123456789", {});
  Stage stage;
  std::string head = "0123456789";
  std::vector<std::uint64_t> asked;
  bool breaks = false;
  SECTION("all of it") {}
  SECTION("as much as there is") {
    head = "0123";
    asked = {4};
  }
  SECTION("as far as it can be read") {
    head = "0123";
    asked = {4};
    breaks = true;
  }
  SECTION("and is forgotten when it was wrong") {
    head = "012345678x";
    asked = {0};
  }
  SECTION("and is forgotten when it is too long") {
    head = "01234567890";
    asked = {0};
  }
  stage.run({&source}, {{&stage.target, &blob}}, [&](ByteSink& to) {
    to.write(as_bytes(head));
    if (breaks) throw Error(ErrorKind::NotFound, Origin::Target, "it is gone");
  });
  CHECK(source.asked_from == asked);
  CHECK(stage.target.staged == "0123456789");
}

TEST_CASE("behind the parts that a target has its source is gone on with") {
  const auto blob = blob_of("0123456789");
  BreakingSource source("0123456789", {});
  PartedTarget target({{1, 1}, {2, 2}}, 4);
  Stage stage;
  CHECK(stage.run({&source}, {{&target, &blob}}, nullptr).front().failure);
  CHECK(stage.fetched.used == 0);
  CHECK(stage.run_again({&source}, {{&target, &blob}}).front().failure);
  const auto arrivals = stage.told.size();
  CHECK(stage.run_again({&source}, {{&target, &blob}}).front().held);
  CHECK(target.confirmed == "0123456789");
  CHECK(target.begun_at == std::vector<std::uint64_t>{0, 4, 8});
  CHECK(source.asked_from == std::vector<std::uint64_t>{0, 4, 8});
  CHECK(stage.fetched.all == 2);
  CHECK(stage.fetched.used == 10);
  REQUIRE(stage.told.size() == arrivals + 1);
  CHECK(stage.told.back().bytes == 10);
  CHECK(stage.told.back().from == 8);
  CHECK(stage.told.back().known == 0);
}

TEST_CASE("what is gone on with is hashed with what came before") {
  constexpr std::size_t kPart = 1'000'000;
  const std::string content(12 * kPart, 'x');  // more than the pipe holds
  const auto blob = blob_of(content);
  PartedTarget target({{1, 1}}, kPart);
  Stage stage;
  BreakingSource wrong("y" + content.substr(1), {});
  auto delivered = stage.run({&wrong}, {{&target, &blob}}, nullptr);
  CHECK_THAT(delivered.front().failure->what(), Catch::Contains("was refused"));
  BreakingSource right(content, {});
  delivered = stage.run_again({&right}, {{&target, &blob}});
  CHECK(right.asked_from == std::vector<std::uint64_t>{kPart});
  REQUIRE(delivered.front().failure);
  CHECK(has_wrong_bytes(*delivered.front().failure));
}

TEST_CASE("parts that were given on another course are begun anew") {
  const auto blob = blob_of("0123456789");
  PartedTarget target({{1, 2}}, 4);
  Stage stage;
  BreakingSource source("0123456789", {});
  CHECK(stage.run({&source}, {{&target, &blob}}, nullptr).front().failure);
  stage.course = {};
  CHECK(stage.run_again({&source}, {{&target, &blob}}).front().held);
  CHECK(target.begun_at == std::vector<std::uint64_t>{0, 0});
  CHECK(target.confirmed == "0123456789");
}

TEST_CASE("several targets go on behind the parts that all of them have") {
  const auto blob = blob_of("0123456789");
  BreakingSource source("0123456789", {});
  PartedTarget one({{1, 2}}, 4), other({{1, 1}}, 4);
  Stage stage;
  stage.run({&source}, {{&one, &blob}, {&other, &blob}}, nullptr);
  CHECK(one.confirmed == "01234567");
  std::vector<Delivery> deliveries{{&one, &blob}, {&other, &blob}};
  GrowingTarget whole;
  std::uint64_t from = 4;
  SECTION("as long as all are of parts of one size") {}
  SECTION("or from the first byte") {
    deliveries.push_back({&whole, &blob});
    from = 0;
  }
  for (const auto& each : stage.run_again({&source}, deliveries)) CHECK(each.held);
  CHECK(source.asked_from == std::vector<std::uint64_t>{0, from});
  CHECK(one.begun_at == std::vector<std::uint64_t>{0, from});
  CHECK(one.confirmed == "0123456789");
  CHECK(other.confirmed == "0123456789");
}

TEST_CASE("a target that is far ahead goes on behind the parts that another one has") {
  constexpr std::size_t kPart = 1'000'000;
  const std::string content(12 * kPart, 'x');
  const auto blob = blob_of(content);
  BreakingSource source(content, {});
  PartedTarget one({{1, 1}}, kPart), other({{1, 10}}, kPart);
  Stage stage;
  stage.run({&source}, {{&one, &blob}, {&other, &blob}}, nullptr);
  CHECK(other.confirmed.size() == 10 * kPart);
  for (const auto& each : stage.run_again({&source}, {{&one, &blob}, {&other, &blob}})) {
    CHECK(each.held);
  }
  CHECK(source.asked_from == std::vector<std::uint64_t>{0, kPart});
  CHECK((one.confirmed == content && other.confirmed == content));
}

TEST_CASE("another base is asked behind the parts that a target has, and not for the same file") {
  const auto blob = blob_of("0123456789");
  BreakingSource first("0123456789", {10, 0, 0, 0}), second("0123456789", {});
  PartedTarget target({{1, 1}}, 4);
  Stage stage;
  CHECK(stage.run({&first, &second}, {{&target, &blob}}, nullptr).front().failure);
  CHECK(stage.run_again({&first, &second}, {{&target, &blob}}).front().held);
  CHECK(first.asked_from == std::vector<std::uint64_t>{0, 4, 4, 4});
  CHECK(first.knew == std::vector<std::string>{"", "a validator", "a validator", "a validator"});
  CHECK(second.asked_from == std::vector<std::uint64_t>{4});
  CHECK(second.knew == std::vector<std::string>{""});
}

TEST_CASE("what only some targets were given is gone on with by none") {
  constexpr std::size_t kPart = 1'000'000;
  // More than the pipe holds: it does not turn out to be wrong before one has failed.
  const std::string content(12 * kPart, 'x'), wrong = "y" + content.substr(1);
  const auto blob = blob_of(content);
  BreakingSource source(content, {});
  PartedTarget one({{1, 1}}, kPart), other({{2, 2}}, kPart);
  const std::vector<Delivery> deliveries{{&one, &blob}, {&other, &blob}};
  Stage stage;
  stage.run({&source}, deliveries, [&](ByteSink& to) { to.write(as_bytes(wrong)); });
  CHECK(one.confirmed.size() == kPart);
  CHECK(other.confirmed.size() == 2 * kPart);
  for (const auto& each : stage.run_again({&source}, deliveries)) CHECK(each.held);
  CHECK((one.confirmed == content && other.confirmed == content));
}

TEST_CASE("after a head start a source is gone on with as without one") {
  constexpr std::size_t kPart = 1'000'000;
  const std::string content(12 * kPart, 'x');
  const auto blob = blob_of(content);
  BreakingSource source(content, {});
  Stage stage;
  SECTION("that broke off") {
    PartedTarget target({{1, 6}}, kPart);
    stage.run({&source}, {{&target, &blob}}, [&](ByteSink& to) {
      to.write(as_bytes(std::string_view(content).substr(0, 3 * kPart)));
      throw Error(ErrorKind::NotFound, Origin::Target, "it is gone");
    });
    CHECK(stage.run_again({&source}, {{&target, &blob}}).front().held);
    CHECK(source.asked_from == std::vector<std::uint64_t>{3 * kPart, 6 * kPart});
    CHECK(stage.fetched.used == 9 * kPart);
    CHECK((target.confirmed == content));
  }
  SECTION("that was wrong") {
    PartedTarget target({{2, 6}}, kPart);
    stage.run({&source}, {{&target, &blob}},
              [&](ByteSink& to) { to.write(as_bytes("y" + content.substr(1))); });
    CHECK(stage.run_again({&source}, {{&target, &blob}}).front().held);
    CHECK(source.asked_from == std::vector<std::uint64_t>{0, 6 * kPart});
    CHECK(stage.fetched.used == 12 * kPart);
    CHECK((target.confirmed == content));
  }
}

}  // namespace streamsync
