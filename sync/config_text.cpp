#include <yaml-cpp/yaml.h>

#include "sync/config.h"

namespace streamsync {
namespace {

std::string seconds(std::chrono::seconds value) { return std::to_string(value.count()) + "s"; }

// What libcurl takes for a proxy need be no URL of ours: "host:3128", "socks5://host"
// (CURLOPT_PROXY(3)).
std::string without_user(const std::string& proxy) {
  const auto scheme_end = proxy.find("://");
  const auto host_at = scheme_end == std::string::npos ? 0 : scheme_end + 3;
  const auto at = proxy.rfind('@');
  if (at == std::string::npos || at < host_at) {
    return proxy;
  }
  return proxy.substr(0, host_at) + proxy.substr(at + 1);
}

void show_entry(YAML::Emitter& out, const MirrorEntry& entry) {
  out << YAML::BeginMap;
  out << YAML::Key << "name" << YAML::Value << entry.name;
  out << YAML::Key << "url" << YAML::Value << entry.bases.front().redacted();
  if (entry.bases.size() > 1) {
    out << YAML::Key << "mirrors" << YAML::Value << YAML::BeginSeq;
    for (std::size_t i = 1; i < entry.bases.size(); ++i) {
      out << entry.bases[i].redacted();
    }
    out << YAML::EndSeq;
  }
  out << YAML::Key << "path" << YAML::Value << entry.path.str();
  if (entry.retention.max) {
    out << YAML::Key << "max" << YAML::Value << *entry.retention.max;
  }
  out << YAML::Key << "keep" << YAML::Value << entry.retention.keep;
  out << YAML::Key << "item_filters" << YAML::Value << YAML::Flow << entry.item_filters;
  out << YAML::Key << "remove_vanished" << YAML::Value << entry.remove_vanished;
  if (!entry.keys) {
    out << YAML::Key << "keyring_path" << YAML::Value << entry.keyring.string();
  }
  out << YAML::Key << "pinned_fingerprints" << YAML::Value << YAML::Flow
      << entry.signatures.pinned_fingerprints;
  out << YAML::Key << "signature_threshold" << YAML::Value << entry.signatures.threshold;
  out << YAML::Key << "allow_unsigned" << YAML::Value << entry.allow_unsigned;
  if (entry.max_age) {
    out << YAML::Key << "max_age" << YAML::Value << seconds(*entry.max_age);
  }
  if (entry.ca_file) {
    out << YAML::Key << "ca_file" << YAML::Value << entry.ca_file->string();
  }
  if (entry.proxy) {
    out << YAML::Key << "proxy" << YAML::Value << without_user(*entry.proxy);
  }
  out << YAML::Key << "user_agent" << YAML::Value << entry.user_agent;
  out << YAML::Key << "insecure" << YAML::Value << (entry.tls == TlsVerification::Off);
  out << YAML::EndMap;
}

}  // namespace

std::string show_config(const Config& config) {
  YAML::Emitter out;
  out << YAML::BeginMap;
  out << YAML::Key << "mirror_list" << YAML::Value << YAML::BeginSeq;
  for (const auto& entry : config.mirrors) {
    show_entry(out, entry);
  }
  out << YAML::EndSeq;
  out << YAML::Key << "images" << YAML::Value << YAML::Flow << config.images;
  if (config.publish) {
    out << YAML::Key << "publish" << YAML::Value << YAML::Flow << *config.publish;
  }
  if (config.custom_keyring) {
    out << YAML::Key << "custom_keyring" << YAML::Value << *config.custom_keyring;
  }
  if (config.ssl_ca) out << YAML::Key << "ssl_ca" << YAML::Value << *config.ssl_ca;
  out << YAML::Key << "use-internal-endpoints" << YAML::Value << config.use_internal_endpoints;
  out << YAML::Key << "use_swift" << YAML::Value << config.use_swift;
  out << YAML::Key << "ignore_proxy_for_object_store" << YAML::Value
      << config.ignore_proxy_for_object_store;
  if (config.signing_key) {
    out << YAML::Key << "signing_key" << YAML::Value << *config.signing_key;
  }
  out << YAML::Key << "name_prefix" << YAML::Value << config.name_prefix;
  out << YAML::Key << "content_id_template" << YAML::Value << config.content_id_template;
  out << YAML::Key << "cloud_name" << YAML::Value << config.cloud_name;
  out << YAML::Key << "visibility" << YAML::Value << config.visibility;
  out << YAML::Key << "custom_properties" << YAML::Value << YAML::BeginMap;
  for (const auto& [key, value] : config.custom_properties) {
    out << YAML::Key << key << YAML::Value << value;
  }
  out << YAML::EndMap;
  out << YAML::Key << "hypervisor_mapping" << YAML::Value << config.hypervisor_mapping;
  out << YAML::Key << "set_latest_property" << YAML::Value << config.set_latest_property;
  out << YAML::Key << "regions" << YAML::Value << YAML::Flow << config.regions;
  out << YAML::Key << "clouds" << YAML::Value << YAML::Flow << config.clouds;
  if (config.register_endpoint) {
    out << YAML::Key << "register_endpoint" << YAML::Value
        << config.register_endpoint->url.value_or("true");
  }
  if (config.publish_endpoint) {
    out << YAML::Key << "publish_endpoint" << YAML::Value << *config.publish_endpoint;
  }
  const bool percent = config.max_delete.unit == DeletionCap::Unit::Percent;
  out << YAML::Key << "max_delete" << YAML::Value
      << std::to_string(config.max_delete.limit) + (percent ? "%" : "");
  out << YAML::Key << "grace" << YAML::Value << seconds(config.grace);
  if (config.scrub) out << YAML::Key << "scrub" << YAML::Value << seconds(*config.scrub);
  out << YAML::Key << "max_document" << YAML::Value << config.max_document;
  out << YAML::Key << "jobs" << YAML::Value << config.jobs;
  if (config.limit_rate) out << YAML::Key << "limit_rate" << YAML::Value << *config.limit_rate;
  out << YAML::Key << "timeouts" << YAML::Value << YAML::Flow << YAML::BeginMap;
  out << YAML::Key << "connect" << YAML::Value << seconds(config.timeouts.connect);
  out << YAML::Key << "first_byte" << YAML::Value << seconds(config.timeouts.first_byte);
  out << YAML::Key << "stall" << YAML::Value << seconds(config.timeouts.stall);
  out << YAML::Key << "run" << YAML::Value
      << (config.run_timeout ? seconds(*config.run_timeout) : "none");
  out << YAML::EndMap;
  out << YAML::Key << "retries" << YAML::Value << YAML::Flow << YAML::BeginMap;
  out << YAML::Key << "attempts" << YAML::Value << config.retries.attempts;
  out << YAML::Key << "budget" << YAML::Value << seconds(config.retries.budget);
  out << YAML::Key << "max_wait" << YAML::Value << seconds(config.retries.max_wait);
  out << YAML::EndMap;
  out << YAML::Key << "state_dir" << YAML::Value << config.state_dir.string();
  out << YAML::EndMap;
  return std::string(out.c_str()) + "\n";
}

std::string_view example_config() {
  return R"(# streamsync configuration. Every key is optional; what is commented out is the default
# or an example. The same file works for the charm that streamsync replaces.

# What to mirror, in this order. Without a mirror_list: the latest released amd64 image of
# each of the last four Ubuntu LTS releases.
mirror_list:
  - url: http://cloud-images.ubuntu.com/releases/
    path: streams/v1/index.sjson
    max: 1                      # versions of each product; absent: all
    item_filters:               # KEY=VALUE  KEY!=VALUE  KEY~REGEX  KEY!~REGEX, all must hold
      - arch~(arm64|amd64)
      - ftype~(uefi1.img|uefi.img|disk1.img)
      - release~(jammy|noble)
    # name: releases            # how messages, reports and --mirror call it
    # mirrors: [http://mirror.example.org/releases/]   # tried when url fails
    # keep: true                # versions that left the source stay while there is room
    # remove_vanished: false    # also remove products that left the source
    # allow_unsigned: false
    # pinned_fingerprints: []   # who must have signed; empty: any key of the keyring
    # signature_threshold: 1
    # max_age: 30d              # refuse the source when its newest document is older

# Who signs. Default: Ubuntu's public cloud image keys, installed with streamsync.
# keyring_path: /usr/share/keyrings/ubuntu-cloudimage-keyring.gpg
# custom_keyring: mQINBE...     # the keys themselves in base64, in place of keyring_path

# Where item bytes go: glance, a directory, swift:CONTAINER/PREFIX, s3:BUCKET/PREFIX, or a list.
images: glance
# The cloud: an entry of clouds.yaml. Without: OS_* variables, else --identity FILE.
# cloud: my-openstack           # or clouds: [one, another]
# ssl_ca: LS0tLS1CRUdJTi...     # a CA for clouds that name none, in PEM or that in base64
# use-internal-endpoints: false
# region: RegionOne             # or regions: [RegionOne, RegionTwo], of each cloud

# How images are called and marked in Glance.
name_prefix: auto-sync/
visibility: public              # public, private, community or shared
# custom_properties: {hw_firmware_type: uefi}
# hypervisor_mapping: false
# set_latest_property: false    # latest=true for the newest of an os_version and architecture
content_id_template: auto.sync  # {region} is replaced; marks which images are ours

# Where metadata for Juju goes.
use_swift: true                 # swift:simplestreams/data
# ignore_proxy_for_object_store: true   # https_proxy is for the rest of the cloud then
# publish: [swift:simplestreams/data]   # or s3:BUCKET/PREFIX, or a directory
# signing_key: 0123456789ABCDEF0123456789ABCDEF01234567   # signs it, from your GnuPG home
cloud_name: my-openstack
# register_endpoint: false      # true: Keystone's catalog leads Juju there; or the URL where it is read
# publish_endpoint: https://keystone.example.org:5000/v3   # if users' auth URL is another

# Limits.
# jobs: 4                       # transfers at once
# limit_rate: 10M               # bytes a second from all sources together
# max_delete: 50%               # removals without a replacement, in one run
# grace: 2h                     # what is superseded stays so long; default: 0
# scrub: 30d                    # every item of a tree is read again in that time; default: none
# max_document: 512M
# timeouts: {connect: 10s, first_byte: 30s, stall: 60s, run: none}   # run: of a whole run
# retries: {attempts: 5, budget: 10m, max_wait: 60s}
# state_dir: /var/lib/streamsync
)";
}

}  // namespace streamsync
