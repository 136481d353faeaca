#include "glance/image_properties.h"

#include <catch2/catch.hpp>

#include "base/crypto/digest.h"

namespace streamsync {
namespace {

const std::string kProduct = "com.ubuntu.cloud:server:18.04:amd64";
const std::string kPubname = "ubuntu-bionic-18.04-amd64-server-20210720";

Item bionic() {
  Item item;
  item.key = {"com.ubuntu.cloud:released:download", kProduct, "20210720", "disk1.img"};
  item.tags = {{"arch", "amd64"},          {"aliases", "18.04,b,bionic"},
               {"ftype", "disk1.img"},     {"item_name", "disk1.img"},
               {"os", "ubuntu"},           {"path", "server/releases/bionic/disk1.img"},
               {"product_name", kProduct}, {"pubname", kPubname},
               {"release", "bionic"},      {"sha256", std::string(32, 'a') + std::string(32, 'b')},
               {"size", "372768768"},      {"supported", "True"},
               {"version", "18.04"},       {"version_name", "20210720"}};
  return item;
}

ImagePolicy policy() {
  ImagePolicy policy;
  policy.content_id = "auto.sync";
  policy.name_prefix = "auto-sync/";
  return policy;
}

BlobSpec blob_of(Item item, DigestAlgorithm algorithm = DigestAlgorithm::Sha256) {
  return {std::move(item), {372768768, digest_of(algorithm, "bionic"), std::nullopt}};
}

std::string metadata_of(const Tags& tags) {
  Item item = bionic();
  item.tags = tags;
  return image_properties(item, policy()).at("simplestreams_metadata");
}

Image image_of(const Item& item) {
  Image image;
  image.properties = image_properties(item, policy());
  return image;
}

}  // namespace

TEST_CASE("image names are upstream's") {
  Item item = bionic();

  SECTION("pubname before name, item name at the end") {
    item.tags.set("name", "another");
    CHECK(image_name(item, policy()) == "auto-sync/" + kPubname + "-disk1.img");
  }
  SECTION("name where there is no pubname") {
    item.tags.erase("pubname");
    item.tags.set("name", "centos-9");
    CHECK(image_name(item, policy()) == "auto-sync/centos-9-disk1.img");
  }
  SECTION("an item name that is there already is not repeated") {
    item.tags.set("pubname", "cirros-0.4.0-disk1.img");
    CHECK(image_name(item, policy()) == "auto-sync/cirros-0.4.0-disk1.img");
  }
  SECTION("neither tag") {
    item.tags.erase("pubname");
    CHECK(image_name(item, policy()) == "auto-sync/None-disk1.img");
  }
}

TEST_CASE("image names are fit for Glance and for terminals") {
  Item item = bionic();

  SECTION("control characters are written out") {
    item.tags.set("pubname", "a\x1b[2Jb\nc");
    const std::string name = image_name(item, policy());
    CHECK(name.find('\x1b') == std::string::npos);
    CHECK(name.find('\n') == std::string::npos);
    CHECK(name.ends_with("c-disk1.img"));
  }
  SECTION("a long name keeps its end") {
    item.tags.set("pubname", std::string(300, 'x'));
    const std::string name = image_name(item, policy());
    CHECK(name.size() == 255);
    CHECK(name.starts_with("auto-sync/xxx"));
    CHECK(name.ends_with("x-disk1.img"));
  }
  SECTION("255 bytes are not too long") {
    item.tags.set("pubname", std::string(235, 'x'));
    CHECK(image_name(item, policy()) == "auto-sync/" + std::string(235, 'x') + "-disk1.img");
  }
  SECTION("characters are not torn") {
    const auto shift = GENERATE(0, 1, 2);
    std::string euros(static_cast<std::size_t>(shift), 'x');
    for (int i = 0; i < 100; ++i) euros += "\u20ac";
    item.tags.set("pubname", euros);
    const std::string name = image_name(item, policy());
    CHECK(name.size() <= 255);
    CHECK(name.size() > 252);
    CHECK(name.ends_with("\u20ac-disk1.img"));
  }
  SECTION("an item name that fills it all") {
    item.key.item = std::string(400, 'i');
    CHECK(image_name(item, policy()) == std::string(255, 'i'));
  }
}

TEST_CASE("format by ftype") {
  using Row = std::tuple<const char*, const char*, const char*, const char*>;
  const auto [ftype, disk_format, hypervisor, virt] =
      GENERATE(table<const char*, const char*, const char*, const char*>(
          {Row{"disk1.img", "qcow2", "qemu", "kvm"}, Row{"disk.img", "qcow2", "qemu", "kvm"},
           Row{"DISK1.IMG", "qcow2", "qemu", "kvm"}, Row{"root.tar.gz", "root-tar", "lxc", "lxd"},
           Row{"root.tar.xz", "root-tar", "lxc", "lxd"}, Row{"squashfs", "squashfs", "lxc", "lxd"},
           Row{"uefi1.img", "qcow2", "", ""}, Row{"disk-kvm.img", "qcow2", "", ""},
           Row{"vmdk", "qcow2", "", ""}, Row{"", "qcow2", "", ""}}));
  const FormatOfFtype format = format_of_ftype(ftype);
  CAPTURE(ftype);
  CHECK(format.disk_format == disk_format);
  CHECK(format.hypervisor_type == hypervisor);
  CHECK(format.virt == virt);
}

TEST_CASE("architecture in OpenStack's words") {
  const auto [arch, expected] = GENERATE(table<const char*, const char*>({
      {"amd64", "x86_64"},
      {"AMD64", "x86_64"},
      {"i386", "i686"},
      {"ppc64el", "ppc64le"},
      {"powerpc", "ppc"},
      {"armhf", "armv7l"},
      {"arm64", "aarch64"},
      {"s390x", "s390x"},
      {"riscv64", "riscv64"},
      {"x86_64", "x86_64"},
      {"arm", "arm"},
  }));
  CHECK(openstack_architecture(arch) == expected);
}

TEST_CASE("properties of an image are upstream's") {
  const Tags expected{
      {"architecture", "x86_64"},
      {"content_id", "auto.sync"},
      {"item_name", "disk1.img"},
      {"os_distro", "ubuntu"},
      {"os_version", "18.04"},
      {"product_name", kProduct},
      // As json.dumps(tags, sort_keys=True) of Python 3.11 gives it.
      {"simplestreams_metadata",
       R"({"aliases": "18.04,b,bionic", "arch": "amd64", "ftype": "disk1.img", "os": "ubuntu", )"
       R"("pubname": "ubuntu-bionic-18.04-amd64-server-20210720", "release": "bionic", )"
       R"("sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", )"
       R"("size": "372768768", "supported": "True", "version": "18.04"})"},
      {"source_content_id", "com.ubuntu.cloud:released:download"},
      {"version_name", "20210720"}};
  CHECK(image_properties(bionic(), policy()) == expected);
}

TEST_CASE("what the stream does not say is no property") {
  Item item = bionic();
  item.tags.erase("os");
  item.tags.erase("version");
  item.tags.erase("arch");
  const Tags properties = image_properties(item, policy());
  CHECK(properties.count("os_distro") == 0);
  CHECK(properties.count("os_version") == 0);
  CHECK(properties.count("architecture") == 0);
}

TEST_CASE("metadata is written as Python writes it") {
  // Expected texts were made by json.dumps(tags, sort_keys=True) of Python 3.11.
  CHECK(metadata_of({}) == "{}");
  CHECK(metadata_of({{"quote", "a\"b\\c/d"},
                     {"ctl", std::string("\b\f\n\r\t\0\x1f", 7)},
                     {"del", "~\x7f\xc2\x80"},
                     {"uni", "\u00e9\u20ac\U0001f600"},
                     {"\u00e9", "key"},
                     {"Z", "upper"},
                     {"a-b", "1"},
                     {"a_b", "2"}}) ==
        R"({"Z": "upper", "a-b": "1", "a_b": "2", "ctl": "\b\f\n\r\t\u0000\u001f", )"
        R"("del": "~\u007f\u0080", "quote": "a\"b\\c/d", "uni": "\u00e9\u20ac\ud83d\ude00", )"
        R"("\u00e9": "key"})");
}

