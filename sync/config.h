#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto/openpgp.h"
#include "base/http/http_client.h"
#include "base/http/retry.h"
#include "base/http/url.h"
#include "base/relative_path.h"
#include "filters/retention.h"
#include "streams/tags.h"

namespace streamsync {

/// One entry of the mirror_list (`cli.md` §3).
struct MirrorEntry {
  std::string name;
  std::vector<Url> bases;  ///< `url`, then `mirrors`
  RelativePath path = RelativePath::parse("streams/v1/index.sjson");
  RetentionPolicy retention;
  std::vector<std::string> item_filters;
  std::optional<std::size_t> newest_releases;  ///< of the default entry: how many LTS releases
  std::filesystem::path keyring;
  std::optional<std::string> keys;  ///< in place of a keyring: those that the configuration holds
  SignaturePolicy signatures;
  bool allow_unsigned = false;
  std::optional<std::chrono::seconds> max_age;
  bool remove_vanished = false;
  std::optional<std::filesystem::path> ca_file;
  std::optional<std::string> proxy;
  std::string user_agent;
  TlsVerification tls = TlsVerification::Required;
};

/// `max_delete`: a number of versions, or a share of what an entry holds.
struct DeletionCap {
  std::uint64_t limit = 50;
  enum class Unit { Percent, Versions } unit = Unit::Percent;
  static std::optional<DeletionCap> parse(std::string_view text);
};

/// `register_endpoint`: where Juju is led to by the catalog.
struct StreamLocation {
  std::optional<std::string> url;  ///< without '/' at its end; none: where the first store is
};

/// The effective configuration. Keys and defaults: `cli.md` §3.
struct Config {
  std::vector<MirrorEntry> mirrors;
  std::vector<std::string> images{"glance"};
  std::optional<std::vector<std::string>> publish;
  bool use_swift = true;

  std::string name_prefix = "auto-sync/";
  std::string content_id_template = "auto.sync";
  std::string cloud_name = "glance-simplestreams-sync-openstack";
  std::string visibility = "public";
  Tags custom_properties;
  bool hypervisor_mapping = false;
  bool set_latest_property = false;
  std::vector<std::string> regions;
  std::vector<std::string> clouds;         ///< entries of clouds.yaml; none: the environment's
  std::optional<std::string> signing_key;  ///< a fingerprint, 40 capital hex digits
  std::optional<StreamLocation> register_endpoint;
  bool ignore_proxy_for_object_store = true;
  std::optional<std::string> ssl_ca;  ///< PEM, of clouds whose credentials name no CA
  bool use_internal_endpoints = false;
  std::optional<std::string> custom_keyring;    ///< in base64, as it was given
  std::optional<std::string> publish_endpoint;  ///< as it was written: consumers compare it as text

  DeletionCap max_delete;
  std::chrono::seconds grace{0};
  std::optional<std::chrono::seconds> scrub;  ///< in that time each item of a tree is read again
  std::uint64_t max_document = std::uint64_t{512} << 20;
  std::size_t jobs = 4;
  std::optional<std::uint64_t> limit_rate;  ///< bytes a second, of all sources together
  HttpTimeouts timeouts;
  std::optional<std::chrono::seconds> run_timeout;  ///< `timeouts.run`
  RetryPolicy retries;
  std::filesystem::path state_dir;
  std::vector<std::string> without_effect;  ///< keys of the charm's own machine

  bool to_glance() const;
  /// Where metadata for Juju goes, when images go to Glance.
  std::vector<std::string> publications() const;
  /// Roots of the directories among `images`.
  std::vector<std::filesystem::path> trees() const;
};

/// Bytes a second, as `limit_rate` and `--limit-rate` write them; none for what is no rate.
std::optional<std::uint64_t> parse_rate(std::string_view text);

/// What a configuration may not say for itself.
struct ConfigDefaults {
  std::filesystem::path state_dir;
  /// Upstream's keyring where it exists, else the copy that streamsync installs.
  std::filesystem::path keyring;
};

/// Reads upstream's mirrors.yaml, with our keys, or what `juju config --file` takes. Throws
/// `Error{Config, Config}`: file, line, key, and the nearest known key for an unknown one.
Config load_config(const std::filesystem::path& file, const ConfigDefaults& defaults);
Config parse_config(const std::string& text, const std::string& file,
                    const ConfigDefaults& defaults);

/// An entry for a source named on the command line: base URL or URL of a document.
MirrorEntry entry_for(std::string_view source, const ConfigDefaults& defaults);

/// The effective configuration as YAML, URLs without secrets.
std::string show_config(const Config& config);
/// A commented example.
std::string_view example_config();

}  // namespace streamsync
