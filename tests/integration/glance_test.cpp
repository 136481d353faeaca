// GlanceTarget against a real Image service: that of OS_* (the administrator of tests/cloud, who
// may make images public). Each test has a content_id of its own and leaves no image behind.
//
// Two of them ask for a service with limits:
//   CLOUD_GLANCE_SIZE_CAP  its image_size_cap, at most 64 MiB
//   api_limit_max = 5      in glance-api.conf makes lists come in pages

#include "glance/glance_target.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <mutex>
#include <set>
#include <thread>

#include "base/crypto/digest.h"
#include "base/error.h"
#include "base/text.h"
#include "glance/image_client.h"
#include "glance/image_properties.h"
#include "tests/support/image_scope.h"
#include "tests/support/ubuntu_blob.h"
#include "tests/unit/http/kept_bytes.h"

namespace streamsync {
namespace {

using testing::cloud_credentials;
using testing::ImageScope;
using testing::Signed;
using testing::some_bytes;
using testing::ubuntu_blob;
using testing::variable;
using testing::variables_of;

/// What publication is told of the item's image (`upstream-gss.md` §4.7).
Tags tags_told(const BlobSpec& blob, ImageScope& scope) {
  Tags tags = blob.item.tags.unpacked();
  tags.erase("path");
  tags["owner_id"] = scope.session.project_id();
  return tags;
}

constexpr std::size_t kPiece = 64 * 1024;

Held stage(GlanceTarget& target, const BlobSpec& blob, std::string_view text) {
  TextSource bytes(text);
  return target.stage(blob, bytes);
}

ErrorKind kind_of_failure(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    UNSCOPED_INFO(error.what());
    return error.kind();
  }
  FAIL("no error");
  return ErrorKind::Config;
}

/// Stands between us and the service, and can drop its answer to a request it has carried out.
class ForgetfulRelay {
 public:
  explicit ForgetfulRelay(std::uint16_t port) : port_(port) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in here = loopback(0);
    socklen_t length = sizeof here;
    REQUIRE(::bind(listener_, as_sockaddr(&here), length) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
    REQUIRE(::getsockname(listener_, as_sockaddr(&here), &length) == 0);
    url_ = fmt::format("http://127.0.0.1:{}", ntohs(here.sin_port));
    acceptor_ = std::jthread([this](std::stop_token stop) { accept_all(stop); });
  }

  ~ForgetfulRelay() {
    acceptor_.request_stop();
    acceptor_.join();
    for (auto& connection : connections_) connection.request_stop();
    connections_.clear();
    ::close(listener_);
  }

  const std::string& url() const noexcept { return url_; }
  /// The next answer to a request with `method` gets lost.
  void lose_answer_to(std::string_view method) {
    const std::lock_guard lock(mutex_);
    forget_ = method;
  }
  bool has_lost_it() {
    const std::lock_guard lock(mutex_);
    return forget_.empty();
  }

 private:
  static constexpr int kTickMs = 50;

  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  static sockaddr* as_sockaddr(sockaddr_in* address) {
    return reinterpret_cast<sockaddr*>(address);
  }

  void accept_all(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd ready{listener_, POLLIN, 0};
      if (::poll(&ready, 1, kTickMs) <= 0) continue;
      const int client = ::accept(listener_, nullptr, nullptr);
      if (client < 0) continue;
      connections_.emplace_back([this, client](std::stop_token end) { carry(client, end); });
    }
  }

