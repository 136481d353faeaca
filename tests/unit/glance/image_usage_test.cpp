#include "glance/image_usage.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <functional>

#include "tests/support/fake_keystone.h"
#include "tests/support/loopback_server.h"

namespace streamsync {
namespace {

using Catch::Matchers::Contains;
using testing::FakeKeystone;
using testing::LoopbackServer;
using testing::Received;
using testing::Reply;

constexpr const char* kNoServers = R"({"servers": []})";
constexpr const char* kNoVolumes = R"({"volumes": []})";

/// A cloud whose services answer what `answers` has for the beginning of a target.
struct FakeCloud {
  FakeKeystone keystone{[this](const Received& request) { return answer(request); }};
  LoopbackServer server{std::ref(keystone)};
  std::vector<std::pair<std::string, Reply>> answers{};
  std::string services;

  Reply answer(const Received& request) const {
    for (const auto& [beginning, reply] : answers) {
      if (request.target.starts_with(beginning)) return reply;
    }
    return {404, "no such thing"};
  }

  void add(const std::string& type, const std::string& region, const std::string& path,
           const std::string& interface = "public") {
    services += fmt::format(
        R"({}{{"type":"{}","endpoints":[{{"interface":"{}","region":"{}","url":"{}{}"}}]}})",
        services.empty() ? "" : ",", type, interface, region, server.url(), path);
    keystone.catalog = "[" + services + "]";
  }

  ImageUse ask(const std::set<std::string>& ids) {
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
    return ImageUsage(session, Url::parse(server.url() + "/image"), "North").ask(ids);
  }

