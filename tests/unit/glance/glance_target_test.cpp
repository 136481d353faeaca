#include "glance/glance_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>

#include "glance/image_json.h"
#include "glance/image_properties.h"
#include "tests/support/fake_keystone.h"
#include "tests/support/loopback_server.h"
#include "tests/unit/base/temporary_directory.h"

namespace streamsync {
namespace {

using testing::FakeKeystone;
using testing::LoopbackServer;
using testing::password_credentials;
using testing::Received;
using testing::Reply;

const std::string kMd5 = digest_of(DigestAlgorithm::Md5, "abc").hex();
const std::string kSha256 = digest_of(DigestAlgorithm::Sha256, "abc").hex();

Item item_of_image() {
  return {{"s", "p", "1", "disk1.img"},
          {{"ftype", "disk1.img"}, {"size", "3"}, {"md5", kMd5}, {"sha256", kSha256}},
          RelativePath::parse("p/1/disk1.img")};
}

/// An Image service with one image, whose data others share.
struct SharingGlance {
  FakeKeystone keystone{[this](const Received& request) { return answer(request); }};
  LoopbackServer server{std::ref(keystone)};
  TemporaryDirectory place;
  bool is_hidden = false;
  bool is_marked = false;
  bool is_unrevealed = false;
  bool is_shown_when_listed = false;

  Reply answer(const Received& request) {
    if (request.method == "DELETE") return {409, "<h1>Conflict</h1>The image is in use"};
    if (request.method == "PATCH") {
      is_hidden = request.body.find(R"("/os_hidden","value":true)") != std::string::npos;
      const auto removal = R"({"op":"remove","path":"/streamsync_superseded"})";
      const bool is_removed = request.body.find(removal) != std::string::npos;
      const auto addition = R"("/streamsync_superseded","value":"true")";
      const bool is_added = request.body.find(addition) != std::string::npos;
      is_marked = is_added || (is_marked && !is_removed);
      const auto shown = R"({"op":"remove","path":"/streamsync_unrevealed"})";
      if (request.body.find(shown) != std::string::npos) is_unrevealed = false;
      return {200, image()};
    }
    if (request.target.ends_with("/images/i1")) return {200, image()};
    const bool asks_for_hidden = request.target.find("os_hidden=true") != std::string::npos;
    const std::string answer = asks_for_hidden == is_hidden ? list() : R"({"images":[]})";
    if (is_shown_when_listed) is_hidden = false;
    return {200, answer};
  }

  static ImagePolicy policy() {
    ImagePolicy policy;
    policy.content_id = "ours";
    return policy;
  }

  std::string image() const {
    auto properties = image_properties(item_of_image(), policy());
    if (is_marked) properties.emplace("streamsync_superseded", "true");
    if (is_unrevealed) properties.emplace("streamsync_unrevealed", "true");
    auto json = image_body({{"id", "i1"},
                            {"name", "n"},
                            {"status", "active"},
                            {"owner", "p1"},
                            {"visibility", "public"},
                            {"checksum", kMd5},
                            {"os_hidden", is_hidden ? "true" : "false"}},
                           properties);
    return json.insert(1, R"("size":3,)");
  }
  std::string list() const { return fmt::format(R"({{"images":[{}]}})", image()); }

  GlanceTarget target(KeystoneSession& session) {
    return {session, Url::parse(server.url()), "North", policy(), place / "uploads"};
  }

  std::vector<std::string> changes() const {
    auto log = server.log();
    std::erase_if(log, [](const std::string& line) {
      return line.starts_with("GET") || line.starts_with("POST");
    });
    return log;
  }
};

/// An Image service that makes no image of one item.
struct RefusingGlance {
  FakeKeystone keystone{[this](const Received& request) { return answer(request); }};
  LoopbackServer server{std::ref(keystone)};
  TemporaryDirectory place;
  std::string refused_item;
  Reply refusal;
  std::optional<Reply> refusal_of_changes{};
  std::string made;  ///< the last image
  bool is_public = false;
  bool is_shown_by_another = false;

  std::string image() const {
    auto image = made;
    if (!is_shown_by_another) return image.insert(1, R"("status":"queued",)");
    for (const auto& [from, to] : {std::pair(R"("os_hidden":true)", R"("os_hidden":false)"),
                                   std::pair(R"("private")", R"("public")")}) {
      image.replace(image.find(from), std::string_view(from).size(), to);
    }
    return image.insert(1, R"("status":"active",)");
  }

