#include "sync/config.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <limits>
#include <set>

#include "base/crypto/base64.h"
#include "base/crypto/signature_judgement.h"
#include "base/text.h"
#include "filters/item_filter.h"
#include "sync/custom_properties.h"
#include "sync/object_place.h"
#include "sync/yaml_map.h"

namespace streamsync {
namespace {

constexpr std::string_view kUserAgent = "streamsync";
constexpr std::size_t kDefaultReleases = 4;
// Far from what overflows in the milliseconds and nanoseconds of those who wait.
constexpr std::chrono::hours kLongestDuration{365 * 24};

std::chrono::seconds duration(YamlMap& map, const std::string& key, std::chrono::seconds fallback) {
  const auto text = map.text(key);
  if (!text) {
    return fallback;
  }
  const auto value = parse_duration(*text);
  if (!value) {
    map.fail(key, fmt::format("'{}' is not a duration such as 90s, 15m, 2h or 7d", *text));
  }
  if (*value > kLongestDuration) {
    map.fail(key, fmt::format("'{}' is longer than 365d", *text));
  }
  return *value;
}

Url url(YamlMap& map, const std::string& key, const std::string& text) {
  try {
    return Url::parse(text);
  } catch (const Error& error) {
    map.fail(key, error.what());
  }
}

// What later versions do; until then a value that asks for it is an error, not a silent no.
void refuse_unsupported(YamlMap& map) {
  const auto refuse = [&map](const char* key) {
    map.fail(key, "is not supported by this version of streamsync; take it out");
  };
  if (map.find("modify_hook")) {
    refuse("modify_hook");
  }
  if (map.boolean("image_import_conversion").value_or(false)) {
    refuse("image_import_conversion");
  }
  // Upstream's charm writes /bin/true when there is no hook (`upstream-gss.md` §5.2).
  if (map.text("modify_hook_scripts").value_or("/bin/true") != "/bin/true") {
    refuse("modify_hook_scripts");
  }
  if (map.text("metadata").value_or("original") != "original") {
    refuse("metadata");
  }
}

// What other commands read in the same file is right or wrong for all of them: `upstream-gss.md`
// §5.1 and `cli.md` §3.
void check_without_effect(YamlMap& map) {
  map.boolean("run");
  map.text("scratch_dir");
  duration(map, "import_timeout", {});
  const auto frequency = map.text("frequency").value_or("daily");
  constexpr std::array kNames{"hourly", "daily", "weekly"};
  if (std::find(kNames.begin(), kNames.end(), frequency) != kNames.end()) return;
  const auto value = parse_duration(frequency);
  if (!value || value->count() == 0 || *value > kLongestDuration) {
    map.fail("frequency",
             fmt::format("'{}' is neither hourly, daily, weekly nor a duration such as "
                         "90s, 15m, 2h or 7d, up to 365d",
                         frequency));
  }
}

// "URL of a document when it ends in streams/v1/<file>.(s)json" (`upstream-gss.md` §2.4).
struct Location {
  std::string base;
  std::string path = "streams/v1/index.sjson";
};

Location split_document_url(std::string_view text) {
  Location location;
  const auto at = text.rfind("streams/v1/");
  const bool is_document = text.ends_with(".sjson") || text.ends_with(".json");
  if (at != std::string_view::npos && is_document && (at == 0 || text[at - 1] == '/')) {
    location.base = at == 0 ? "." : std::string(text.substr(0, at));
    location.path = std::string(text.substr(at));
  } else {
    location.base = std::string(text);
  }
  return location;
}

// host + path, so that messages and tree roots can be told apart:
// "cloud-images.ubuntu.com-releases".
std::string name_from(const Url& url) {
  std::string name;
  for (const char c : url.host() + url.path()) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '.' || c == '_';
    if (plain) {
      name += c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  while (!name.empty() && (name.back() == '-' || name.back() == '.')) {
    name.pop_back();
  }
  while (!name.empty() && name.front() == '.') {
    name.erase(0, 1);
  }
  return name.empty() ? "source" : name;
}

// What an entry may also say at the top, for all entries.
struct EntryDefaults {
  std::filesystem::path keyring;
  std::optional<std::string> keys;
  std::optional<std::filesystem::path> ca_file;
  std::optional<std::string> proxy;
  std::string user_agent{kUserAgent};
};

void read_common(YamlMap& map, EntryDefaults& common) {
  if (const auto keyring = map.text("keyring_path")) {
    common.keyring = *keyring;
    common.keys.reset();
  }
  if (const auto ca_file = map.text("ca_file")) {
    common.ca_file = *ca_file;
  }
  if (const auto proxy = map.text("proxy")) {
    common.proxy = *proxy;
  }
  if (const auto agent = map.text("user_agent")) {
    common.user_agent = *agent;
  }
}

// The charm's option: keys in base64, or armored as in a file.
void read_custom_keyring(YamlMap& map, Config& config, EntryDefaults& common) {
  const std::string key = "custom_keyring";
  const auto text = map.text(key).value_or("");
  if (trimmed(text).empty()) return;
  if (map.text("keyring_path")) map.fail(key, "say either custom_keyring or keyring_path");
  constexpr std::string_view kArmor = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
  const auto keys = text.find(kArmor) == std::string::npos ? decode_base64(text) : text;
  if (!keys || keys->empty()) {
    map.fail(key, "is neither a keyring in base64 nor an armored one");
  }
  config.custom_keyring = text;
  common.keys = *keys;
}

// The charm's options for the way to the cloud (`upstream-gss.md` §5.1).
void read_charm_cloud(YamlMap& map, Config& config) {
  config.use_internal_endpoints = map.boolean("use-internal-endpoints").value_or(false);
  const auto text = map.text("ssl_ca").value_or("");
  if (trimmed(text).empty()) return;
  constexpr std::string_view kPem = "-----BEGIN CERTIFICATE-----";
  config.ssl_ca = text.find(kPem) == std::string::npos ? decode_base64(text) : text;
  if (!config.ssl_ca || config.ssl_ca->find(kPem) == std::string::npos) {
    map.fail("ssl_ca", "is neither a certificate in PEM nor that in base64");
  }
}

// Of the machine that a charm is on, and not of what it syncs.
void note_charm_options(YamlMap& map, Config& config) {
  for (const char* key :
       {"key", "nagios_context", "nagios_servicegroups", "snap-channel", "source"}) {
    if (!map.text(key).value_or("").empty()) config.without_effect.emplace_back(key);
  }
}

MirrorEntry entry_with(const EntryDefaults& common) {
  MirrorEntry entry;
  entry.keyring = common.keyring;
  entry.keys = common.keys;
  entry.ca_file = common.ca_file;
  entry.proxy = common.proxy;
  entry.user_agent = common.user_agent;
  return entry;
}

void read_location(YamlMap& map, MirrorEntry& entry) {
  const auto text = map.text("url");
  if (!text) {
    map.fail("url", "is missing in this entry of mirror_list");
  }
  auto location = split_document_url(*text);
  if (const auto path = map.text("path")) {
    location = {*text, *path};
  }
  entry.bases.push_back(url(map, "url", location.base));
  for (const auto& mirror : map.texts("mirrors").value_or(std::vector<std::string>{})) {
    entry.bases.push_back(url(map, "mirrors", mirror));
  }
  try {
    entry.path = RelativePath::parse(location.path);
  } catch (const Error& error) {
    map.fail("path", error.what());
  }
}

void read_selection(YamlMap& map, MirrorEntry& entry) {
  if (const auto max = map.number("max")) {
    entry.retention.max = static_cast<std::size_t>(*max);
  }
  entry.retention.keep = map.boolean("keep").value_or(true);
  entry.remove_vanished = map.boolean("remove_vanished").value_or(false);
  entry.item_filters = map.texts("item_filters").value_or(std::vector<std::string>{});
  try {
    FilterSet::parse(entry.item_filters);
  } catch (const Error& error) {
    map.fail("item_filters", error.what());
  }
}

void read_trust(YamlMap& map, MirrorEntry& entry) {
  entry.allow_unsigned = map.boolean("allow_unsigned").value_or(false);
  entry.signatures.pinned_fingerprints =
      map.texts("pinned_fingerprints").value_or(std::vector<std::string>{});
  if (const auto threshold = map.number("signature_threshold")) {
    if (*threshold == 0) {
      map.fail("signature_threshold", "must be 1 or more; see allow_unsigned");
    }
    if (*threshold > std::numeric_limits<unsigned>::max()) {
      map.fail("signature_threshold", "is larger than any keyring");
    }
    entry.signatures.threshold = static_cast<unsigned>(*threshold);
  }
  if (map.boolean("insecure").value_or(false)) {
    entry.tls = TlsVerification::Off;
  }
  if (map.find("max_age")) {
    entry.max_age = duration(map, "max_age", {});
  }
  if (map.find("modify_hook")) {
    map.fail("modify_hook", "is not supported by this version of streamsync; take it out");
  }
}

MirrorEntry read_entry(YamlMap map, EntryDefaults common) {
  map.find("name_prefix");  // of no effect in an entry: `upstream-gss.md` §2.4
  read_common(map, common);
  MirrorEntry entry = entry_with(common);
  read_location(map, entry);
  read_selection(map, entry);
  read_trust(map, entry);
  entry.name = map.text("name").value_or(name_from(entry.bases.front()));
  // It may become a directory.
  if (entry.name.empty() || entry.name.front() == '.' ||
      entry.name.find('/') != std::string::npos) {
    map.fail("name", "must not be empty, begin with '.' or hold a '/'");
  }
  map.refuse_unknown();
  return entry;
}

MirrorEntry default_entry(const EntryDefaults& common) {
  MirrorEntry entry = entry_with(common);
  entry.bases.push_back(Url::parse("http://cloud-images.ubuntu.com/releases/"));
  entry.name = name_from(entry.bases.front());
  entry.retention.max = 1;
  entry.item_filters = {"release_title~LTS", "arch=amd64", "ftype~^(disk1.img|disk.img)$"};
  entry.newest_releases = kDefaultReleases;
  return entry;
}

// Reports and tree roots are told apart by it.
std::string free_name(const std::string& wanted, const std::vector<MirrorEntry>& entries) {
  const auto is_taken = [&entries](const std::string& name) {
    return std::any_of(entries.begin(), entries.end(),
                       [&name](const MirrorEntry& entry) { return entry.name == name; });
  };
  std::string name = wanted;
  for (std::size_t number = 2; is_taken(name); ++number) {
    name = fmt::format("{}#{}", wanted, number);
  }
  return name;
}

std::vector<MirrorEntry> read_mirror_list(YamlMap& map, const EntryDefaults& common,
                                          const std::string& file_text) {
  const auto given = map.find("mirror_list");
  if (!given) {
    return {default_entry(common)};
  }
  YAML::Node list = *given;
  FileLines lines;
  if (list.IsScalar()) {
    lines = FileLines(file_text, list.Mark(), list.Scalar());
    list = parse_yaml(list.Scalar(), map.file(), lines);
  }
  if (!list.IsSequence()) {
    map.fail("mirror_list", "a list of mirrors is expected");
  }
  std::vector<MirrorEntry> entries;
  for (const YAML::Node& node : list) {
    auto entry = read_entry(YamlMap(node, map.file(), lines), common);
    entry.name = free_name(entry.name, entries);
    entries.push_back(std::move(entry));
  }
  return entries;
}

// What can be said of one by a key of its own; an empty name is none.
std::vector<std::string> one_or_several(YamlMap& map, const std::string& one,
                                        const std::string& several) {
  const auto name = map.text(one);
  auto names = map.texts(several).value_or(std::vector<std::string>{});
  if (name && !names.empty()) {
    map.fail(several, fmt::format("say either {} or {}", one, several));
  }
  if (name) {
    names.push_back(*name);
  }
  std::erase(names, "");
  std::set<std::string> known;
  for (const auto& each : names) {
    if (!known.insert(each).second) {
      map.fail(several, fmt::format("'{}' is named twice", each));
    }
  }
  return names;
}

void read_images(YamlMap& map, Config& config) {
  config.name_prefix = map.text("name_prefix").value_or(config.name_prefix);
  config.content_id_template = map.text("content_id_template").value_or(config.content_id_template);
  config.cloud_name = map.text("cloud_name").value_or(config.cloud_name);
  config.visibility = map.text("visibility").value_or(config.visibility);
  constexpr std::array kVisibilities{"public", "private", "community", "shared"};
  if (std::find(kVisibilities.begin(), kVisibilities.end(), config.visibility) ==
      kVisibilities.end()) {
    map.fail("visibility", "must be public, private, community or shared");
  }
  config.hypervisor_mapping = map.boolean("hypervisor_mapping").value_or(false);
  config.set_latest_property = map.boolean("set_latest_property").value_or(false);
  config.custom_properties =
      read_custom_properties(map, config.set_latest_property ? LatestMark::Ours : LatestMark::Free);
  config.clouds = one_or_several(map, "cloud", "clouds");
  config.regions = one_or_several(map, "region", "regions");
  if (const auto endpoint = map.text("publish_endpoint")) {
    url(map, "publish_endpoint", *endpoint);
    config.publish_endpoint = without_userinfo(*endpoint);
  }
}

void check_target(YamlMap& map, const std::string& key, const std::string& target) {
  if (target.empty() || target == "dir:") map.fail(key, "holds an empty name");
  try {
    ObjectPlace::parse(target);
  } catch (const Error& error) {
    map.fail(key, error.what());
  }
}

// One spelling for each place.
std::string place_of(const std::string& target) {
  if (const auto place = ObjectPlace::parse(target)) return place->str();
  const std::filesystem::path directory = target.starts_with("dir:") ? target.substr(4) : target;
  return (directory / "").lexically_normal().string();
}

// A mirrored stream and metadata for Juju have different readers, and the same names of documents
// (`consumers.md` §4, line 11).
void require_places_apart(const YamlMap& map, const Config& config) {
  if (!config.to_glance()) return;
  std::set<std::string> published;
  for (const auto& target : config.publications()) published.insert(place_of(target));
  for (const auto& target : config.images) {
    if (target == "glance") continue;
    for (const auto& entry : config.mirrors) {
      const bool alone = config.mirrors.size() == 1;
      if (published.contains(place_of(alone ? target : target + "/" + entry.name))) {
        map.fail("images", fmt::format("'{}' is where metadata for Juju is published: the stream "
                                       "that is mirrored there needs a place of its own",
                                       target));
      }
    }
  }
}

// Shorter names of keys can be had by anybody.
std::string fingerprint(const YamlMap& map, const char* key, const std::string& given) {
  constexpr std::size_t kDigits = 40;
  const std::string digits = bare_fingerprint(given);
  if (digits.size() != kDigits ||
      digits.find_first_not_of("0123456789ABCDEF") != std::string::npos) {
    map.fail(key, fmt::format("'{}' is not a fingerprint of 40 hexadecimal digits, as gpg "
                              "--list-secret-keys shows it",
                              given));
  }
  return digits;
}

void read_targets(YamlMap& map, Config& config) {
  config.images = map.texts("images").value_or(config.images);
  if (config.images.empty()) {
    map.fail("images",
             "names no place: glance, a directory, swift:CONTAINER[/PREFIX] or "
             "s3:BUCKET[/PREFIX], or leave it out for glance");
  }
  std::set<std::string> places;
  for (const auto& target : config.images) {
    check_target(map, "images", target);
    if (!places.insert(place_of(target)).second) {
      map.fail("images", fmt::format("names '{}' twice", target));
    }
  }
  config.use_swift = map.boolean("use_swift").value_or(true);
  config.ignore_proxy_for_object_store =
      map.boolean("ignore_proxy_for_object_store").value_or(true);
  config.publish = map.texts("publish");
  for (const auto& target : config.publish.value_or(std::vector<std::string>{})) {
    check_target(map, "publish", target);
  }
  require_places_apart(map, config);
  if (const auto key = map.text("signing_key")) {
    config.signing_key = fingerprint(map, "signing_key", *key);
  }
}

// Juju glues the names of documents on (`consumers.md` §2), and RADOS Gateway knows no "//"
// (`upstream-gss.md` §5.6).
std::string root_url(YamlMap& map, const std::string& key, std::string text) {
  const auto parsed = url(map, key, text);
  const bool is_web = parsed.scheme() == "http" || parsed.scheme() == "https";
  if (!is_web || !parsed.userinfo().empty() || text.find_first_of("?#") != std::string::npos) {
    map.fail(key, "must be true, false, or an http or https URL without user, query and fragment");
  }
  while (text.ends_with('/')) text.pop_back();
  return text;
}

void read_registration(YamlMap& map, Config& config) {
  const std::string key = "register_endpoint";
  const auto given = map.text(key);
  StreamLocation location;
  if (given && given->find("://") != std::string::npos) {
    location.url = root_url(map, key, *given);
  } else if (!map.boolean(key).value_or(false)) {
    return;
  }
  const bool publishes = config.publish ? !config.publish->empty() : config.use_swift;
  if (!config.to_glance() || !publishes) {
    map.fail(key,
             "there is no metadata for Juju to lead to: that takes glance among images, and "
             "use_swift or a place in publish");
  }
  if (!location.url && config.publish && !ObjectPlace::parse(config.publish->front())) {
    map.fail(key, fmt::format("what is published first, {}, is a directory: give the URL at which "
                              "a web server shows it, as in register_endpoint: "
                              "https://streams.example.org/data",
                              config.publish->front()));
  }
  config.register_endpoint = std::move(location);
}

std::optional<std::chrono::seconds> run_timeout(YamlMap& timeouts) {
  if (timeouts.text("run").value_or("none") == "none") return std::nullopt;
  const auto limit = duration(timeouts, "run", {});
  if (limit.count() == 0) timeouts.fail("run", "no run is done in 0s; none is without a limit");
  return limit;
}

void read_limits(YamlMap& map, Config& config) {
  if (const auto cap = map.text("max_delete")) {
    const auto value = DeletionCap::parse(*cap);
    if (!value) {
      map.fail("max_delete", fmt::format("'{}' is neither a number nor a share such as 50%", *cap));
    }
    config.max_delete = *value;
  }
  if (map.text("grace").value_or("0") != "0") {
    config.grace = duration(map, "grace", config.grace);
  }
  if (map.text("scrub").value_or("none") != "none") {
    config.scrub = duration(map, "scrub", {});
    if (config.scrub->count() == 0) map.fail("scrub", "no tree is read in 0s; none is without");
  }
  if (const auto size = map.text("max_document")) {
    const auto value = parse_size(*size);
    if (!value) {
      map.fail("max_document", fmt::format("'{}' is not a size such as 64K, 10M or 4G", *size));
    }
    config.max_document = *value;
  }
  if (const auto jobs = map.number("jobs")) {
    if (*jobs == 0 || *jobs > 64) {
      map.fail("jobs", "must be between 1 and 64");
    }
    config.jobs = static_cast<std::size_t>(*jobs);
  }
  if (const auto rate = map.text("limit_rate")) {
    config.limit_rate = parse_rate(*rate);
    if (!config.limit_rate) {
      map.fail("limit_rate",
               fmt::format("'{}' is not a number of bytes such as 500K or 10M", *rate));
    }
  }
  if (auto timeouts = map.map("timeouts")) {
    config.timeouts.connect = duration(*timeouts, "connect", config.timeouts.connect);
    config.timeouts.first_byte = duration(*timeouts, "first_byte", config.timeouts.first_byte);
    config.timeouts.stall = duration(*timeouts, "stall", config.timeouts.stall);
    config.run_timeout = run_timeout(*timeouts);
    timeouts->refuse_unknown();
  }
  if (auto retries = map.map("retries")) {
    if (const auto attempts = retries->number("attempts")) {
      if (*attempts == 0 || *attempts > 100) {
        retries->fail("attempts", "must be between 1 and 100");
      }
      config.retries.attempts = static_cast<unsigned>(*attempts);
    }
    config.retries.max_wait = duration(*retries, "max_wait", config.retries.max_wait);
    config.retries.budget = duration(*retries, "budget", config.retries.budget);
    retries->refuse_unknown();
  }
}

YAML::Node below_charm_name(const YAML::Node& root) {
  // What `juju config --file` takes: one key, the charm's name.
  const YAML::Node& document = root;
  if (document.IsMap() && document.size() == 1 &&
      document["glance-simplestreams-sync"].IsDefined()) {
    return document["glance-simplestreams-sync"];
  }
  return root;
}

}  // namespace

std::optional<std::uint64_t> parse_rate(std::string_view text) {
  const auto rate = parse_size(text);
  return rate && *rate != 0 ? rate : std::nullopt;
}

std::optional<DeletionCap> DeletionCap::parse(std::string_view text) {
  DeletionCap cap;
  cap.unit = Unit::Versions;
  if (text.ends_with('%')) {
    cap.unit = Unit::Percent;
    text.remove_suffix(1);
  }
  const auto limit = parse_decimal(text);
  if (!limit || (cap.unit == Unit::Percent && *limit > 100)) {
    return std::nullopt;
  }
  cap.limit = *limit;
  return cap;
}

bool Config::to_glance() const {
  return std::find(images.begin(), images.end(), "glance") != images.end();
}

std::vector<std::string> Config::publications() const {
  if (publish) return *publish;
  return use_swift ? std::vector<std::string>{"swift:simplestreams/data"}
                   : std::vector<std::string>{};
}

std::vector<std::filesystem::path> Config::trees() const {
  std::vector<std::filesystem::path> roots;
  for (const auto& target : images) {
    if (target != "glance" && !ObjectPlace::parse(target)) {
      roots.emplace_back(target.starts_with("dir:") ? target.substr(4) : target);
    }
  }
  return roots;
}

Config parse_config(const std::string& text, const std::string& file,
                    const ConfigDefaults& defaults) {
  const YAML::Node root = below_charm_name(parse_yaml(text, file));
  Config config;
  EntryDefaults common;
  common.keyring = defaults.keyring;
  config.state_dir = defaults.state_dir;
  if (root.IsNull()) {
    config.mirrors = {default_entry(common)};
    return config;
  }
  YamlMap map(root, file);
  read_custom_keyring(map, config, common);
  read_common(map, common);
  config.mirrors = read_mirror_list(map, common, text);
  read_images(map, config);
  read_charm_cloud(map, config);
  note_charm_options(map, config);
  read_targets(map, config);
  read_registration(map, config);
  read_limits(map, config);
  if (config.scrub && config.images == std::vector<std::string>{"glance"}) {
    map.fail("scrub", "only trees are read again, and images names none");
  }
  if (const auto state_dir = map.text("state_dir")) {
    config.state_dir = *state_dir;
  }
  refuse_unsupported(map);
  check_without_effect(map);
  map.refuse_unknown();
  return config;
}

Config load_config(const std::filesystem::path& file, const ConfigDefaults& defaults) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    throw Error(ErrorKind::Config, Origin::Config,
                fmt::format("{}: can't be read: {}; name the configuration with -c FILE",
                            file.string(), std::generic_category().message(errno)));
  }
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  return parse_config(text, file.string(), defaults);
}

MirrorEntry entry_for(std::string_view source, const ConfigDefaults& defaults) {
  EntryDefaults common;
  common.keyring = defaults.keyring;
  MirrorEntry entry = entry_with(common);
  const auto location = split_document_url(source);
  entry.bases.push_back(Url::parse(location.base));
  entry.path = RelativePath::parse(location.path);
  entry.name = name_from(entry.bases.front());
  return entry;
}

}  // namespace streamsync