TEST_CASE("bytes that are no UTF-8 do not make metadata unreadable") {
  CHECK(metadata_of({{"a", "x\xffy"}}) == R"({"a": "x\ufffdy"})");
}

TEST_CASE("hypervisor type only with mapping") {
  Item item = bionic();
  ImagePolicy mapping = policy();
  CHECK(image_properties(item, mapping).count("hypervisor_type") == 0);
  mapping.hypervisor_mapping = true;
  CHECK(image_properties(item, mapping).at("hypervisor_type") == "qemu");
  item.tags.set("ftype", "uefi1.img");
  CHECK(image_properties(item, mapping).count("hypervisor_type") == 0);
}

TEST_CASE("tags of a stream never become properties by themselves") {
  Item item = bionic();
  for (const char* name : {"img_signature", "img_signature_hash_method", "os_hash_value", "owner",
                           "hw_firmware_type", "visibility", "content_id", "id"}) {
    item.tags.set(name, "evil");
  }
  Tags properties = image_properties(item, policy());
  properties.erase("simplestreams_metadata");
  Tags harmless = image_properties(bionic(), policy());
  harmless.erase("simplestreams_metadata");
  CHECK(properties == harmless);
}

TEST_CASE("custom properties") {
  ImagePolicy custom = policy();
  custom.custom_properties = {{"hw_firmware_type", "uefi"}, {"os_distro", "Ubuntu"}};
  const Tags properties = image_properties(bionic(), custom);
  CHECK(properties.at("hw_firmware_type") == "uefi");
  CHECK(properties.at("os_distro") == "Ubuntu");
}