  Reply answer(const Received& request) {
    if (request.method == "POST") {
      if (request.body.find(fmt::format(R"("item_name":"{}")", refused_item)) !=
          std::string::npos) {
        return refusal;
      }
      made = request.body;
      return {201, made};
    }
    if (request.method == "GET" && !made.empty()) return {200, image()};
    if (request.method != "PATCH") return {404, ""};
    if (refusal_of_changes) return *refusal_of_changes;
    auto shown = made;
    const bool publishes = request.body.find("public") != std::string::npos;
    is_public = is_public || publishes;
    if (publishes) shown.replace(shown.find(R"("private")"), 9, R"("public")");
    return {200, shown};
  }

  GlanceTarget target(KeystoneSession& session) {
    return {session, Url::parse(server.url()), "North", SharingGlance::policy(), place / "uploads"};
  }
};

/// An Image service with one image, into which another unit's upload has begun.
struct FillingGlance {
  FakeKeystone keystone{[this](const Received& request) { return answer(request); }};
  LoopbackServer server{std::ref(keystone)};
  TemporaryDirectory place;
  Time begun;
  bool is_there = true;

  Reply answer(const Received& request) {
    if (request.method == "DELETE") {
      is_there = false;
      return {204, ""};
    }
    if (request.target.ends_with("/images/i1")) return {200, image()};
    const bool asks_for_hidden = request.target.find("os_hidden=true") != std::string::npos;
    return {200,
            asks_for_hidden ? fmt::format(R"({{"images":[{}]}})", image()) : R"({"images":[]})"};
  }

  std::string image() const {
    return image_body({{"id", "i1"},
                       {"name", image_name(item_of_image(), SharingGlance::policy())},
                       {"status", "saving"},
                       {"owner", "p1"},
                       {"visibility", "private"},
                       {"updated_at", to_rfc3339(begun)},
                       {"os_hidden", "true"}},
                      image_properties(item_of_image(), SharingGlance::policy()));
  }

  GlanceTarget target(KeystoneSession& session) {
    return {session, Url::parse(server.url()), "North", SharingGlance::policy(), place / "uploads"};
  }
};

/// An Image service that takes all of an upload, and then its worker dies.
struct DyingGlance {
  FakeKeystone keystone{[this](const Received& request) { return answer(request); }};
  LoopbackServer server{std::ref(keystone)};
  TemporaryDirectory place;
  std::string made;
  std::string status = "queued";

  Reply answer(const Received& request) {
    if (request.method == "POST") {
      made = request.body;
      return {201, image()};
    }
    if (request.method == "PUT") {
      status = "saving";
      return {502, "the upstream server has hung up"};
    }
    if (request.method == "DELETE") {
      status = "deleted";
      return {204, ""};
    }
    if (request.target.find("/images/") != std::string::npos) {
      return {status == "deleted" ? 404 : 200, image()};
    }
    const bool is_listed = status != "deleted" && request.target.ends_with("os_hidden=true");
    return {200, is_listed ? fmt::format(R"({{"images":[{}]}})", image()) : R"({"images":[]})"};
  }

  std::string image() const {
    auto json = made;
    return json.insert(1, fmt::format(R"("status":"{}","owner":"p1","updated_at":"{}",)", status,
                                      to_rfc3339(now())));
  }
};

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

/// An Image service behind something that damages what is sent to it, or what it answers.
struct DamagedGlance {
  using Damage = std::function<std::string(std::string)>;

  FakeKeystone keystone{[this](const Received& request) { return answer(request); }};
  LoopbackServer server{std::ref(keystone)};
  TemporaryDirectory place;
  Damage of_request = [](std::string body) { return body; };
  Damage of_answer = of_request;
  std::map<std::string, std::string> images{};  // by id
  std::vector<std::string> deleted{};

  Reply answer(const Received& request) {
    if (request.method == "POST") return {201, of_answer(add(of_request(request.body)))};
    auto id = request.target.substr(std::string_view("/v2/images/").size());
    if (request.method == "PUT") {
      id.resize(id.find('/'));
      images.at(id) = replaced(images.at(id), "queued", "active");
      return {204};
    }
    if (images.count(id) == 0) return {404};
    if (request.method != "DELETE") return {200, images.at(id)};
    deleted.push_back(id);
    images.erase(id);
    return {204};
  }