  void carry(int client, const std::stop_token& stop) {
    const int service = ::socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in there = loopback(port_);
    bool open = ::connect(service, reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0;
    std::string method;
    while (open && !stop.stop_requested()) {
      std::array<pollfd, 2> ready{pollfd{client, POLLIN, 0}, pollfd{service, POLLIN, 0}};
      if (::poll(ready.data(), ready.size(), kTickMs) <= 0) continue;
      if (ready[0].revents != 0) {
        open = pass(client, service, [&](std::string_view sent) { note_method(sent, method); });
      }
      if (open && ready[1].revents != 0) {
        if (forgets(method)) break;
        open = pass(service, client, [](std::string_view) {});
      }
    }
    ::close(client);
    ::close(service);
  }

  static bool pass(int from, int to, const std::function<void(std::string_view)>& look) {
    std::array<char, 65536> buffer;
    const ssize_t count = ::recv(from, buffer.data(), buffer.size(), 0);
    if (count <= 0) return false;
    look({buffer.data(), static_cast<std::size_t>(count)});
    for (ssize_t sent = 0; sent < count;) {
      const ssize_t step =
          ::send(to, buffer.data() + sent, static_cast<std::size_t>(count - sent), MSG_NOSIGNAL);
      if (step <= 0) return false;
      sent += step;
    }
    return true;
  }

  static void note_method(std::string_view sent, std::string& method) {
    for (const std::string_view known : {"GET ", "POST ", "PUT ", "PATCH ", "DELETE "}) {
      if (sent.starts_with(known)) method = known.substr(0, known.size() - 1);
    }
  }

  bool forgets(const std::string& method) {
    const std::lock_guard lock(mutex_);
    if (forget_.empty() || forget_ != method) return false;
    forget_.clear();
    return true;
  }

  std::uint16_t port_;
  std::string url_;
  int listener_ = -1;
  std::mutex mutex_;
  std::string forget_;
  std::vector<std::jthread> connections_;
  std::jthread acceptor_;
};

}  // namespace

TEST_CASE("an image is made private and hidden, with all that is known of it", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  ImageScope scope(*credentials);
  GlanceTarget target = scope.target();
  const BlobSpec blob = ubuntu_blob("tiny");
  const std::string id = image_id(scope.policy, blob, 0);
  PieceSource bytes("tiny", 4, [&] {
    const auto image = scope.images.find(id);
    REQUIRE(image);
    CHECK(image->visibility == "private");
    CHECK(image->os_hidden);
    CHECK(tag(image->properties, "streamsync_unrevealed") == "true");
    CHECK(image->disk_format == "qcow2");
    CHECK(image->container_format == "bare");
  });
  const Held held = target.stage(blob, bytes);
  CHECK(held.placement == id);
  CHECK(held.name == "auto-sync/ubuntu-bionic-18.04-amd64-server-20210720-disk1.img");
  CHECK(held.item.tags == tags_told(blob, scope));
}

TEST_CASE("with hypervisor mapping the kind of virtualisation is told", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  ImageScope scope(*credentials);
  scope.policy.hypervisor_mapping = true;
  GlanceTarget target = scope.target();
  const BlobSpec blob = ubuntu_blob("tiny");
  const Held held = stage(target, blob, "tiny");
  CHECK(scope.images.find(held.placement)->properties.at("hypervisor_type") == "qemu");
  Tags expected = tags_told(blob, scope);
  expected["virt"] = "kvm";
  CHECK(held.item.tags == expected);
  CHECK(target.inventory().at(0).item.tags == expected);
}

TEST_CASE("images of every visibility are found again", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  ImageScope scope(*credentials);
  scope.policy.visibility = GENERATE("public", "private", "shared", "community");
  CAPTURE(scope.policy.visibility);
  GlanceTarget target = scope.target();
  target.reveal(stage(target, ubuntu_blob("tiny"), "tiny"));
  const auto inventory = target.inventory();
  REQUIRE(inventory.size() == 1);
  CHECK(inventory[0].state == HeldState::Present);
  CHECK(scope.images.find(inventory[0].placement)->visibility == scope.policy.visibility);
}

