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
#include <random>
#include <set>
#include <thread>

#include "base/crypto/digest.h"
#include "base/error.h"
#include "base/text.h"
#include "glance/image_client.h"
#include "glance/image_properties.h"

namespace streamsync {
namespace {

std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

Credentials credentials(const Environment& environment) {
  static const HttpRuntime runtime;
  start_crypto();
  return *credentials_from_environment(environment);
}

HttpOptions http_options() {
  HttpOptions options;
  options.user_agent = "streamsync-tests";
  options.origin = Origin::Target;
  return options;
}

std::string unique_content_id() {
  std::random_device random;
  return fmt::format("test.{:08x}{:08x}", random(), random());
}

/// A project's images under a content_id that nobody else has; gone with the object.
class Scope {
 public:
  explicit Scope(const Environment& environment = variable)
      : session(credentials(environment), http_options(), RetryPolicy(), {}),
        endpoint(session.endpoint("image", environment("OS_REGION_NAME").value_or("RegionOne"))),
        images(session, endpoint) {
    policy.content_id = unique_content_id();
    policy.name_prefix = "auto-sync/";
  }

  ~Scope() {
    for (const char* hidden : {"false", "true"}) {
      for (const Image& image : list(hidden)) images.remove(image.id);
    }
  }

  GlanceTarget target() { return {session, endpoint, policy}; }

  std::vector<Image> list(const char* hidden) {
    return images.list({{"content_id", policy.content_id}, {"os_hidden", hidden}});
  }