  /// Of a body of a request.
  std::string add(const std::string& body) {
    constexpr std::string_view kId = R"("id":")";
    const auto at = body.find(kId) + kId.size();
    const auto id = body.substr(at, body.find('"', at) - at);
    return images[id] =
               fmt::format(R"({{"status":"queued","owner":"p1","size":3,"checksum":"{}",{})", kMd5,
                           body.substr(1));
  }

  Held stage(const BlobSpec& blob) {
    KeystoneSession session(password_credentials(server.url()), HttpOptions{}, RetryPolicy{}, {});
    GlanceTarget target(session, Url::parse(server.url()), "North", SharingGlance::policy(),
                        place / "uploads");
    TextSource bytes("abc");
    return target.stage(blob, bytes);
  }
};

}  // namespace

TEST_CASE("what another unit shows between two listings is held once, as it is then") {
  SharingGlance glance;
  glance.is_hidden = glance.is_shown_when_listed = true;
  KeystoneSession session(password_credentials(glance.server.url()), HttpOptions{}, RetryPolicy{},
                          {});
  auto target = glance.target(session);
  const auto inventory = target.inventory();
  REQUIRE(inventory.size() == 1);
  CHECK(inventory.front().state == HeldState::Present);
}

TEST_CASE("an image that another unit shows by now is not removed as one that nobody has shown") {
  SharingGlance glance;
  glance.is_hidden = glance.is_unrevealed = true;
  KeystoneSession session(password_credentials(glance.server.url()), HttpOptions{}, RetryPolicy{},
                          {});
  auto target = glance.target(session);
  const auto held = target.inventory();
  REQUIRE(held.size() == 1);
  REQUIRE(held[0].state == HeldState::Unrevealed);
  glance.is_hidden = glance.is_unrevealed = false;
  CHECK(target.remove(held[0]).outcome == Removal::Outcome::Kept);
  CHECK(glance.changes().empty());
}

TEST_CASE("what the store says is in use is hidden once, and found again") {
  using Lines = std::vector<std::string>;
  SharingGlance glance;
  KeystoneSession session(password_credentials(glance.server.url()), HttpOptions{}, RetryPolicy{},
                          {});
  auto target = glance.target(session);
  auto held = target.inventory();
  REQUIRE(held.size() == 1);
  CHECK(held[0].state == HeldState::Present);
  CHECK(target.judge_removals(held).of_each.at(0).outcome == Removal::Outcome::Gone);
  CHECK(target.remove(held[0]).outcome == Removal::Outcome::Hidden);
  const Lines expected{"DELETE /v2/images/i1", "PATCH /v2/images/i1"};
  CHECK(glance.changes() == expected);

  held = target.inventory();
  REQUIRE(held.size() == 1);
  CHECK(held[0].state == HeldState::Hidden);
  const auto removal = target.remove(held[0]);
  CHECK(removal.outcome == Removal::Outcome::Kept);
  CHECK_THAT(removal.reason, Catch::Contains("in use"));
  CHECK(glance.changes() ==
        Lines{"DELETE /v2/images/i1", "PATCH /v2/images/i1", "DELETE /v2/images/i1"});
}

TEST_CASE("an image is ours to show again because we marked it, and the mark goes with that") {
  SharingGlance glance;
  KeystoneSession session(password_credentials(glance.server.url()), HttpOptions{}, RetryPolicy{},
                          {});
  auto target = glance.target(session);
  const Item item = item_of_image();
  SECTION("hidden by us") {
    target.hide(target.inventory().at(0));
    CHECK(glance.is_hidden);
    CHECK(glance.is_marked);
    const auto hidden = target.inventory().at(0);
    CHECK(hidden.state == HeldState::Hidden);
    CHECK_FALSE(hidden.item.tags.find("streamsync_superseded"));
    auto other = item_of_image();
    other.tags.set("size", "4");
    CHECK_THROWS_WITH(target.update(hidden, &other), Catch::Contains("not shown again"));
    CHECK(glance.is_hidden);
    const auto shown = target.update(hidden, &item);
    CHECK(shown.state == HeldState::Present);
    CHECK_FALSE(glance.is_hidden);
    CHECK_FALSE(glance.is_marked);
  }
  SECTION("shown by somebody else, it loses the marks") {
    glance.is_marked = GENERATE(true, false);
    glance.is_unrevealed = !glance.is_marked;
    const auto present = target.inventory().at(0);
    CHECK(present.state == HeldState::Present);
    const Item* told = GENERATE(true, false) ? &item : nullptr;
    REQUIRE(target.drift(present, told));
    target.update(present, told);
    CHECK_FALSE(glance.is_marked);
    CHECK_FALSE(glance.is_unrevealed);
    CHECK_FALSE(target.drift(target.inventory().at(0), told));
  }
  SECTION("hidden by somebody else") {
    glance.is_hidden = true;
    const auto withdrawn = target.inventory().at(0);
    CHECK(withdrawn.state == HeldState::Withdrawn);
    CHECK_FALSE(target.drift(withdrawn, &item));
  }
}