TEST_CASE("an item comes back from its image") {
  Item expected = bionic();
  expected.tags.erase("path");
  expected.tags.set("note", "a\"b\n\u20ac");

  const auto item = item_of(image_of(expected));
  REQUIRE(item);
  CHECK(item->key == expected.key);
  CHECK(item->tags == expected.tags);
  CHECK_FALSE(item->path);
}

TEST_CASE("an image without its address is not ours") {
  const auto* name = GENERATE("source_content_id", "product_name", "version_name", "item_name");
  Image image = image_of(bionic());
  CAPTURE(name);

  SECTION("missing") { image.properties.erase(name); }
  SECTION("empty") { image.properties[name] = ""; }
  CHECK_FALSE(item_of(image));
}

TEST_CASE("damaged metadata leaves what the properties tell") {
  const auto* damaged = GENERATE("", "{\"os\": ", "[1]", "null", "{} x");
  Image image = image_of(bionic());
  image.properties["simplestreams_metadata"] = damaged;

  const auto item = item_of(image);
  REQUIRE(item);
  CHECK(item->key == bionic().key);
  CHECK(item->tags == Tags{{"item_name", "disk1.img"},
                           {"os", "ubuntu"},
                           {"product_name", kProduct},
                           {"version", "18.04"},
                           {"version_name", "20210720"}});
}

TEST_CASE("metadata can't give an image another address") {
  Image image = image_of(bionic());
  image.properties["simplestreams_metadata"] =
      R"({"product_name": "another", "os": "ubuntu", "odd": 7})";
  const auto item = item_of(image);
  REQUIRE(item);
  CHECK(item->key.product == kProduct);
  CHECK(tag(item->tags, "product_name") == kProduct);
  CHECK(tag(item->tags, "os") == "ubuntu");
  CHECK_FALSE(item->tags.contains("odd"));
}