TEST_CASE("an image that a failed source left queued is used again", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  ImageScope scope(*credentials);
  GlanceTarget target = scope.target();
  const std::string text = some_bytes(1'000'000);
  const BlobSpec blob = ubuntu_blob(text);

  PieceSource bad(text, kPiece,
                  [] { throw Error(ErrorKind::Corrupt, Origin::Source, "bad digest"); });
  CHECK_THROWS_WITH(target.stage(blob, bad), Catch::Contains("bad digest"));
  const auto left = target.inventory();
  REQUIRE(left.size() == 1);
  CHECK(left[0].state == HeldState::Incomplete);

  const Held held = stage(target, blob, text);
  CHECK(held.placement == left[0].placement);
  CHECK(target.inventory().size() == 1);
}

TEST_CASE("the id of a deleted image is burnt", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  ImageScope scope(*credentials);
  GlanceTarget target = scope.target();
  const BlobSpec blob = ubuntu_blob("tiny");
  for (unsigned generation = 0; generation < 3; ++generation) {
    const Held held = stage(target, blob, "tiny");
    CHECK(held.placement == image_id(scope.policy, blob, generation));
    target.remove(held);
  }
}

TEST_CASE("an image that is not made from the item keeps its id and is left alone", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  ImageScope scope(*credentials);
  GlanceTarget target = scope.target();
  const BlobSpec blob = ubuntu_blob("tiny");
  const std::string id = image_id(scope.policy, blob, 0);

  Tags properties = image_properties(blob.item, scope.policy);
  SECTION("foreign content_id") { properties["content_id"] = "foreign." + scope.policy.content_id; }
  SECTION("another address") { properties["item_name"] = "disk.img"; }
  SECTION("another digest") {
    properties["simplestreams_metadata"] =
        image_properties(ubuntu_blob("other").item, scope.policy)["simplestreams_metadata"];
  }
  SECTION("no properties") { properties.clear(); }
  SECTION("visible, though it has no data yet") {}
  using Created = ImageClient::Created;
  REQUIRE(scope.images.create({{"id", id}, {"name", "foreign"}}, properties).created ==
          Created::Yes);
  REQUIRE(scope.images.create({{"id", id}}, {}).created == Created::IdTaken);

  const Held held = stage(target, blob, "tiny");
  CHECK(held.placement == image_id(scope.policy, blob, 1));
  const auto foreign = scope.images.find(id);
  REQUIRE(foreign);
  CHECK(foreign->name == "foreign");
  CHECK(foreign->status == "queued");
  scope.images.remove(id);
}

TEST_CASE("an image that is there already is compared, not sent again", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  ImageScope scope(*credentials);
  GlanceTarget target = scope.target();
  const BlobSpec blob = ubuntu_blob("tiny", GENERATE(Signed::Md5AndSha256, Signed::Sha256));
  const Held first = stage(target, blob, "tiny");

  PieceSource untouched("tiny", kPiece);
  untouched.before_each([] { FAIL("read"); });
  const Held second = target.stage(blob, untouched);
  CHECK(second.placement == first.placement);
  CHECK(target.inventory().size() == 1);
}

TEST_CASE("what a killed run left is shown as the configuration of now says", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  ImageScope scope(*credentials);
  BlobSpec blob = ubuntu_blob("tiny");
  GlanceTarget killed = scope.target();
  stage(killed, blob, "tiny");

  scope.policy.name_prefix = "other/";
  scope.policy.custom_properties = {{"hw_disk_bus", "virtio"}};
  blob.item.tags.set("aliases", "newest");
  GlanceTarget target = scope.target();
  const auto left = target.inventory().at(0);
  REQUIRE(left.state == HeldState::Unrevealed);
  const auto held = target.verify_unrevealed(left, blob);
  REQUIRE(held);
  CHECK(held->name == target.name_of(blob.item));
  CHECK(tag(held->item.tags, "aliases") == "newest");
  CHECK(scope.images.find(held->placement)->visibility == "private");
  target.reveal(*held);
  const auto image = scope.images.find(held->placement);
  CHECK(image->name == held->name);
  CHECK(image_changes(*image, blob.item, scope.policy).empty());
}

