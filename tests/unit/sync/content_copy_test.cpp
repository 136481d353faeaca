#include "sync/content_copy.h"

#include <catch2/catch.hpp>

#include <variant>

#include "tests/unit/sync/transfer_parties.h"

namespace streamsync {
namespace {

constexpr std::size_t kPart = 2'000'000;  // more than what renews attempts

// An item that is to come to one target.
struct Copy {
  PartedTarget& target;
  ItemSources sources;
  Action action{};
  RetryPolicy policy{2, std::chrono::seconds(0), std::chrono::seconds(600)};
  std::vector<ItemTarget*> others{};
  std::vector<PresentItem> present{};
  SilentTargets silent{};
  JobEvents events{};

  Copy(PartedTarget& to, ItemSources from, const std::string& content)
      : target(to), sources(std::move(from)) {
    action.kind = ActionKind::Create;
    action.blob = std::make_shared<const BlobSpec>(blob_of(content));
  }

  bool is_staged() {
    const TransferRules rules{4, policy, {}};
    std::vector<WantedItem> wanted{{{0, 0}, &action, &target, &sources}};
    for (auto* other : others) wanted.push_back({{0, wanted.size()}, &action, other, &sources});
    ContentCopy(wanted, present, rules, silent, events).run();
    const auto told = events.take();
    return std::holds_alternative<Staged>(told.back());
  }
};

// What it gives first is wrong.
class WrongAtFirst final : public Source {
 public:
  explicit WrongAtFirst(std::string content) : content_(std::move(content)) {}

  std::optional<FetchedDocument> fetch(const RelativePath&, const Validator&) override {
    return std::nullopt;
  }
  void stream(const RelativePath&, ItemProgress& progress, ByteSink& sink) override {
    asked_from.push_back(progress.offset);
    auto rest = content_.substr(progress.offset);
    if (asked_from.size() == 1) rest.front() ^= 1;
    progress.offset += rest.size();
    sink.write(as_bytes(rest));
  }
  std::string describe(const RelativePath& path) const override { return path.str(); }

  std::vector<std::uint64_t> asked_from;

 private:
  std::string content_;
};

}  // namespace

TEST_CASE("each part that a target has renews its attempts") {
  const std::string content(5 * kPart, 'x');
  BreakingSource source(content, {});
  PartedTarget target({{1, 1}, {2, 2}, {3, 3}, {4, 4}}, kPart);
  CHECK(Copy(target, {&source}, content).is_staged());
  CHECK(source.asked_from == std::vector<std::uint64_t>{0, kPart, 2 * kPart, 3 * kPart, 4 * kPart});
  CHECK((target.confirmed == content));
}

TEST_CASE("so they are where another target gives the item") {
  const std::string content(5 * kPart, 'x');
  BreakingSource source(content, {});
  PartedTarget giver({}, kPart), target({{1, 1}, {2, 2}, {3, 3}, {4, 4}}, kPart);
  giver.confirmed = content;
  Copy copy(target, {&source}, content);
  copy.present = {{&giver, {}}};
  CHECK(copy.is_staged());
  CHECK(source.asked_from.empty());
  CHECK((target.confirmed == content));
}

TEST_CASE("parts renew a single attempt, too") {
  const std::string content(5 * kPart, 'x');
  BreakingSource source(content, {});
  PartedTarget target({{1, 1}, {2, 2}, {3, 3}, {4, 4}}, kPart);
  Copy copy(target, {&source}, content);
  copy.policy.attempts = 1;
  CHECK(copy.is_staged());
}

TEST_CASE("a part that never comes is given up") {
  const std::string content(5 * kPart, 'x');
  BreakingSource source(content, {});
  PartedTarget target({{1, 1}, {2, 2}, {3, 2}, {4, 2}, {5, 2}, {6, 2}, {7, 2}}, kPart);
  CHECK_FALSE(Copy(target, {&source}, content).is_staged());
  CHECK(target.begun_at == std::vector<std::uint64_t>{0, kPart, 2 * kPart, 2 * kPart});
}

TEST_CASE("what another copy has left is no part that came") {
  const std::string content(5 * kPart, 'x');
  BreakingSource source(content, {});
  PartedTarget target({{1, 1}, {2, 2}, {3, 3}}, kPart);
  target.confirmed = content.substr(kPart);
  CHECK(Copy(target, {&source}, content).is_staged());
}

TEST_CASE("where one has failed and another was given wrong bytes they are asked for again") {
  const std::string content(12 * kPart, 'x');
  WrongAtFirst source(content);
  PartedTarget one({{1, 1}}, kPart), other({}, kPart);
  Copy copy(one, {&source}, content);
  copy.policy.attempts = 1;
  copy.others = {&other};
  CHECK(copy.is_staged());
  CHECK((one.confirmed == content && other.confirmed == content));
}

TEST_CASE("wrong bytes are gone on with by nobody, whatever a target keeps of them") {
  const std::string content(5 * kPart, 'x');
  WrongAtFirst source(content);
  PartedTarget target({}, kPart);
  CHECK(Copy(target, {&source}, content).is_staged());
  CHECK(source.asked_from == std::vector<std::uint64_t>{0, 0});
  CHECK((target.confirmed == content));
}

}  // namespace streamsync