TEST_CASE("a damaged answer to a POST makes nobody's image go") {
  const Item item = item_of_image();
  const BlobSpec blob{item, content_of(item)};
  const std::string id = image_id(SharingGlance::policy(), blob, 0);
  const std::string other = replaced(id, id.substr(0, 2), id.starts_with("00") ? "11" : "00");
  DamagedGlance glance;
  const auto renamed = [&](std::string body) { return replaced(std::move(body), id, other); };
  using Ids = std::vector<std::string>;

  SECTION("the image is as it was asked for: it is filled") {
    SECTION("another id") { glance.of_answer = renamed; }
    SECTION("another name") {
      glance.of_answer = [](std::string body) { return replaced(body, R"("name")", R"("label")"); };
    }
    SECTION("no JSON") {
      glance.of_answer = [](std::string body) { return replaced(body, "{", "["); };
    }
    // Somebody else's of our project.
    glance.add(image_body({{"id", other}, {"visibility", "private"}, {"os_hidden", "true"}}, {}));
    CHECK(glance.stage(blob).placement == id);
    CHECK(glance.deleted.empty());
    CHECK(glance.images.count(other) == 1);
  }
  SECTION("the request was damaged: what it made goes, where that can be known") {
    Ids gone{id};
    SECTION("another id") {
      glance.of_request = renamed;
      gone = {other};
    }
    SECTION("another address") {
      glance.of_request = [](std::string body) { return replaced(body, "disk1", "disk3"); };
    }
    SECTION("another name, and the answer too, which names another image of that address") {
      glance.of_request = [](std::string body) {
        return replaced(body, R"("name")", R"("label")");
      };
      glance.of_answer = renamed;
      glance.add(image_body({{"id", other}, {"visibility", "private"}, {"os_hidden", "true"}},
                            image_properties(item, SharingGlance::policy())));
      glance.images[other] = replaced(glance.images[other], "queued", "active");
    }
    SECTION("another id and another address") {
      glance.of_request = [&](std::string body) {
        return replaced(renamed(body), R"("source_content_id":"s")", R"("source_content_id":"r")");
      };
      gone = {};
    }
    CHECK_THROWS_WITH(glance.stage(blob), Catch::Contains("was asked for"));
    CHECK(glance.deleted == gone);
  }
}

TEST_CASE("an image that can't be made does not keep the others from coming") {
  RefusingGlance glance;
  KeystoneSession session(password_credentials(glance.server.url()), HttpOptions{}, RetryPolicy{},
                          {});
  auto target = glance.target(session);
  auto odd = item_of_image();
  odd.key.item = "odd.img";
  const std::vector<BlobSpec> coming{{odd, content_of(odd)},
                                     {item_of_image(), content_of(item_of_image())}};
  glance.refused_item = "odd.img";
  SECTION("the visibility is tried with the next one") {
    glance.refusal = GENERATE(Reply{400, "an odd character"}, Reply{413, "too many properties"});
    target.announce(coming);
    CHECK(glance.is_public);
  }
  SECTION("who may make none is told at once") {
    glance.refusal = {403, "no"};
    CHECK_THROWS_WITH(target.announce(coming), Catch::Contains("add_image"));
    CHECK(glance.made.empty());
  }
}