  KeystoneSession session;
  Url endpoint;
  ImageClient images;
  ImagePolicy policy;
};

enum class Signed { Md5AndSha256, Sha256, Sha512 };

BlobSpec blob_of(std::string_view text, Signed digests = Signed::Md5AndSha256) {
  BlobSpec blob{{}, {0, digest_of(DigestAlgorithm::Md5, ""), std::nullopt}};
  Item& item = blob.item;
  item.key = {"com.ubuntu.cloud:released:download", "com.ubuntu.cloud:server:18.04:amd64",
              "20210720", "disk1.img"};
  item.tags = {{"arch", "amd64"},
               {"ftype", "disk1.img"},
               {"item_name", item.key.item},
               {"os", "ubuntu"},
               {"product_name", item.key.product},
               {"pubname", "ubuntu-bionic-18.04-amd64-server-20210720"},
               {"release_title", "18.04 LTS \u20ac \"x\""},
               {"size", std::to_string(text.size())},
               {"version", "18.04"},
               {"version_name", item.key.version}};
  const auto sign = [&](DigestAlgorithm algorithm) {
    item.tags.emplace(to_string(algorithm), digest_of(algorithm, text).hex());
  };
  if (digests == Signed::Md5AndSha256) sign(DigestAlgorithm::Md5);
  sign(digests == Signed::Sha512 ? DigestAlgorithm::Sha512 : DigestAlgorithm::Sha256);
  blob.content = content_of(item);
  return blob;
}

/// Several reads long, and different for each `seed`.
std::string some_bytes(std::size_t size, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

/// Calls `before_each` before each read, and `at_end` in place of its end.
class ObservedSource final : public ByteSource {
 public:
  ObservedSource(
      std::string_view text, std::function<void()> before_each,
      std::function<void()> at_end = [] {})
      : text_(text), before_each_(std::move(before_each)), at_end_(std::move(at_end)) {}

  std::size_t read(MutableBytes buffer) override {
    before_each_();
    const std::size_t count = text_.read(buffer);
    if (count == 0) at_end_();
    return count;
  }

 private:
  TextSource text_;
  std::function<void()> before_each_;
  std::function<void()> at_end_;
};

class StringSink final : public ByteSink {
 public:
  void write(Bytes bytes) override { text += as_text(bytes); }
  void finish() override {}
  std::string text;
};

/// What publication is told of the item's image (`upstream-gss.md` §4.7).
Tags tags_told(const BlobSpec& blob, Scope& scope) {
  Tags tags = blob.item.tags;
  tags["owner_id"] = scope.session.project_id();
  return tags;
}

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

#define REQUIRE_CLOUD()                               \
  do {                                                \
    if (!variable("OS_AUTH_URL")) {                   \
      WARN("OS_AUTH_URL is not set: nothing tested"); \
      return;                                         \
    }                                                 \
  } while (false)

}  // namespace

TEST_CASE("an image is staged unseen and revealed at once", "[cloud]") {
  REQUIRE_CLOUD();
  Scope scope;
  GlanceTarget target = scope.target();
  const std::string text = some_bytes(3'000'000);
  const BlobSpec blob = blob_of(text);
  const std::string id = image_id(scope.policy, blob, 0);

  std::size_t seen = 0;
  ObservedSource bytes(text, [&] {
    seen += scope.list("false").size();
    const auto image = scope.images.find(id);
    if (image && (image->visibility != "private" || !image->os_hidden)) ++seen;
  });
  const Held held = target.stage(blob, bytes);
  CHECK(seen == 0);
  CHECK(scope.list("false").empty());

  CHECK(held.placement == id);
  CHECK(held.name == "auto-sync/ubuntu-bionic-18.04-amd64-server-20210720-disk1.img");
  CHECK(held.name == target.name_of(blob.item));
  CHECK(held.state == HeldState::Unrevealed);
  CHECK(held.size == text.size());
  CHECK(held.item.key == blob.item.key);
  CHECK(held.item.tags == tags_told(blob, scope));

  auto inventory = target.inventory();
  REQUIRE(inventory.size() == 1);
  CHECK(inventory[0].state == HeldState::Unrevealed);
  CHECK(inventory[0].item.tags == tags_told(blob, scope));

  target.reveal(held);
  target.reveal(held);
  inventory = target.inventory();
  REQUIRE(inventory.size() == 1);
  CHECK(inventory[0].placement == id);
  CHECK(inventory[0].state == HeldState::Present);

  const auto image = scope.images.find(id);
  REQUIRE(image);
  CHECK(image->visibility == "public");
  CHECK_FALSE(image->os_hidden);
  CHECK(image->disk_format == "qcow2");
  CHECK(image->container_format == "bare");
  StringSink stored;
  scope.images.download(id, stored);
  CHECK(stored.text == text);

  target.remove(held);
  target.remove(held);
  CHECK(target.inventory().empty());
}

TEST_CASE("with hypervisor mapping the kind of virtualisation is told", "[cloud]") {
  REQUIRE_CLOUD();
  Scope scope;
  scope.policy.hypervisor_mapping = true;
  GlanceTarget target = scope.target();
  const BlobSpec blob = blob_of("tiny");
  const Held held = stage(target, blob, "tiny");
  CHECK(scope.images.find(held.placement)->properties.at("hypervisor_type") == "qemu");
  Tags expected = tags_told(blob, scope);
  expected["virt"] = "kvm";
  CHECK(held.item.tags == expected);
  CHECK(target.inventory().at(0).item.tags == expected);
}

TEST_CASE("images of every visibility are found again", "[cloud]") {
  REQUIRE_CLOUD();
  Scope scope;
  scope.policy.visibility = GENERATE("public", "private", "shared", "community");
  CAPTURE(scope.policy.visibility);
  GlanceTarget target = scope.target();
  target.reveal(stage(target, blob_of("tiny"), "tiny"));
  const auto inventory = target.inventory();
  REQUIRE(inventory.size() == 1);
  CHECK(inventory[0].state == HeldState::Present);
  CHECK(scope.images.find(inventory[0].placement)->visibility == scope.policy.visibility);
}

TEST_CASE("a source that fails at its end leaves a queued image, which is used again", "[cloud]") {
  REQUIRE_CLOUD();
  Scope scope;
  GlanceTarget target = scope.target();
  const std::string text = some_bytes(1'000'000);
  const BlobSpec blob = blob_of(text);

  ObservedSource bad(
      text, [] {}, [] { throw Error(ErrorKind::Corrupt, Origin::Source, "bad digest"); });
  CHECK_THROWS_WITH(target.stage(blob, bad), Catch::Contains("bad digest"));
  const auto left = target.inventory();
  REQUIRE(left.size() == 1);
  CHECK(left[0].state == HeldState::Incomplete);

  const Held held = stage(target, blob, text);
  CHECK(held.placement == left[0].placement);
  CHECK(target.inventory().size() == 1);
}

TEST_CASE("a source of another length leaves nothing complete", "[cloud]") {
  REQUIRE_CLOUD();
  Scope scope;
  GlanceTarget target = scope.target();
  const std::string text = some_bytes(100'000);
  const auto* come = GENERATE("too few", "too many");
  const std::string bytes = come == std::string("too few") ? text.substr(1) : text + "x";
  CHECK(kind_of_failure([&] { stage(target, blob_of(text), bytes); }) == ErrorKind::Corrupt);
  for (const Held& held : target.inventory()) CHECK(held.state == HeldState::Incomplete);
}

TEST_CASE("the id of a deleted image is burnt", "[cloud]") {
  REQUIRE_CLOUD();
  Scope scope;
  GlanceTarget target = scope.target();
  const BlobSpec blob = blob_of("tiny");
  for (unsigned generation = 0; generation < 3; ++generation) {
    const Held held = stage(target, blob, "tiny");
    CHECK(held.placement == image_id(scope.policy, blob, generation));
    target.remove(held);
  }
}

TEST_CASE("an image that is not made from the item keeps its id and is left alone", "[cloud]") {
  REQUIRE_CLOUD();
  Scope scope;
  GlanceTarget target = scope.target();
  const BlobSpec blob = blob_of("tiny");
  const std::string id = image_id(scope.policy, blob, 0);

  Tags properties = image_properties(blob.item, scope.policy);
  SECTION("foreign content_id") { properties["content_id"] = "foreign." + scope.policy.content_id; }
  SECTION("another address") { properties["item_name"] = "disk.img"; }
  SECTION("another digest") {
    properties["simplestreams_metadata"] =
        image_properties(blob_of("other").item, scope.policy)["simplestreams_metadata"];
  }
  SECTION("no properties") { properties.clear(); }
  SECTION("visible, though it has no data yet") {}
  using Created = ImageClient::Created;
  REQUIRE(scope.images.create({{"id", id}, {"name", "foreign"}}, properties) == Created::Yes);
  REQUIRE(scope.images.create({{"id", id}}, {}) == Created::IdTaken);

  const Held held = stage(target, blob, "tiny");
  CHECK(held.placement == image_id(scope.policy, blob, 1));
  const auto foreign = scope.images.find(id);
  REQUIRE(foreign);
  CHECK(foreign->name == "foreign");
  CHECK(foreign->status == "queued");
  scope.images.remove(id);
}

TEST_CASE("an image that is there already is compared, not sent again", "[cloud]") {
  REQUIRE_CLOUD();
  Scope scope;
  GlanceTarget target = scope.target();
  const BlobSpec blob = blob_of("tiny", GENERATE(Signed::Md5AndSha256, Signed::Sha256));
  const Held first = stage(target, blob, "tiny");

  ObservedSource untouched("tiny", [] { FAIL("read"); });
  const Held second = target.stage(blob, untouched);
  CHECK(second.placement == first.placement);
  CHECK(target.inventory().size() == 1);
}

TEST_CASE("items are accepted by the digests that they have", "[cloud]") {
  REQUIRE_CLOUD();
  Scope scope;
  GlanceTarget target = scope.target();
  const std::string text = some_bytes(1'000'000);

  BlobSpec blob = blob_of(text, GENERATE(Signed::Md5AndSha256, Signed::Sha256, Signed::Sha512));
  SECTION("right ones") {}
  SECTION("a wrong md5 beside a right sha256") {
    blob.content.md5 = digest_of(DigestAlgorithm::Md5, "other");
  }
  const Held held = stage(target, blob, text);
  CHECK(target.verify_unrevealed(held, blob));
  CHECK(target.inventory().size() == 1);
}

TEST_CASE("what Glance stored and was not promised is deleted unseen", "[cloud]") {
  REQUIRE_CLOUD();
  Scope scope;
  GlanceTarget target = scope.target();
  // The promise is about other bytes: for the target it is as if Glance had stored wrong ones.
  const std::string promised = some_bytes(100'000, 1), stored = some_bytes(100'000, 2);
  const BlobSpec blob = blob_of(promised, GENERATE(Signed::Md5AndSha256, Signed::Sha512));
  CHECK(kind_of_failure([&] { stage(target, blob, stored); }) == ErrorKind::Corrupt);
  CHECK(target.inventory().empty());
}

TEST_CASE("an unrevealed image that holds something else is discarded", "[cloud]") {
  REQUIRE_CLOUD();
  Scope scope;
  GlanceTarget target = scope.target();
  const std::string promised = some_bytes(100'000, 1), stored = some_bytes(100'000, 2);
  const Held held = stage(target, blob_of(stored), stored);
  const auto digests = GENERATE(Signed::Md5AndSha256, Signed::Sha256, Signed::Sha512);
  CHECK_FALSE(target.verify_unrevealed(held, blob_of(promised, digests)));
  CHECK(target.inventory().empty());
  CHECK_FALSE(target.verify_unrevealed(held, blob_of(stored)));
}

TEST_CASE("an image that upstream's client made is held", "[cloud]") {
  REQUIRE_CLOUD();
  if (std::system("command -v glance >/dev/null") != 0) {
    WARN("the glance command is not installed: nothing tested");
    return;
  }
  Scope scope;
  GlanceTarget target = scope.target();
  const BlobSpec blob = blob_of("tiny");

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

TEST_CASE("lists come whole, foreign images aside", "[cloud]") {
  REQUIRE_CLOUD();
  Scope scope;
  GlanceTarget target = scope.target();
  BlobSpec blob = blob_of("tiny");
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
  // Of our content_id, but without an address.
  scope.images.create({{"name", "x"}}, {{"content_id", scope.policy.content_id}});

  std::set<std::string> found;
  const auto inventory = target.inventory();
  for (const Held& held : inventory) found.insert(held.placement);
  CHECK(found == expected);
  CHECK(inventory.size() == expected.size());
}

TEST_CASE("what is over the limit is refused and leaves nothing", "[cloud]") {
  REQUIRE_CLOUD();
  const auto cap = parse_decimal(variable("CLOUD_GLANCE_SIZE_CAP").value_or(""));
  if (!cap || *cap > 64 * 1024 * 1024) {
    WARN("CLOUD_GLANCE_SIZE_CAP is not set, or too large: nothing tested");
    return;
  }
  Scope scope;
  GlanceTarget target = scope.target();
  const std::string text(*cap + 1, 'x');
  CHECK(kind_of_failure([&] { stage(target, blob_of(text), text); }) == ErrorKind::NoRoom);
  CHECK(target.inventory().empty());
}

TEST_CASE("two threads that stage one item end with one image", "[cloud]") {
  REQUIRE_CLOUD();
  Scope scope;
  GlanceTarget target = scope.target();
  const std::string text = some_bytes(4'000'000);
  const BlobSpec blob = blob_of(text);

  const auto attempt = [&] { return stage(target, blob, text).placement; };
  auto one = std::async(std::launch::async, attempt);
  auto other = std::async(std::launch::async, attempt);
  const std::string id = one.get();
  CHECK(other.get() == id);
  const auto inventory = target.inventory();
  REQUIRE(inventory.size() == 1);
  CHECK(inventory[0].placement == id);
}

TEST_CASE("several items are staged at once", "[cloud]") {
  REQUIRE_CLOUD();
  Scope scope;
  GlanceTarget target = scope.target();
  std::vector<std::future<std::string>> legs;
  for (unsigned leg = 0; leg < 4; ++leg) {
    legs.push_back(std::async(std::launch::async, [&target, leg] {
      const std::string text = some_bytes(500'000, leg);
      return stage(target, blob_of(text, Signed::Sha256), text).placement;
    }));
  }
  std::set<std::string> ids;
  for (auto& leg : legs) ids.insert(leg.get());
  CHECK(ids.size() == 4);
  CHECK(target.inventory().size() == 4);
}

TEST_CASE("an upload that does not end is not disturbed", "[cloud][slow]") {
  REQUIRE_CLOUD();
  Scope scope;
  GlanceTarget target = scope.target();
  const std::string text = some_bytes(4'000'000);
  const BlobSpec blob = blob_of(text);

  std::promise<void> begun, may_end;
  std::size_t reads = 0;
  ObservedSource slow(text, [&] {
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
  REQUIRE_CLOUD();
  Scope scope;
  if (scope.endpoint.scheme() != "http" || scope.endpoint.host() != "127.0.0.1") {
    WARN("the image service is not at http://127.0.0.1: nothing tested");
    return;
  }
  const std::string& origin = scope.endpoint.origin();
  const auto port = parse_decimal(origin.substr(origin.rfind(':') + 1));
  REQUIRE(port);
  ForgetfulRelay relay(static_cast<std::uint16_t>(*port));
  GlanceTarget target(scope.session, Url::parse(relay.url()), scope.policy);

  const std::string text = some_bytes(1'000'000);
  const BlobSpec blob = blob_of(text, GENERATE(Signed::Md5AndSha256, Signed::Sha256));
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

TEST_CASE("a refused request names the rule that refused it", "[cloud]") {
  REQUIRE_CLOUD();
  // A member of the test cloud's project demo, who may not make images public.
  Scope scope([](const std::string& name) {
    if (name == "OS_USERNAME" || name == "OS_PROJECT_NAME")
      return std::optional<std::string>("demo");
    return variable(name);
  });
  GlanceTarget target = scope.target();
  const Held held = stage(target, blob_of("tiny"), "tiny");
  CHECK_THROWS_WITH(target.reveal(held), Catch::Contains("publicize_image"));
  CHECK(kind_of_failure([&] { target.reveal(held); }) == ErrorKind::Denied);
  CHECK(target.inventory().at(0).state == HeldState::Unrevealed);
}

}  // namespace streamsync