TEST_CASE("what the operator made as a killed run leaves it is told from that", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  ImageScope scope(*credentials);
  scope.policy.visibility = GENERATE("public", "private");
  CAPTURE(scope.policy.visibility);
  GlanceTarget target = scope.target();
  const Held held = stage(target, ubuntu_blob("tiny"), "tiny");
  const Tags marked = scope.images.find(held.placement)->properties;
  for (unsigned time = 0; time < 2; ++time) {
    target.reveal(held);
    Tags shown = marked;
    shown.erase("streamsync_unrevealed");
    CHECK(scope.images.find(held.placement)->properties == shown);
  }
  scope.images.change(held.placement, {{"visibility", "private"}, {"os_hidden", "true"}});
  CHECK(target.inventory().at(0).state == HeldState::Withdrawn);
}

TEST_CASE("items are accepted by the digests that they have", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  ImageScope scope(*credentials);
  GlanceTarget target = scope.target();
  const std::string text = some_bytes(1'000'000);

  BlobSpec blob = ubuntu_blob(text, GENERATE(Signed::Md5AndSha256, Signed::Sha256, Signed::Sha512));
  SECTION("right ones") {}
  SECTION("a wrong md5 beside a right sha256") {
    blob.content.md5 = digest_of(DigestAlgorithm::Md5, "other");
  }
  const Held held = stage(target, blob, text);
  CHECK(target.verify_unrevealed(held, blob));
  CHECK(target.inventory().size() == 1);
}

TEST_CASE("what Glance stored and was not promised is deleted unseen", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  ImageScope scope(*credentials);
  GlanceTarget target = scope.target();
  // The promise is about other bytes: for the target it is as if Glance had stored wrong ones.
  const std::string promised = some_bytes(100'000, 1), stored = some_bytes(100'000, 2);
  const BlobSpec blob = ubuntu_blob(promised, GENERATE(Signed::Md5AndSha256, Signed::Sha512));
  CHECK(kind_of_failure([&] { stage(target, blob, stored); }) == ErrorKind::Corrupt);
  CHECK(target.inventory().empty());
}

TEST_CASE("an image that upstream's client made is held", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  if (std::system("command -v glance >/dev/null") != 0) {
    WARN("the glance command is not installed: nothing tested");
    return;
  }
  ImageScope scope(*credentials);
  GlanceTarget target = scope.target();
  const BlobSpec blob = ubuntu_blob("tiny");

  const std::filesystem::path home =
      std::filesystem::temp_directory_path() / scope.policy.content_id;
  std::filesystem::create_directory(home);
  std::ofstream(home / "image") << "tiny";
  const auto quoted = [](std::string_view text) {
    std::string quote = "'";
    for (const char c : text) quote += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quote + "'";
  };
  // The command keeps the server's schema in its home directory.
  std::string command = fmt::format(
      "HOME={} glance image-create --visibility public --disk-format qcow2 --container-format bare "
      "--name {} --file {}",
      quoted(home.string()), quoted(image_name(blob.item, scope.policy)),
      quoted((home / "image").string()));
  for (const auto& [name, value] : image_properties(blob.item, scope.policy)) {
    command += " --property " + quoted(fmt::format("{}={}", name, value));
  }
  const int status = std::system((command + " >/dev/null").c_str());
  std::filesystem::remove_all(home);
  REQUIRE(status == 0);

  const auto inventory = target.inventory();
  REQUIRE(inventory.size() == 1);
  CHECK(inventory[0].state == HeldState::Present);
  CHECK(inventory[0].item.key == blob.item.key);
  CHECK(inventory[0].item.tags == tags_told(blob, scope));
  CHECK(inventory[0].name == target.name_of(blob.item));
  CHECK(inventory[0].size == 4);
}