  std::vector<std::string> asked() {
    std::vector<std::string> targets;
    for (const auto& request : server.received()) {
      if (request.target != "/v3/auth/tokens") targets.push_back(request.target);
    }
    return targets;
  }
};

using Targets = std::vector<std::string>;

}  // namespace

TEST_CASE("who has neither servers nor volumes is asked nothing") {
  FakeCloud cloud;
  cloud.add("image", "North", "/image");
  const auto use = cloud.ask({"i1"});
  CHECK(use.users.empty());
  CHECK(use.doubt.empty());
  CHECK(cloud.asked().empty());
}

TEST_CASE("servers are looked for image by image, volumes page by page") {
  FakeCloud cloud;
  cloud.keystone.roles = R"([{"name": "admin"}])";
  cloud.add("compute", "North", "/compute/v2.1");
  cloud.add("volumev3", "North", "/volume/v3/p1");
  cloud.answers = {
      {"/compute/v2.1/servers/detail?all_tenants=1&image=i1",
       {200, R"({"servers":[{"id":"s1"}]})"}},
      {"/compute/v2.1/servers/detail", {200, kNoServers}},
      {"/volume/v3/p1/volumes/detail?all_tenants=1&limit=500&marker=v1",
       {200, R"({"volumes":[{"id":"v2","volume_image_metadata":{"image_id":"i2"}}]})"}},
      {"/volume/v3/p1/volumes/detail",
       {200, R"({"volumes":[{"id":"v1"}],"volumes_links":[{"rel":"next","href":"elsewhere"}]})"}}};
  const auto use = cloud.ask({"i1", "i2", "i3"});
  CHECK(use.users == std::map<std::string, std::string>{{"i1", "server s1"}, {"i2", "volume v2"}});
  CHECK(use.doubt.empty());
  CHECK(cloud.asked() == Targets{"/compute/v2.1/servers/detail?all_tenants=1&image=i1&limit=1",
                                 "/compute/v2.1/servers/detail?all_tenants=1&image=i2&limit=1",
                                 "/compute/v2.1/servers/detail?all_tenants=1&image=i3&limit=1",
                                 "/volume/v3/p1/volumes/detail?all_tenants=1&limit=500",
                                 "/volume/v3/p1/volumes/detail?all_tenants=1&limit=500&marker=v1"});
}

TEST_CASE("a service that refuses or fails leaves a doubt") {
  FakeCloud cloud;
  cloud.keystone.roles = R"([{"name": "admin"}])";
  cloud.add("compute", "North", "/compute");
  cloud.add("block-storage", "North", "/volume");
  cloud.answers = {{"/compute", {200, kNoServers}}, {"/volume", {200, kNoVolumes}}};
  SECTION("neither does") {
    CHECK(cloud.ask({"i1"}).doubt.empty());
    CHECK(cloud.asked() == Targets{"/compute/v2.1/servers/detail?all_tenants=1&image=i1&limit=1",
                                   "/volume/v3/p1/volumes/detail?all_tenants=1&limit=500"});
  }
  SECTION("servers are not shown") {
    cloud.answers[0].second = {403, "Policy doesn't allow"};
    CHECK_THAT(cloud.ask({"i1"}).doubt, Contains("role admin") && Contains("get_all_tenants"));
  }
  SECTION("volumes are not shown") {
    cloud.answers[1].second = {403, "Policy doesn't allow"};
    CHECK_THAT(cloud.ask({"i1"}).doubt, Contains("role admin"));
  }
  SECTION("a service is down") {
    cloud.answers[1].second = {500, "out of order"};
    CHECK_THAT(cloud.ask({"i1"}).doubt, Contains("500"));
  }
  SECTION("something else answers") {
    cloud.answers[0].second = {200, "<html>"};
    CHECK_THAT(cloud.ask({"i1"}).doubt, Contains("servers"));
  }
  SECTION("a list has no end") {
    cloud.answers[1].second = {
        200, R"({"volumes":[{"id":"v1"}],"volumes_links":[{"rel":"next","href":"x"}]})"};
    CHECK_THAT(cloud.ask({"i1"}).doubt, Contains("no end"));
    CHECK(cloud.asked().size() == 3);
  }
}

// Cinder takes all_tenants from everybody and heeds it for administrators only.
TEST_CASE("a list of volumes is all of them for who can see those of others") {
  FakeCloud cloud;
  cloud.add("volumev3", "North", "/volume/v3/p1");
  cloud.answers = {{"/volume", {200, kNoVolumes}}};
  const auto list_one_of = [&](const char* project) {
    cloud.answers[0].second.body = fmt::format(
        R"({{"volumes":[{{"id":"v1","os-vol-tenant-attr:tenant_id":"{}"}}]}})", project);
  };
  SECTION("nothing is seen") {}
  SECTION("only our own is seen") { list_one_of("p1"); }
  SECTION("somebody else's is seen") {
    list_one_of("p2");
    CHECK(cloud.ask({"i1"}).doubt.empty());
    return;
  }
  CHECK_THAT(cloud.ask({"i1"}).doubt, Contains("role admin"));
}

TEST_CASE("a service that only other interfaces have is not taken for none") {
  FakeCloud cloud;
  cloud.add("image", "North", "/image");
  SECTION("servers") { cloud.add("compute", "North", "/compute/v2.1", "internal"); }
  SECTION("volumes") { cloud.add("volumev3", "North", "/volume/v3/p1", "admin"); }
  CHECK_THAT(cloud.ask({"i1"}).doubt, Contains("interfaces of it there: "));
}

TEST_CASE("a service is asked on our interface by whatever type the catalog has it there") {
  FakeCloud cloud;
  cloud.keystone.roles = R"([{"name": "admin"}])";
  cloud.add("image", "North", "/image");
  cloud.add("compute", "North", "/compute/v2.1");
  cloud.add("block-storage", "North", "/internal", "internal");
  cloud.add("volumev3", "North", "/volume/v3/p1");
  cloud.answers = {{"/compute", {200, kNoServers}}, {"/volume", {200, kNoVolumes}}};
  CHECK(cloud.ask({"i1"}).doubt.empty());
}

TEST_CASE("the role admin alone does not say that volumes of all projects are shown") {
  FakeCloud cloud;
  cloud.keystone.roles = R"([{"name": "admin"}])";
  cloud.add("image", "North", "/image");
  cloud.add("volumev3", "North", "/volume/v3/p1");
  cloud.answers = {{"/compute", {200, kNoServers}}, {"/volume", {200, kNoVolumes}}};
  CHECK_THAT(cloud.ask({"i1"}).doubt, Contains("context_is_admin"));
  cloud.add("compute", "North", "/compute/v2.1");
  CHECK(cloud.ask({"i1"}).doubt.empty());
}

TEST_CASE("regions are asked that have these images, and each service once") {
  FakeCloud cloud;
  cloud.add("image", "North", "/image");
  cloud.add("image", "South", "/image/v2/");
  cloud.add("image", "West", "/west/image");
  cloud.add("compute", "North", "/compute/v2.1");
  cloud.add("compute", "South", "/south/compute/v2.1");
  cloud.add("compute", "West", "/west/compute/v2.1");
  cloud.add("compute", "East", "/east/compute/v2.1");
  cloud.add("compute", "Far east", "/east/compute/v2.1");
  for (const char* path : {"/compute", "/south", "/west", "/east"}) {
    cloud.answers.emplace_back(path, Reply{200, kNoServers});
  }
  CHECK(cloud.ask({"i1"}).doubt.empty());
  const std::string query = "servers/detail?all_tenants=1&image=i1&limit=1";
  CHECK(cloud.asked() == Targets{"/east/compute/v2.1/" + query, "/compute/v2.1/" + query,
                                 "/south/compute/v2.1/" + query});
}

}  // namespace streamsync
