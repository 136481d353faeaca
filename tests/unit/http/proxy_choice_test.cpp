#include "base/http/proxy_choice.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <optional>

namespace streamsync {
namespace {

using Variables = std::map<std::string, std::string>;

/// The environment with these variables of proxies and no others, as long as it lives.
class ProxyEnvironment {
 public:
  explicit ProxyEnvironment(const Variables& variables) {
    for (const char* name : {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy",
                             "ALL_PROXY", "no_proxy", "NO_PROXY"}) {
      const char* value = std::getenv(name);
      before_[name] = value == nullptr ? std::nullopt : std::optional<std::string>(value);
      ::unsetenv(name);
    }
    for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
  }
  ~ProxyEnvironment() {
    for (const auto& [name, value] : before_) {
      ::unsetenv(name.c_str());
      if (value) ::setenv(name.c_str(), value->c_str(), 1);
    }
  }
  ProxyEnvironment(const ProxyEnvironment&) = delete;
  ProxyEnvironment& operator=(const ProxyEnvironment&) = delete;

 private:
  std::map<std::string, std::optional<std::string>> before_;
};

std::string proxy_of(const std::string& url, std::optional<std::string> configured = {}) {
  return proxy_for(Url::parse(url), configured);
}

TEST_CASE("the proxy of the environment") {
  const auto [variables, url, proxy] = GENERATE(table<Variables, std::string, std::string>({
      {{}, "http://h/", ""},
      {{{"http_proxy", "http://p:1"}}, "http://h/", "http://p:1"},
      {{{"http_proxy", "http://p:1"}}, "https://h/", ""},
      {{{"HTTP_PROXY", "http://p:1"}}, "http://h/", ""},
      {{{"https_proxy", "http://p:2"}}, "https://h/", "http://p:2"},
      {{{"HTTPS_PROXY", "http://p:2"}}, "https://h/", "http://p:2"},
      {{{"https_proxy", "http://p:2"}, {"HTTPS_PROXY", "http://p:3"}}, "https://h/", "http://p:2"},
      {{{"all_proxy", "http://p:4"}}, "http://h/", "http://p:4"},
      {{{"ALL_PROXY", "http://p:4"}, {"https_proxy", ""}}, "https://h/", "http://p:4"},
      {{{"all_proxy", "http://p:4"}, {"http_proxy", "http://p:1"}}, "http://h/", "http://p:1"},
  }));
  CAPTURE(url, proxy);
  const ProxyEnvironment environment(variables);
  CHECK(proxy_of(url) == proxy);
}

TEST_CASE("a configured proxy goes first, and so does none") {
  const ProxyEnvironment environment(Variables{{"http_proxy", "http://p:1"}});
  CHECK(proxy_of("http://h/", "http://q:2") == "http://q:2");
  CHECK(proxy_of("http://h/", "").empty());
}

TEST_CASE("what a proxy would read is told") {
  const ProxyEnvironment environment(
      Variables{{"all_proxy", "http://p:1"}, {"no_proxy", "near.example"}});
  const auto why = exposure_to_proxy(Url::parse("http://u:hunter2@h/v3"), {});
  REQUIRE(why);
  CHECK_THAT(*why, Catch::StartsWith("http://") && Catch::Contains("no_proxy") &&
                       !Catch::Contains("hunter2"));
  for (const char* url : {"https://h/v3", "http://near.example/v3"}) {
    CHECK_FALSE(exposure_to_proxy(Url::parse(url), {}));
  }
  CHECK_FALSE(exposure_to_proxy(Url::parse("http://h/v3"), ""));
}

TEST_CASE("who is asked without a proxy") {
  const auto [no_proxy, host, is_direct] = GENERATE(table<std::string, std::string, bool>({
      {"*", "h.example", true},
      {"h.example", "h.example", true},
      {"H.Example", "h.EXAMPLE", true},
      {"example", "h.example", true},
      {".example", "h.example", true},
      {".example", "example", true},
      {"example.", "h.example", true},
      {"ample", "h.example", false},
      {"g.example", "h.example", false},
      {"a,  b h.example", "h.example", true},
      {",, ,", "h.example", false},
      {"x, *", "h.example", true},
      {"*.example", "h.example", true},
      {"*.example", "example", true},
      {"*.example", "g.ample", false},
      {"*example", "h.example", false},
      {"x\th.example", "h.example", true},
      {"10.0.0.0/8", "10.1.2.3", true},
      {"10.0.0.0/8", "11.1.2.3", false},
      {"10.1.2.3", "10.1.2.3", true},
      {"0.0.1", "10.0.0.1", false},
      {"::1", "[::1]", true},
      {"fd00::/8", "[fd00::1]", true},
      {"127.0.0.1", "localhost", false},
  }));
  CAPTURE(no_proxy, host);
  const std::string variable = GENERATE(as<std::string>{}, "no_proxy", "NO_PROXY");
  const ProxyEnvironment environment(Variables{{"all_proxy", "http://p:1"}, {variable, no_proxy}});
  CHECK(proxy_of("http://" + host + "/").empty() == is_direct);
  CHECK(proxy_of("https://" + host + ":8443/", "http://q:2").empty() == is_direct);
}

TEST_CASE("an exception may be for one port") {
  const auto [no_proxy, url, is_direct] = GENERATE(table<std::string, std::string, bool>({
      {"h:8080", "http://h:8080/", true},
      {"h:8080", "http://h:80/", false},
      {"h:8080", "http://g:8080/", false},
      {"h:80", "http://h/", true},
      {"h:443", "https://h/", true},
      {"h:443", "http://h/", false},
      {"h:", "http://h:8080/", true},
      {"*.example:8080", "http://h.example:8080/", true},
      {"10.0.0.1:8080", "http://10.0.0.1:8080/", true},
      {"10.0.0.1:80", "http://10.0.0.1:8080/", false},
      {"[::1]:8080", "http://[::1]:8080/", true},
      {"[::1]:80", "http://[::1]:8080/", false},
      {"[::1]", "http://[::1]:8080/", true},
      {"::1", "http://[::1]:8080/", true},
  }));
  CAPTURE(no_proxy, url);
  const ProxyEnvironment environment(
      Variables{{"all_proxy", "http://p:1"}, {"no_proxy", no_proxy}});
  CHECK(proxy_of(url).empty() == is_direct);
}

}  // namespace
}  // namespace streamsync