TEST_CASE("lists come whole", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  ImageScope scope(*credentials);
  GlanceTarget target = scope.target();
  BlobSpec blob = ubuntu_blob("tiny");
  std::set<std::string> expected;
  for (int version = 0; version < 12; ++version) {
    blob.item.key.version = std::to_string(20210700 + version);
    const std::string id = image_id(scope.policy, blob, 0);
    expected.insert(id);
    // Two images of the first address: both are told.
    const bool is_twin = version == 11;
    if (is_twin) blob.item.key.version = "20210700";
    scope.images.create({{"id", id}, {"name", "x"}}, image_properties(blob.item, scope.policy));
  }
  std::set<std::string> found;
  const auto inventory = target.inventory();
  for (const Held& held : inventory) found.insert(held.placement);
  CHECK(found == expected);
  CHECK(inventory.size() == expected.size());
}

TEST_CASE("what is over the limit is refused and leaves nothing", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  const auto cap = parse_decimal(variable("CLOUD_GLANCE_SIZE_CAP").value_or(""));
  if (!cap || *cap > 64 * 1024 * 1024) {
    WARN("CLOUD_GLANCE_SIZE_CAP is not set, or too large: nothing tested");
    return;
  }
  ImageScope scope(*credentials);
  GlanceTarget target = scope.target();
  const std::string text(*cap + 1, 'x');
  CHECK(kind_of_failure([&] { stage(target, ubuntu_blob(text), text); }) == ErrorKind::NoRoom);
  CHECK(target.inventory().empty());
}

TEST_CASE("an upload that does not end is not disturbed", "[cloud][slow]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  ImageScope scope(*credentials);
  GlanceTarget target = scope.target();
  const std::string text = some_bytes(4'000'000);
  const BlobSpec blob = ubuntu_blob(text);

  std::promise<void> begun, may_end;
  std::size_t reads = 0;
  PieceSource slow(text, kPiece);
  slow.before_each([&] {
    if (++reads == 5) {
      begun.set_value();
      may_end.get_future().wait();
    }
  });
  auto first = std::async(std::launch::async, [&] { return target.stage(blob, slow).placement; });
  begun.get_future().wait();
  const ErrorKind kind = kind_of_failure([&] { stage(target, blob, text); });
  may_end.set_value();
  CHECK(kind == ErrorKind::Conflict);
  CHECK(first.get() == image_id(scope.policy, blob, 0));
}

TEST_CASE("an answer that got lost is found out", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  ImageScope scope(*credentials);
  if (scope.endpoint.scheme() != "http" || scope.endpoint.host() != "127.0.0.1") {
    WARN("the image service is not at http://127.0.0.1: nothing tested");
    return;
  }
  const std::string& origin = scope.endpoint.origin();
  const auto port = parse_decimal(origin.substr(origin.rfind(':') + 1));
  REQUIRE(port);
  ForgetfulRelay relay(static_cast<std::uint16_t>(*port));
  GlanceTarget target(scope.session, Url::parse(relay.url()), scope.region, scope.policy,
                      scope.journal());

  const std::string text = some_bytes(1'000'000);
  const BlobSpec blob = ubuntu_blob(text, GENERATE(Signed::Md5AndSha256, Signed::Sha256));
  const auto* method = GENERATE("POST", "PUT", "GET", "PATCH", "DELETE");
  CAPTURE(method);
  relay.lose_answer_to(method);
  const Held held = stage(target, blob, text);
  CHECK(held.placement == image_id(scope.policy, blob, 0));
  target.reveal(held);
  CHECK(target.inventory().size() == 1);
  target.remove(held);
  CHECK(relay.has_lost_it());
  CHECK(target.inventory().empty());
}

TEST_CASE("a forbidden visibility is told before anything is sent, and leaves nothing", "[cloud]") {
  const auto credentials = cloud_credentials(variables_of("demo"));
  if (!cloud_credentials()) return;
  ImageScope scope(*credentials);
  GlanceTarget target = scope.target();
  const BlobSpec blob = ubuntu_blob("tiny");
  for (unsigned run = 0; run < 2; ++run) {
    CHECK_THROWS_WITH(target.announce({blob}),
                      Catch::Contains("publicize_image") && Catch::Contains("role admin"));
    CHECK(kind_of_failure([&] { target.announce({blob}); }) == ErrorKind::Denied);
    CHECK(target.inventory().empty());
  }
  // However many runs are refused.
  CHECK(stage(target, blob, "tiny").placement == image_id(scope.policy, blob, 1));
}

