#include "sync/transfer.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <deque>

#include "base/crypto/digest.h"

namespace streamsync {
namespace {

constexpr RetryPolicy kAtOnce{3, std::chrono::seconds(0), std::chrono::seconds(600)};

// Gives its content in pieces, each ended by the failure of the link; the last one is whole.
class BreakingSource final : public Source {
 public:
  BreakingSource(std::string content, std::deque<std::uint64_t> pieces)
      : content_(std::move(content)), pieces_(std::move(pieces)) {}

  std::optional<FetchedDocument> fetch(const RelativePath&, const Validator&) override {
    throw Error(ErrorKind::NotFound, Origin::Source, "no documents here");
  }
  void stream(const RelativePath&, ItemProgress& progress, ByteSink& sink) override {
    asked_from.push_back(progress.offset);
    auto rest = std::string_view(content_).substr(progress.offset);
    const bool breaks = !pieces_.empty();
    if (breaks) {
      rest = rest.substr(0, pieces_.front());
      pieces_.pop_front();
    }
    sink.write(as_bytes(rest));
    progress.offset += rest.size();
    if (breaks) throw Error(ErrorKind::Transient, Origin::Source, "the link broke");
  }
  std::string describe(const RelativePath& path) const override { return path.str(); }

  std::vector<std::uint64_t> asked_from;

 private:
  std::string content_;
  std::deque<std::uint64_t> pieces_;
};

class GrowingTarget final : public ItemTarget {
 public:
  std::vector<Held> inventory() override { return {}; }
  std::string name_of(const Item&) const override { return "item"; }
  void announce(const std::vector<BlobSpec>&) override {}
  std::optional<BegunItem> begun(const BlobSpec&) override {
    if (content.empty()) return std::nullopt;
    return BegunItem{content.size(), std::make_unique<TextSource>(content), {}};
  }
  Held stage(const BlobSpec& blob, ByteSource& bytes) override {
    if (is_full) throw Error(ErrorKind::NoRoom, Origin::Target, "no room");
    const std::string rest = read_all(bytes, blob.content.size);
    staged = content.substr(0, blob.begun) + rest;
    given = rest.size();
    return {blob.item, "item", "item", HeldState::Unrevealed, blob.content.size};
  }
  bool verify_unrevealed(const Held&, const BlobSpec&) override { return false; }
  void reveal(const Held&) override {}
  void remove(const Held&) override {}

  bool is_full = false;
  std::string content;  // of an earlier attempt
  std::string staged;
  std::size_t given = 0;
};

BlobSpec blob_of(const std::string& content) {
  return {{{}, {}, RelativePath::parse("item")},
          {content.size(), digest_of(DigestAlgorithm::Sha256, content), {}}};
}

struct Stage {
  GrowingTarget target;
  unsigned retries = 0;
  std::vector<std::uint64_t> told;

  std::size_t base = 0;

  void run(std::vector<Source*> sources, const BlobSpec& blob) {
    base = 0;
    transfer(sources, base, target, blob, kAtOnce, {},
             {[&](std::uint64_t bytes) { told.push_back(bytes); },
              [&](const Error&, std::chrono::milliseconds) { ++retries; }});
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
  RetryPolicy patient = kAtOnce;
  patient.attempts = 4;
  std::vector<Source*> sources{&source};
  transfer(sources, stage.base, stage.target, blob_of("0123456789"), patient, {},
           {[](std::uint64_t) {}, [](const Error&, std::chrono::milliseconds) {}});
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
}

TEST_CASE("what the target has is verified and not fetched again") {
  BreakingSource source("0123456789", {});
  Stage stage;
  stage.target.content = "0123";
  stage.run({&source}, blob_of("0123456789"));
  CHECK(source.asked_from == std::vector<std::uint64_t>{4});
  CHECK(stage.target.given == 6);
  CHECK(stage.target.staged == "0123456789");
  CHECK(stage.told == std::vector<std::uint64_t>{10});
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

TEST_CASE("it is told which base gave the wrong bytes") {
  BreakingSource dead("", {0, 0, 0});
  BreakingSource wrong("012345678x", {});
  Stage stage;
  const Error error = failure_of([&] { stage.run({&dead, &wrong}, blob_of("0123456789")); });
  CHECK(error.kind() == ErrorKind::Corrupt);
  CHECK(error.origin() == Origin::Source);
  CHECK(stage.base == 1);
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
  RetryPolicy patient = kAtOnce;
  patient.attempts = 9;
  std::vector<Source*> sources{&source};
  const Error error = failure_of([&] {
    transfer(sources, stage.base, stage.target, blob_of("xxxxxxxxxx"), patient, {},
             {[](std::uint64_t) {}, [](const Error&, std::chrono::milliseconds) {}});
  });
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
  const RetryPolicy patient{9, std::chrono::hours(1), std::chrono::hours(10)};
  std::vector<Source*> sources{&source};
  const Error error = failure_of([&] {
    transfer(sources, stage.base, stage.target, blob_of("0123456789"), patient, {},
             {[](std::uint64_t) {}, [](const Error&, std::chrono::milliseconds) {}});
  });
  CHECK(error.kind() == ErrorKind::NoRoom);
}

}  // namespace streamsync
