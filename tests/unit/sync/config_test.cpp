#include "sync/config.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "base/error.h"

namespace streamsync {
namespace {

const ConfigDefaults kDefaults{"/state", "/keys.gpg"};

Config parse(const std::string& text) { return parse_config(text, "gss.yaml", kDefaults); }

std::string failure(const std::string& text) {
  try {
    parse(text);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Config);
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("the operator's example is read as the charm reads it") {
  const auto config = parse(R"(glance-simplestreams-sync:
  mirror_list: |
    [{ url: 'http://cloud-images.ubuntu.com/releases/', name_prefix: 'ubuntu:released', path: 'streams/v1/index.sjson', max: 1,
       item_filters: ['arch~(arm64|amd64)', 'ftype~(uefi1.img|uefi.img|disk1.img)', 'release~(bionic|focal)'] },
     { url: 'http://cloud-images.ubuntu.com/daily/', name_prefix: 'ubuntu:daily', path: 'streams/v1/index.sjson', max: 1,
       item_filters: ['arch~(arm64|amd64)', 'ftype~(uefi1.img|uefi.img|disk1.img)', 'release~(bionic|focal)'] }]
)");
  REQUIRE(config.mirrors.size() == 2);
  CHECK(config.mirrors[0].name == "cloud-images.ubuntu.com-releases");
  CHECK(config.mirrors[1].bases[0].str() == "http://cloud-images.ubuntu.com/daily/");
  CHECK(config.mirrors[0].retention.max == 1);
  CHECK(config.mirrors[0].retention.keep);
  CHECK(config.mirrors[0].item_filters.size() == 3);
  CHECK(config.mirrors[0].keyring == "/keys.gpg");
  CHECK(config.name_prefix == "auto-sync/");
  CHECK(config.use_swift);
  CHECK(config.to_glance());
  CHECK(config.trees().empty());
}

TEST_CASE("what upstream's charm writes is accepted") {
  const auto config = parse(R"(
mirror_list: [{url: 'http://host/releases/', name_prefix: 'ubuntu:released', path: 'streams/v1/index.sjson', max: 1, item_filters: []}]
user_agent: gss
modify_hook_scripts: /bin/true
name_prefix: auto-sync/
visibility: community
use_swift: False
ignore_proxy_for_object_store: true
region: RegionOne
cloud_name: mycloud
content_id_template: "auto.sync.{region}"
hypervisor_mapping: true
image_import_conversion: false
set_latest_property: false
custom_properties: hw_firmware_type=uefi  hw_x=a=b
keyring_path: /some/keys.gpg
)");
  CHECK(config.visibility == "community");
  CHECK_FALSE(config.use_swift);
  CHECK(config.regions == std::vector<std::string>{"RegionOne"});
  CHECK(config.custom_properties == Tags{{"hw_firmware_type", "uefi"}, {"hw_x", "a=b"}});
  CHECK(config.mirrors[0].keyring == "/some/keys.gpg");
  CHECK(config.mirrors[0].user_agent == "gss");
}

TEST_CASE("all options of the charm are taken as juju config has them") {
  const std::string defaults = R"(glance-simplestreams-sync:
  run: true
  frequency: weekly
  nagios_context: juju
  nagios_servicegroups: ""
  source: ""
  key:
  snap-channel: stable
  ssl_ca: ""
  use-internal-endpoints: false
  custom_keyring: ""
  custom_properties: ""
)";
  const auto config = parse(defaults);
  CHECK(config.without_effect == std::vector<std::string>{"nagios_context", "snap-channel"});
  CHECK_FALSE(config.ssl_ca);
  CHECK_FALSE(config.use_internal_endpoints);
  CHECK_FALSE(config.mirrors[0].keys);
  CHECK(config.mirrors[0].keyring == "/keys.gpg");
}

TEST_CASE("what the charm says of the way to the cloud, and of who signs, holds") {
  const auto config = parse(
      "ssl_ca: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==\n"
      "use-internal-endpoints: true\ncustom_keyring: |\n  a2V5\n  cw==\n"
      "mirror_list: [{url: 'http://h/'}, {url: 'http://i/', keyring_path: /own.gpg}]");
  CHECK(config.ssl_ca == "-----BEGIN CERTIFICATE-----\n");
  CHECK(config.use_internal_endpoints);
  CHECK(config.mirrors[0].keys == "keys");
  CHECK_FALSE(config.mirrors[1].keys);
  CHECK(config.mirrors[1].keyring == "/own.gpg");
  const auto shown = show_config(config);
  CHECK(show_config(parse_config(shown, "shown.yaml", kDefaults)) == shown);
}

TEST_CASE("a CA or a keyring of the charm that is none is refused") {
  CHECK_THAT(failure("ssl_ca: '***'"), Catch::StartsWith("gss.yaml:1: ssl_ca: is neither"));
  CHECK_THAT(failure("ssl_ca: a2V5cw=="), Catch::StartsWith("gss.yaml:1: ssl_ca: is neither"));
  CHECK_THAT(failure("custom_keyring: '***'"), Catch::StartsWith("gss.yaml:1: custom_keyring: is"));
  CHECK_THAT(failure("keyring_path: /a\ncustom_keyring: a2V5cw=="),
             Catch::StartsWith("gss.yaml:2: custom_keyring: say either"));
}

TEST_CASE("without a mirror_list the last four LTS releases are the default") {
  const auto config = parse("");
  REQUIRE(config.mirrors.size() == 1);
  CHECK(config.mirrors[0].newest_releases == 4);
  CHECK(config.mirrors[0].retention.max == 1);
}

TEST_CASE("properties come as list and as map, with blanks in values") {
  CHECK(parse("custom_properties: ['a=b c', 'd=']").custom_properties ==
        Tags{{"a", "b c"}, {"d", ""}});
  CHECK(parse("custom_properties: {a: b c, d: 1}").custom_properties ==
        Tags{{"a", "b c"}, {"d", "1"}});
}

TEST_CASE("what can't be a property of an image is refused") {
  const auto [name, why] = GENERATE(table<std::string, std::string>({
      {"visibility", "what Glance itself says"},
      {"os_hidden", "what Glance itself says"},
      {"protected", "what Glance itself says"},
      {"min_disk", "what Glance itself says"},
      {"locations", "what Glance itself says"},
      {"os_glance_stage_host", "what Glance itself says"},
      {"content_id", "knows its images again"},
      {"simplestreams_metadata", "knows its images again"},
      {"streamsync_superseded", "knows its images again"},
      {"smile\U0001F600", "four bytes"},
      {std::string(256, 'k'), "more than 255 characters"},
  }));
  CAPTURE(name);
  CHECK_THAT(failure("use_swift: true\ncustom_properties:\n  a: b\n  " + name + ": x"),
             Catch::StartsWith("gss.yaml:4: ") && Catch::Contains(why));
  CHECK_THAT(failure("custom_properties: a=b " + name + "=x"),
             Catch::StartsWith("gss.yaml:1: custom_properties: '") && Catch::Contains(why));
}

TEST_CASE("what can't be the value of a property is refused") {
  for (const std::string value :
       {"\"a\\nb\"", "\"a\\x00\"", "\"\\U0001F600\"", "", "[a]", "{a: b}"}) {
    CAPTURE(value);
    CHECK_THAT(failure("custom_properties:\n  key: " + value),
               Catch::StartsWith("gss.yaml:2: key"));
  }
  CHECK_THAT(failure("custom_properties: {key: " + std::string(65536, 'v') + "}"),
             Catch::Contains("more than 65535 bytes"));
  CHECK_THAT(failure("custom_properties: =x"), Catch::Contains("is not KEY=VALUE"));
  CHECK_THAT(failure("custom_properties: {'': x}"), Catch::Contains("needs a name"));
  CHECK_THAT(failure("custom_properties:\n  a: 2\n  a: 2"),
             Catch::StartsWith("gss.yaml:3: a: is given a second"));
  CHECK_THAT(failure("custom_properties: a=1 a=2"), Catch::Contains("'a' is given twice"));
}

TEST_CASE("unusual names and values of properties stay what they are") {
  const std::string long_name = "é" + std::string(254, 'k');
  CHECK(parse("custom_properties: {'weird key /~': 日本, empty: '', " + long_name + ": v}")
            .custom_properties == Tags{{"weird key /~", "日本"}, {"empty", ""}, {long_name, "v"}});
  CHECK(parse("custom_properties: |\n  a=b\n  c=d\n").custom_properties ==
        Tags{{"a", "b"}, {"c", "d"}});
}

TEST_CASE("latest is one's own property, or is kept for the newest") {
  CHECK(parse("custom_properties: latest=no").custom_properties == Tags{{"latest", "no"}});
  CHECK_THAT(failure("set_latest_property: true\ncustom_properties: {latest: no}"),
             Catch::StartsWith("gss.yaml:2: latest: is set by set_latest_property"));
}

TEST_CASE("the URL of a document is a base and a path") {
  const auto config = parse("mirror_list: [{url: 'https://h/x/streams/v1/download.json'}]");
  CHECK(config.mirrors[0].bases[0].str() == "https://h/x/");
  CHECK(config.mirrors[0].path.str() == "streams/v1/download.json");
}

TEST_CASE("entries with one URL get names of their own") {
  const auto config = parse(
      "mirror_list: [{url: 'http://h/a'}, {url: 'http://h/a'}, {url: 'http://h/b', name: bb}]");
  CHECK(config.mirrors[0].name == "h-a");
  CHECK(config.mirrors[1].name == "h-a#2");
  CHECK(config.mirrors[2].name == "bb");
}

TEST_CASE("names stay apart, also from names that were given") {
  const auto config = parse(
      "mirror_list: [{url: 'http://h', name: 'x#3'}, {url: 'http://h', name: x},"
      " {url: 'http://h', name: x}, {url: 'http://h', name: x}]");
  std::vector<std::string> names;
  for (const auto& entry : config.mirrors) names.push_back(entry.name);
  CHECK(names == std::vector<std::string>{"x#3", "x", "x#2", "x#4"});
}

TEST_CASE("a number that is too large does not become a small one") {
  CHECK_THAT(failure("mirror_list: [{url: 'http://h', signature_threshold: 4294967296}]"),
             Catch::Contains("signature_threshold: is larger than any keyring"));
  CHECK_THAT(failure("timeouts: {connect: 9223372036854775807s}"),
             Catch::Contains("connect: '9223372036854775807s' is longer than 365d"));
  CHECK(parse("timeouts: {connect: 365d}").timeouts.connect == std::chrono::hours(365 * 24));
}

TEST_CASE("a message is one line whatever the configuration holds") {
  CHECK_THAT(failure("jobs: \"a\\nb\\e[31m\""), Catch::Contains("'a\\x0Ab\\x1B[31m' is not"));
}

TEST_CASE("every proxy that libcurl takes is shown, without its user") {
  const auto [given, shown] =
      GENERATE(table<std::string, std::string>({{"proxy.example:3128", "proxy.example:3128"},
                                                {"u:secret@proxy:3128", "proxy:3128"},
                                                {"socks5h://u:secret@proxy", "socks5h://proxy"},
                                                {"http://proxy:3128/", "http://proxy:3128/"}}));
  CHECK_THAT(show_config(parse("proxy: '" + given + "'")),
             Catch::Contains("proxy: " + shown + "\n"));
}

TEST_CASE("mistakes name file, line and what to do") {
  CHECK(failure("use_swift: true\nmax_delet: 3\n") ==
        "gss.yaml:2: unknown key 'max_delet'; did you mean 'max_delete'?");
  CHECK(failure("use_swift: maybe") == "gss.yaml:1: use_swift: 'maybe' is neither true nor false");
  CHECK(failure("a: [").find("gss.yaml:1: not valid YAML") == 0);
  CHECK(failure("mirror_list: [{path: x}]").find("url: is missing") != std::string::npos);
  CHECK(failure("mirror_list:\n  - url: http://h/\n    max: many\n").find("gss.yaml:3: max:") == 0);
  CHECK(failure("mirror_list:\n  - url: http://h/\n    itm_filters: []\n")
            .find("gss.yaml:3: unknown key 'itm_filters'; did you mean 'item_filters'?") == 0);
  CHECK(failure("mirror_list: |\n  [{url: 'http://h/', maxx: 1}]\n").find("unknown key 'maxx'") !=
        std::string::npos);
  CHECK(failure("mirror_list: [{url: 'http://h/', item_filters: ['arch~(?=x)']}]")
            .find("item_filters") != std::string::npos);
  CHECK(failure("visibility: everybody").find("must be public") != std::string::npos);
  CHECK(failure("timeouts: {conect: 3s}").find("did you mean 'connect'?") != std::string::npos);
  CHECK(failure("timeouts: {connect: 3}").find("not a duration") != std::string::npos);
  CHECK(failure("max_delete: 101%").find("max_delete") != std::string::npos);
  CHECK(failure("- a list").find("a mapping") != std::string::npos);
  CHECK(failure("publish: ['s3:/data']") ==
        "gss.yaml:1: publish: s3:/data needs a bucket, as in s3:simplestreams/data");
  CHECK(failure("publish: ['swift:']").find("needs a container") != std::string::npos);
}

TEST_CASE("a mistake in a mirror_list that is text is named by its line in the file") {
  const std::string entry = "url: 'http://h/é'\n    max: 1\n    maxx: 2\n";
  const auto [head, lines] = GENERATE(table<std::string, int>({
      {"mirror_list: |\n  - ", 4},
      {"mirror_list: |-   # ours\n  - ", 4},
      {"# ours\n\nname_prefix: x\nmirror_list: |\n\n  # one\n  - ", 9},
      {"mirror_list:\n  - ", 4},
      {"mirror_list:\n  |\n  - ", 5},
      {"glance-simplestreams-sync:\n  mirror_list: |\n    - url: http://g/\n\n    - ", 7},
  }));
  const bool deep = head.starts_with("glance");
  auto text = head + entry;
  for (auto at = text.find("\n    max"); deep && at != std::string::npos;
       at = text.find("\n    max", at + 3)) {
    text.insert(at + 1, "  ");
  }
  CAPTURE(text);
  CHECK_THAT(failure(text), Catch::StartsWith(fmt::format("gss.yaml:{}: unknown key", lines)));
}

TEST_CASE("so it is where lines are folded or quoted") {
  const std::string plain = "[{url: http://h/,\n\n   max: 1},\n  {url: http://i, maxx: 2}]";
  for (const char* head : {"mirror_list: >\n  ", "mirror_list: >-  # ours\n  "}) {
    CHECK_THAT(failure(head + plain), Catch::StartsWith("gss.yaml:5: unknown key 'maxx'"));
  }
  CHECK_THAT(failure("mirror_list: '" + plain + "'"), Catch::StartsWith("gss.yaml:4: unknown key"));
  CHECK_THAT(failure("mirror_list: \"" + plain + "\""), Catch::StartsWith("gss.yaml:4: unknown"));
  CHECK_THAT(failure("mirror_list: |\n  [{url: a,\n   max: }}]"),
             Catch::StartsWith("gss.yaml:3: not valid YAML"));
  CHECK_THAT(failure("mirror_list: ''"), Catch::StartsWith("gss.yaml:1: "));
}

TEST_CASE("a key that is given twice is refused with both lines") {
  const auto [text, why] = GENERATE(table<std::string, std::string>({
      {"visibility: public\n\nvisibility: private",
       "gss.yaml:3: visibility: is given a second time, after line 1"},
      {"mirror_list:\n- url: http://h/\n  url: http://h/", "gss.yaml:3: url: is given a second"},
      {"mirror_list: |\n  - url: http://h/\n    max: 1\n    max: 2",
       "gss.yaml:4: max: is given a second time, after line 3"},
      {"retries:\n  attempts: 2\n  attempts: 2", "gss.yaml:3: attempts: is given a second"},
      {"glance-simplestreams-sync: {}\nglance-simplestreams-sync: {}", "gss.yaml:2: glance-simpl"},
  }));
  CAPTURE(text);
  CHECK_THAT(failure(text), Catch::StartsWith(why));
}

TEST_CASE("a mirrored stream and metadata for Juju have places of their own") {
  const auto glance = [](const std::string& place, const std::string& mirrors) {
    return "images: [glance, 'dir:/srv/tree/']\npublish: ['" + place + "']\n" + mirrors;
  };
  const std::string two = "mirror_list: [{url: 'http://h/', name: a}, {url: 'http://i/', name: b}]";
  CHECK_THAT(failure(glance("/srv/./tree", "")),
             Catch::Contains("gss.yaml:1: images: 'dir:/srv/tree/' is where metadata for Juju"));
  CHECK_THAT(failure(glance("/srv/tree/b", two)), Catch::Contains("for Juju"));
  CHECK_THAT(failure("images: [glance, 'swift:simplestreams/data/']"), Catch::Contains("for Juju"));
  CHECK_NOTHROW(parse(glance("/srv/tree", two)));
  CHECK_NOTHROW(parse(glance("/srv/other", "")));
  CHECK_NOTHROW(parse("images: 'swift:simplestreams/data'"));
}

TEST_CASE("what is published of Keystone is its URL as it was written, without a user") {
  CHECK(parse("publish_endpoint: https://me:hunter2@keystone.example:5000/v3/").publish_endpoint ==
        "https://keystone.example:5000/v3/");
}

TEST_CASE("a signing key is a whole fingerprint, however gpg prints it") {
  const std::string fingerprint = "4A3CE3CD565D7EB5C810E2B97FF3F408476CF100";
  CHECK(parse("signing_key: " + fingerprint).signing_key == fingerprint);
  CHECK(parse("signing_key: 4a3c e3cd 565d 7eb5 c810  e2b9 7ff3 f408 476c f100").signing_key ==
        fingerprint);
  for (const char* key : {"476CF100", "stream@example.com", "''"}) {
    CHECK_THAT(failure(fmt::format("signing_key: {}", key)),
               Catch::Contains("gss.yaml:1: signing_key: ") && Catch::Contains("40 hexadecimal"));
  }
}

TEST_CASE("register_endpoint says yes, no, or where") {
  CHECK_FALSE(parse("register_endpoint: false").register_endpoint);
  CHECK_FALSE(parse("{}").register_endpoint);
  REQUIRE(parse("register_endpoint: true").register_endpoint);
  CHECK_FALSE(parse("register_endpoint: yes").register_endpoint->url);
  const auto given = parse("register_endpoint: https://s.example.org/data/").register_endpoint;
  CHECK(given.value().url == "https://s.example.org/data");
  CHECK(parse("{publish: [/srv/www], register_endpoint: 'http://s'}").register_endpoint);
}

TEST_CASE("register_endpoint that leads nowhere is refused") {
  const auto [text, why] = GENERATE(table<std::string, std::string>({
      {"register_endpoint: perhaps", "neither true nor false"},
      {"register_endpoint: ftp://s/data", "not a usable URL"},
      {"register_endpoint: file:///srv", "an http or https URL"},
      {"register_endpoint: https://u:p@s/data", "without user"},
      {"register_endpoint: https://s/data?a=b", "without user, query"},
      {"{register_endpoint: true, publish: []}", "no metadata for Juju"},
      {"{register_endpoint: true, use_swift: false}", "no metadata for Juju"},
      {"{register_endpoint: 'http://s', images: /srv/tree}", "no metadata for Juju"},
      {"{register_endpoint: true, publish: [/srv/www, 'swift:a']}", "is a directory"},
  }));
  CAPTURE(text);
  CHECK_THAT(failure(text), Catch::StartsWith("gss.yaml:1: register_endpoint: ") &&
                                Catch::Contains(why) && !Catch::Contains("u:p"));
}

TEST_CASE("one cloud or region, or a list of them") {
  using Names = std::vector<std::string>;
  CHECK(parse("images: glance").clouds.empty());
  CHECK(parse("cloud: one").clouds == Names{"one"});
  CHECK(parse("clouds: [one, another]").clouds == Names{"one", "another"});
  CHECK(parse("cloud: ''\nregion: ''").clouds.empty());
  CHECK(parse("regions: [RegionTwo, RegionOne]").regions == Names{"RegionTwo", "RegionOne"});
  const auto config = parse("clouds: [one, another]\nregion: RegionOne");
  const auto shown = parse_config(show_config(config), "shown.yaml", kDefaults);
  CHECK(shown.clouds == config.clouds);
  CHECK(shown.regions == config.regions);
  CHECK(failure("cloud: one\nclouds: [another]") ==
        "gss.yaml:2: clouds: say either cloud or clouds");
  CHECK(failure("region: one\nregions: [another]") ==
        "gss.yaml:2: regions: say either region or regions");
  CHECK(failure("clouds: [one, one]") == "gss.yaml:1: clouds: 'one' is named twice");
  CHECK(failure("regions: [one, one]") == "gss.yaml:1: regions: 'one' is named twice");
}

TEST_CASE("images names no place twice") {
  for (const char* text : {"images: [glance, glance]", "images: [/srv/tree, 'dir:/srv/./tree/']",
                           "images: [s3:bucket/a, s3:bucket/a/]"}) {
    CHECK_THAT(failure(text), Catch::Contains("gss.yaml:1: images: names '"));
  }
  CHECK(parse("images: [/srv/tree, /srv/tree2, glance, s3:bucket/a, s3:bucket]").images.size() ==
        5);
}

TEST_CASE("scrub is none or a duration, of trees") {
  using namespace std::chrono_literals;
  CHECK_FALSE(parse("images: glance").scrub);
  CHECK_FALSE(parse("scrub: none").scrub);
  const auto config = parse("images: [glance, /srv/tree]\nscrub: 30d");
  CHECK(config.scrub == 720h);
  CHECK(parse_config(show_config(config), "shown.yaml", kDefaults).scrub == 720h);
  CHECK(parse("images: s3:bucket\nscrub: 1h").scrub == 1h);
  for (const char* text : {"scrub: soon", "scrub: 0s", "scrub: 366d", "scrub: 30d"}) {
    CHECK_THAT(failure(text), Catch::Contains("gss.yaml:1: scrub: "));
  }
}

TEST_CASE("grace is none or a duration") {
  using std::chrono_literals::operator""h;
  CHECK(parse("images: glance").grace.count() == 0);
  for (const char* none : {"0", "0s"})
    CHECK(parse(fmt::format("grace: {}", none)).grace.count() == 0);
  const auto config = parse("grace: 2h");
  CHECK(config.grace == 2h);
  CHECK(parse_config(show_config(config), "shown.yaml", kDefaults).grace == 2h);
  for (const char* text : {"grace: soon", "grace: 366d"}) {
    CHECK_THAT(failure(text), Catch::Contains("gss.yaml:1: grace: "));
  }
}

TEST_CASE("values that mean nothing are refused, whichever command reads them") {
  const auto [text, why] = GENERATE(table<std::string, std::string>({
      {"frequency: sometimes", "frequency: 'sometimes' is neither hourly, daily, weekly nor a"},
      {"frequency: 0s", "frequency: '0s' is neither"},
      {"frequency: 366d", "frequency: '366d' is neither"},
      {"import_timeout: banana", "import_timeout: 'banana' is not a duration such as"},
      {"retries: {attempts: 0}", "attempts: must be between 1 and 100"},
      {"retries: {attempts: 101}", "attempts: must be between 1 and 100"},
      {"timeouts: {run: 0s}", "run: no run is done in 0s"},
      {"timeouts: {run: never}", "run: 'never' is not a duration such as"},
      {"images: []", "images: names no place"},
      {"images: ''", "images: holds an empty name"},
      {"publish: ['dir:']", "publish: holds an empty name"},
      {"publish: ['swift:bad/../victim']", "publish: swift:bad/../victim: no part of it"},
      {"run: perhaps", "run: 'perhaps' is neither true nor false"},
      {"ignore_proxy_for_object_store: 2", "is neither true nor false"},
  }));
  CAPTURE(text);
  CHECK_THAT(failure("\n" + text), Catch::StartsWith("gss.yaml:2: ") && Catch::Contains(why));
}

TEST_CASE("the object store is reached past the proxy unless that is refused") {
  CHECK(parse("{}").ignore_proxy_for_object_store);
  const auto config = parse("ignore_proxy_for_object_store: false");
  CHECK_FALSE(config.ignore_proxy_for_object_store);
  CHECK_FALSE(
      parse_config(show_config(config), "shown.yaml", kDefaults).ignore_proxy_for_object_store);
}

TEST_CASE("what other commands read is taken") {
  for (const char* text : {"frequency: weekly", "frequency: 36h", "import_timeout: 2h", "run: true",
                           "scratch_dir: /var/tmp", "ignore_proxy_for_object_store: false"}) {
    CHECK_NOTHROW(parse(text));
  }
}

TEST_CASE("what this version can't do is refused, not ignored") {
  for (const char* text :
       {"metadata: subset", "image_import_conversion: true", "modify_hook_scripts: /usr/bin/hook",
        "modify_hook: /bin/x", "mirror_list: [{url: 'http://h/', modify_hook: /bin/x}]"}) {
    CAPTURE(text);
    CHECK(failure(text).find("gss.yaml:1: ") == 0);
  }
}

TEST_CASE("a run may take as long as it takes, or as it is said") {
  CHECK_FALSE(parse("{}").run_timeout);
  CHECK_FALSE(parse("timeouts: {run: none}").run_timeout);
  CHECK_THAT(show_config(parse("{}")), Catch::Contains("run: none"));
  const auto config = parse("timeouts: {run: 2h}");
  CHECK(config.run_timeout == std::chrono::hours(2));
  CHECK(parse_config(show_config(config), "shown.yaml", kDefaults).run_timeout ==
        config.run_timeout);
}

TEST_CASE("the newest images are marked where that is asked for") {
  CHECK_FALSE(parse("images: glance").set_latest_property);
  const auto config = parse("set_latest_property: true");
  CHECK(config.set_latest_property);
  CHECK(parse_config(show_config(config), "shown.yaml", kDefaults).set_latest_property);
}

TEST_CASE("the effective configuration reads back as itself, without secrets") {
  const auto config = parse(std::string("mirror_list: [{url: 'http://user:hunter2@h/a'}]\n") +
                            GENERATE("images: /srv/tree", "register_endpoint: true",
                                     "register_endpoint: https://s.example.org/data"));
  const auto shown = show_config(config);
  CHECK(shown.find("hunter2") == std::string::npos);
  const auto again = parse_config(shown, "shown.yaml", kDefaults);
  CHECK(show_config(again) == shown);
}

TEST_CASE("the example is a valid configuration") {
  CHECK(parse(std::string(example_config())).mirrors.size() == 1);
}

}  // namespace streamsync