TEST_CASE("image ids are final") {
  // Made with Python: hashlib.sha256 over struct.pack(">Q", len(field)) + field of each of
  // "streamsync image id 1", content_id, product, version, item, digest, generation; the first 16
  // bytes with version 8 and variant 10. A change here would upload whole clouds again.
  const BlobSpec blob = blob_of(bionic());
  REQUIRE(blob.content.strongest.str() ==
          "sha256:1a0a54d61f9e4a743419ac46e2511a8a222d745ad1c63e9a990041096d907a39");

  SECTION("generations") {
    CHECK(image_id(policy(), blob, 0) == "20e46835-8354-8400-8d5d-12e382cccc61");
    CHECK(image_id(policy(), blob, 1) == "2ac7dbe3-6860-89e0-86a3-8a34d81059d5");
    CHECK(image_id(policy(), blob, 999) == "89b0f31a-3e8a-81c2-8206-f502d3600b5f");
  }
  SECTION("our content id") {
    ImagePolicy other = policy();
    other.content_id = "auto.sync:RegionTwo";
    CHECK(image_id(other, blob, 0) == "f28ec162-4e8c-8d36-a7a1-8fc7c6cdcf60");
  }
  SECTION("fields do not run into each other") {
    Item item = bionic();
    item.key.version = "20210720d";
    item.key.item = "isk1.img";
    CHECK(image_id(policy(), blob_of(item), 0) == "cc198de6-0f0d-83cc-95ca-e05588ea3308");
  }
  SECTION("text that is not ASCII") {
    Item item = bionic();
    item.key.product = "com.ubuntu.cloud:s\u00e9rver:18.04:amd64";
    CHECK(image_id(policy(), blob_of(item), 0) == "fc0e706d-c3eb-8538-9572-33072a6e57c3");
  }
  SECTION("other digests") {
    CHECK(image_id(policy(), blob_of(bionic(), DigestAlgorithm::Sha512), 0) ==
          "d956dbe5-541e-88f1-ae86-ffaa61593ce4");
    CHECK(image_id(policy(), blob_of(bionic(), DigestAlgorithm::Md5), 0) ==
          "2aef4823-a90f-81bb-aeb4-26021c748337");
  }
}

TEST_CASE("tags, names and policy of images do not change the id") {
  Item item = bionic();
  item.tags.set("aliases", "18.04");
  ImagePolicy other = policy();
  other.name_prefix = "x/";
  other.visibility = "private";
  other.custom_properties = {{"a", "b"}};
  CHECK(image_id(other, blob_of(item), 0) == image_id(policy(), blob_of(bionic()), 0));
}

TEST_CASE("characters that Glance does not take are replaced in names, not in addresses") {
  Item item = bionic();
  item.tags.set("pubname", "disc \U0001F4BF \u65E5");
  item.tags.set("os", "\U0001F4BF");
  CHECK(image_name(item, policy()) == "auto-sync/disc \uFFFD \u65E5-disk1.img");
  CHECK(image_properties(item, policy()).at("os_distro") == "\uFFFD");
  CHECK_NOTHROW(require_address_that_fits(item.key));
  item.key.product = "disc \U0001F4BF";
  CHECK_THROWS_AS(require_address_that_fits(item.key), Error);
}

TEST_CASE("what must be set on an image is what differs") {
  using Changes = std::map<std::string, std::string>;
  Item item = bionic();
  Image image = image_of(item);
  image.visibility = "public";
  ImagePolicy wanted = policy();

  SECTION("nothing, as it was made") { CHECK(image_changes(image, item, wanted).empty()); }
  SECTION("nothing of what others added") {
    image.properties.emplace("hw_disk_bus", "scsi");
    image.properties.emplace("streamsync_superseded", "true");
    CHECK(image_changes(image, item, wanted).empty());
  }
  SECTION("visibility and properties of the configuration") {
    wanted.visibility = "community";
    wanted.custom_properties = {{"hw_disk_bus", "virtio"}, {"new", "1"}};
    image.properties.emplace("hw_disk_bus", "scsi");
    CHECK(image_changes(image, item, wanted) ==
          Changes{{"hw_disk_bus", "virtio"}, {"new", "1"}, {"visibility", "community"}});
  }
  SECTION("tags of the source") {
    item.tags.set("aliases", "18.04,b,bionic,lts");
    item.tags.set("support_eol", "2028-04-01");
    CHECK(image_changes(image, item, wanted) ==
          Changes{{"simplestreams_metadata",
                   image_properties(item, wanted).at("simplestreams_metadata")}});
  }
}

}  // namespace streamsync