TEST_CASE("the visibility is tried with the first new image, which is used afterwards", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  ImageScope scope(*credentials);
  scope.policy.visibility = GENERATE("public", "community", "shared");
  GlanceTarget target = scope.target();
  const BlobSpec coming = ubuntu_blob("coming");

  target.announce({coming});
  const auto image = scope.images.find(image_id(scope.policy, coming, 0));
  REQUIRE(image);
  CHECK(image->status == "queued");
  CHECK(image->visibility == "private");
  CHECK(image->os_hidden);
  CHECK(stage(target, coming, "coming").placement == image->id);
}

TEST_CASE("where the first id is taken the visibility is tried, and nothing is changed",
          "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  ImageScope scope(*credentials);
  GlanceTarget target = scope.target();
  const BlobSpec blob = ubuntu_blob("tiny");
  const std::string id = stage(target, blob, "tiny").placement;
  SECTION("by an image") {
    const auto before = scope.images.find(id)->updated_at;
    target.announce({blob});
    CHECK(scope.images.find(id)->updated_at == before);
    CHECK(target.inventory().size() == 1);
  }
  SECTION("by a deleted image") {
    scope.images.remove(id);
    target.announce({blob});
    CHECK(target.inventory().empty());
  }
}

TEST_CASE("nothing is made for an image that is only to be shown", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  ImageScope scope(*credentials);
  GlanceTarget target = scope.target();
  const BlobSpec blob = ubuntu_blob("tiny");
  // As one that was made when ids were taken that are free again, since Glance's database was
  // purged.
  Tags properties = image_properties(blob.item, scope.policy);
  properties["streamsync_unrevealed"] = "true";
  const std::string id = image_id(scope.policy, blob, 1);
  scope.images.create({{"id", id},
                       {"name", "n"},
                       {"visibility", "private"},
                       {"os_hidden", "true"},
                       {"container_format", "bare"},
                       {"disk_format", "qcow2"}},
                      properties);
  TextSource bytes("tiny");
  scope.images.upload(id, bytes, 4);

  REQUIRE(target.inventory().at(0).state == HeldState::Unrevealed);
  target.announce({blob});
  CHECK(target.inventory().size() == 1);
}

TEST_CASE("what a run left that was killed while it tried the visibility is gone on with",
          "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  ImageScope scope(*credentials);
  GlanceTarget target = scope.target();
  const BlobSpec blob = ubuntu_blob("tiny");
  target.announce({blob});
  const std::string id = image_id(scope.policy, blob, 0);
  scope.images.change(id, {{"visibility", "public"}});
  SECTION("as it was") {}
  SECTION("and its mark was taken away") { scope.images.change(id, {}, {"streamsync_unrevealed"}); }

  PieceSource bytes("tiny", 4, [&] { CHECK(scope.images.find(id)->visibility == "private"); });
  CHECK(target.stage(blob, bytes).placement == id);
  CHECK(target.inventory().at(0).state == HeldState::Unrevealed);
}

TEST_CASE("a refused request names the rule that refused it", "[cloud]") {
  const auto credentials = cloud_credentials();
  if (!credentials) return;
  // Who may not make images public.
  ImageScope scope(*cloud_credentials(variables_of("demo")));
  GlanceTarget target = scope.target();
  const Held held = stage(target, ubuntu_blob("tiny"), "tiny");
  CHECK_THROWS_WITH(target.reveal(held), Catch::Contains("publicize_image"));
  CHECK(kind_of_failure([&] { target.reveal(held); }) == ErrorKind::Denied);
  CHECK(target.inventory().at(0).state == HeldState::Unrevealed);
}

}  // namespace streamsync
