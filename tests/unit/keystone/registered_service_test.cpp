#include "keystone/registered_service.h"

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "tests/support/fake_keystone.h"
#include "tests/support/loopback_server.h"

using namespace streamsync;
using streamsync::testing::FakeKeystone;
using streamsync::testing::LoopbackServer;
using streamsync::testing::Received;
using streamsync::testing::Reply;

namespace {

using Catch::Matchers::Contains;

std::string services(const std::string& list) { return R"({"services": [)" + list + "]}"; }
std::string endpoints(const std::string& list) { return R"({"endpoints": [)" + list + "]}"; }

const std::string kOurs = R"({"id": "s1", "name": "image-stream", "enabled": true})";
const std::string kOther = R"({"id": "s2", "name": "mine"})";
const std::string kThird = R"({"id": "s3", "name": ""})";

std::string endpoint(const std::string& id, const std::string& url, bool enabled = true) {
  return fmt::format(R"({{"id": "{}", "interface": "public", "url": "{}", "enabled": {}}})", id,
                     url, enabled);
}

struct Cloud {
  std::string listed_services = services("");
  std::map<std::string, std::string> listed_endpoints;  ///< by service
  std::vector<std::string> written;                     ///< "METHOD path body"
  bool forbids = false;

  Reply operator()(const Received& request) {
    if (forbids) return {403, R"({"error": {"message": "not you"}})"};
    if (request.method != "GET") {
      written.push_back(fmt::format("{} {} {}", request.method, request.target, request.body));
      return {201, R"({"service": {"id": "new", "name": "image-stream"}})"};
    }
    if (request.target == "/v3/services?type=product-streams") return {200, listed_services};
    for (const auto& [service, list] : listed_endpoints) {
      if (request.target == "/v3/endpoints?service_id=" + service + "&region_id=North") {
        return {200, endpoints(list)};
      }
    }
    return {200, endpoints("")};
  }
};

struct Scene {
  Cloud cloud;
  FakeKeystone keystone{std::ref(cloud)};
  LoopbackServer server{std::ref(keystone)};

  std::vector<std::string> lead() { return change().notes; }

  CatalogChange change(const std::string& url = "http://store/data") {
    testing::start_process();
    Credentials credentials{
        .auth_url = Url::parse(server.url() + "/v3"),
        .auth = PasswordAuth{{"", "demo", "", "Users"}, Secret("hunter2"), {"p1", "", "", ""}},
        .region = std::nullopt,
        .interface = Interface::Public,
        .ca_file = std::nullopt,
        .tls = TlsVerification::Required};
    KeystoneSession session(std::move(credentials), HttpOptions{},
                            RetryPolicy{2, std::chrono::seconds(0)}, {});
    RegisteredService service(session, {"product-streams", "image-stream"}, "North");
    return service.lead_to({{"public", url}});
  }
};

const std::string kMadeEndpoint =
    R"(POST /v3/endpoints {"endpoint":{"service_id":"new","region_id":"North",)"
    R"("interface":"public","url":"http://store/data"}})";
const std::string kChanged = R"(PATCH /v3/endpoints/e1 {"endpoint":{"url":"http://store/data"}})";

}  // namespace

TEST_CASE("a service that is not there is made with its endpoint") {
  Scene scene;
  CHECK(scene.lead().empty());
  CHECK(scene.cloud.written ==
        std::vector<std::string>{
            R"(POST /v3/services {"service":{"type":"product-streams","name":"image-stream"}})",
            kMadeEndpoint});
}

TEST_CASE("what is right stays, what leads elsewhere is changed and told") {
  Scene scene;
  scene.cloud.listed_services = services(kOurs);
  scene.cloud.listed_endpoints["s1"] = endpoint("e1", "http://store/data");
  CHECK(scene.change().interfaces.empty());
  CHECK(scene.cloud.written.empty());

  scene.cloud.listed_endpoints["s1"] = endpoint("e1", "http://10.0.0.1");
  const auto [interfaces, notes] = scene.change();
  CHECK(interfaces == std::set<std::string>{"public"});
  CHECK(scene.cloud.written == std::vector{kChanged});
  REQUIRE(notes.size() == 1);
  CHECK_THAT(notes[0], Contains("led to http://10.0.0.1, and now leads to http://store/data"));
}

TEST_CASE("the only service of the type is the one that consumers take, whatever its name") {
  Scene scene;
  scene.cloud.listed_services = services(kOther);
  scene.cloud.listed_endpoints["s2"] = endpoint("e1", "http://mine");
  CHECK(scene.lead().size() == 1);
  CHECK(scene.cloud.written == std::vector{kChanged});
}

TEST_CASE("beside ours another one is left alone, and told in every run") {
  Scene scene;
  scene.cloud.listed_services = services(kOther + "," + kOurs);
  scene.cloud.listed_endpoints["s1"] = endpoint("e1", "http://store/data");
  scene.cloud.listed_endpoints["s2"] = endpoint("e2", "http://mine");
  const auto notes = scene.lead();
  CHECK(scene.cloud.written.empty());
  REQUIRE(notes.size() == 1);
  CHECK_THAT(notes[0], Contains("\"mine\"") && Contains("http://mine") &&
                           Contains("openstack endpoint delete e2"));
}

TEST_CASE("where it is chance which service consumers take, and none is ours, nothing is changed") {
  Scene scene;
  scene.cloud.listed_services = services(kOther + "," + kThird);
  CHECK_THROWS_WITH(scene.lead(), Contains("2 services") && Contains("s2") && Contains("s3"));
  CHECK(scene.cloud.written.empty());
}

TEST_CASE("what an operator has disabled stays so") {
  Scene scene;
  SECTION("the service") {
    scene.cloud.listed_services = services(R"({"id": "s1", "name": "x", "enabled": false})");
    CHECK_THROWS_WITH(scene.lead(), Contains("openstack service set --enable s1"));
  }
  SECTION("the endpoint") {
    scene.cloud.listed_services = services(kOurs);
    scene.cloud.listed_endpoints["s1"] = endpoint("e1", "http://store/data", false);
    CHECK_THROWS_WITH(scene.lead(), Contains("openstack endpoint set --enable e1"));
  }
  CHECK(scene.cloud.written.empty());
}

TEST_CASE("both of two endpoints of one interface are changed") {
  Scene scene;
  scene.cloud.listed_services = services(kOurs);
  scene.cloud.listed_endpoints["s1"] =
      endpoint("e0", "http://a") + "," + endpoint("e1", "http://b");
  CHECK(scene.lead().size() == 2);
  CHECK(scene.cloud.written.size() == 2);
}

TEST_CASE("who is not allowed to is told which role it takes") {
  Scene scene;
  scene.cloud.forbids = true;
  CHECK_THROWS_WITH(scene.lead(), Contains("role admin") && Contains("identity:list_services"));
}

TEST_CASE("a URL keeps its percent signs, which Keystone takes for fields") {
  CHECK(url_template("http://store/a%20b") == "http://store/a%%20b");
  Scene scene;
  scene.cloud.listed_services = services(kOurs);
  scene.cloud.listed_endpoints["s1"] = endpoint("e1", "http://store/a%%20b");
  CHECK(scene.change("http://store/a%20b").notes.empty());
  CHECK(scene.cloud.written.empty());
}

TEST_CASE("an answer that is not Keystone's is refused") {
  Scene scene;
  scene.cloud.listed_services =
      GENERATE("", "[]", "{}", R"({"services": 1})", R"({"services": [{"name": "no id"}]})");
  CHECK_THROWS_WITH(scene.lead(), Contains("is auth_url that of Keystone?"));
}