TEST_CASE("a refusal names the policy that has refused") {
  RefusingGlance glance;
  glance.refused_item = "none";
  KeystoneSession session(password_credentials(glance.server.url()), HttpOptions{}, RetryPolicy{},
                          {});
  auto target = glance.target(session);
  const auto [answer, policy] = GENERATE(table<const char*, const char*>({
      {"You are not authorized to complete modify_image action.",
       "policy: modify_image, which by default asks for the role member"},
      {"You are not authorized to complete publicize_image action.",
       "policy: publicize_image, which by default asks for the role admin"},
      {"You are not authorized to complete this action.", "policy: publicize_image,"},
      {"", "policy: publicize_image,"},
  }));
  glance.refusal_of_changes = Reply{403, fmt::format("<h1>403 Forbidden</h1>{}", answer)};
  CHECK_THROWS_WITH(target.announce({{item_of_image(), content_of(item_of_image())}}),
                    Catch::Contains(policy));
}

TEST_CASE("an image that another unit has filled meanwhile is not taken away") {
  RefusingGlance glance;
  glance.refused_item = "none";
  glance.is_shown_by_another = true;
  KeystoneSession session(password_credentials(glance.server.url()), HttpOptions{}, RetryPolicy{},
                          {});
  auto target = glance.target(session);
  const std::vector<BlobSpec> coming{{item_of_image(), content_of(item_of_image())}};
  std::size_t changes = 1;
  SECTION("when its visibility was tried") { target.announce(coming); }
  SECTION("when it was refused") {
    glance.refusal_of_changes = Reply{403, "no"};
    CHECK_THROWS(target.announce(coming));
  }
  SECTION("as one that nobody has shown is") {
    changes = 2;
    glance.is_shown_by_another = false;
    glance.refusal_of_changes = Reply{403, "no"};
    CHECK_THROWS(target.announce(coming));
  }
  const auto log = glance.server.log();
  CHECK(std::count_if(log.begin(), log.end(), [](const std::string& line) {
          return line.starts_with("PATCH") || line.starts_with("DELETE");
        }) == static_cast<std::ptrdiff_t>(changes));
}

TEST_CASE("a refusal by property protection names the rights that are needed") {
  RefusingGlance glance;
  glance.refused_item = "none";
  glance.refusal_of_changes =
      Reply{403, "<h1>403 Forbidden</h1>Attribute 'streamsync_unrevealed' is reserved."};
  KeystoneSession session(password_credentials(glance.server.url()), HttpOptions{}, RetryPolicy{},
                          {});
  auto target = glance.target(session);
  Held held;
  held.placement = "i1";
  CHECK_THROWS_WITH(target.reveal(held), Catch::Contains("'streamsync_unrevealed'") &&
                                             Catch::Contains("property protection") &&
                                             Catch::Contains("delete") &&
                                             !Catch::Contains("Glance policy"));
}

TEST_CASE("another's upload is not removed as long as it may go on") {
  FillingGlance glance;
  KeystoneSession session(password_credentials(glance.server.url()), HttpOptions{}, RetryPolicy{},
                          {});
  auto target = glance.target(session);
  SECTION("a large image through a narrow link") {
    glance.begun = now() - std::chrono::hours(6);
    const auto held = target.inventory().at(0);
    REQUIRE(held.state == HeldState::Incomplete);
    const auto removal = target.remove(held);
    CHECK(removal.outcome == Removal::Outcome::Kept);
    CHECK_THAT(removal.reason, Catch::Contains("in progress"));
    CHECK(glance.is_there);
  }
  SECTION("one that was given up") {
    glance.begun = now() - std::chrono::hours(48);
    CHECK(target.remove(target.inventory().at(0)).outcome == Removal::Outcome::Gone);
    CHECK_FALSE(glance.is_there);
  }
}

TEST_CASE("an upload that hung up with all its bytes is left alone by its run, not by the next") {
  DyingGlance glance;
  KeystoneSession session(password_credentials(glance.server.url()), HttpOptions{},
                          RetryPolicy{.attempts = 1}, {});
  const BlobSpec blob{item_of_image(), content_of(item_of_image())};
  GlanceTarget target(session, Url::parse(glance.server.url()), "North", SharingGlance::policy(),
                      glance.place / "uploads");
  TextSource bytes("abc");
  CHECK_THROWS_WITH(target.stage(blob, bytes),
                    Catch::Contains("502") && Catch::Contains("may still store"));
  CHECK(glance.status == "saving");
  GlanceTarget next(session, Url::parse(glance.server.url()), "North", SharingGlance::policy(),
                    glance.place / "uploads");
  for (const auto& held : next.inventory()) next.remove(held);
  CHECK(glance.status == "deleted");
}

}  // namespace streamsync
