#!/usr/bin/python3
"""What upstream's own tests expect of given products, written out: each property of each image and each
value of both documents (upstream-gss.md, 4.4, 4.7, 4.8 and 7).

Where the contract of this program says otherwise it wins, and the case says so: sizes are integers, booleans
booleans, of images that Juju can't tell apart one is published, and the index has a date of its own.
$STREAMSYNC is the binary, OS_* an administrator of a test cloud on loopback.
"""

import email.utils
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import anonymous_http  # noqa: E402
from sync_scene import Scene, Source, address_of  # noqa: E402

DONE = 0
OLD, NEW = "20160516", "20160602"
AMD64, I386 = "com.ubuntu.cloud:server:14.04:amd64", "com.ubuntu.cloud:server:14.04:i386"
# Everything else that Glance shows of an image is its own.
MEMBERS = ("name", "disk_format", "container_format", "visibility", "protected", "min_disk", "min_ram", "tags")
PROPERTIES = (
    "architecture",
    "content_id",
    "hw_firmware_type",
    "hypervisor_type",
    "item_name",
    "latest",
    "os_distro",
    "os_version",
    "product_name",
    "simplestreams_metadata",
    "source_content_id",
    "version_name",
)
OF_GLANCE = (
    "checksum",
    "created_at",
    "file",
    "id",
    "os_hash_algo",
    "os_hash_value",
    "os_hidden",
    "owner",
    "schema",
    "self",
    "size",
    "status",
    "stores",
    "updated_at",
    "virtual_size",
)


class Golden(unittest.TestCase):
    """Ubuntu 14.04 of June 2016."""

    maxDiff = None

    def setUp(self):
        work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = self.enterContext(Source(work))
        self.tree = self.source.trees["released"]
        self.scene = Scene(work, self.source)
        self.addCleanup(self.scene.clean_up)

    def add(self, arch, serial, *items, **tags):
        self.tree.add_version("trusty", arch, serial, {name: 65536 for name in items}, **tags)

    def sync(self, **keys):
        self.tree.write()
        entry = self.scene.mirror("released", max=2, item_filters=["ftype~(disk1.img|uefi1.img)"])
        self.scene.write_config(mirror_list=[entry], **keys)
        run = self.scene.sync()
        self.assertEqual(DONE, run.status, run.err)
        self.images = self.scene.images()

    # --- what is there ----------------------------------------------------------------------------

    def image(self, product, serial, item_name="disk1.img"):
        """Without what Glance makes of every image."""
        image = self.images[product, serial, item_name]
        self.assertEqual(set(), set(image) - {*MEMBERS, *PROPERTIES, *OF_GLANCE}, "nothing beside")
        return {name: image[name] for name in (*MEMBERS, *PROPERTIES) if name in image}

    def document(self, name):
        return json.loads(anonymous_http.get(f"{self.scene.root}streams/v1/{name}.json").body)

    def products(self):
        return self.document(self.scene.content_id)["products"]

    # --- what is expected -------------------------------------------------------------------------

    def expected_image(self, product, serial, name, architecture, metadata, **properties):
        """`metadata` are the tags apart from those that the bytes decide."""
        digests = self.tree.item(product, serial, "disk1.img")
        tags = {
            **metadata,
            "md5": digests["md5"],
            "sha256": digests["sha256"],
            "size": str(digests["size"]),
        }
        return {
            "name": self.scene.name_prefix + name,
            "disk_format": "qcow2",
            "container_format": "bare",
            "visibility": "public",
            "protected": False,
            "min_disk": 0,
            "min_ram": 0,
            "tags": [],
            "architecture": architecture,
            "content_id": self.scene.content_id,
            "item_name": "disk1.img",
            "os_distro": "ubuntu",
            "os_version": "14.04",
            "product_name": product,
            "simplestreams_metadata": json.dumps(tags, sort_keys=True),
            "source_content_id": "com.ubuntu.cloud:released:download",
            "version_name": serial,
            **properties,
        }

    def expected_item(self, product, serial, name, item_name="disk1.img", **tags):
        digests = self.tree.item(product, serial, item_name)
        return {
            "endpoint": self.scene.cloud.auth_url,
            "ftype": item_name,
            "id": self.images[product, serial, item_name]["id"],
            "md5": digests["md5"],
            "name": self.scene.name_prefix + name,
            "region": self.scene.cloud.region,
            "sha256": digests["sha256"],
            "size": digests["size"],  # upstream: a string
            **tags,
        }

    def expected_product(self, arch, versions, **tags):
        return {
            "aliases": "14.04,t,trusty,default,lts,ubuntu",
            "arch": arch,
            "endpoint": self.scene.cloud.auth_url,
            "os": "ubuntu",
            "owner_id": self.scene.cloud.project_id,
            "region": self.scene.cloud.region,
            "release": "trusty",
            "release_codename": "Trusty Tahr",
            "release_title": "14.04 LTS",
            "support_eol": "2019-04-25",
            "supported": True,  # upstream: the string "True"
            "version": "14.04",
            "versions": versions,
            **tags,
        }

    # --- cases ------------------------------------------------------------------------------------

    def test_one_image(self):
        self.add("amd64", NEW, "disk1.img")
        self.sync()
        metadata = {
            "aliases": "14.04,t,trusty,default,lts,ubuntu",
            "arch": "amd64",
            "ftype": "disk1.img",
            "label": "release",
            "os": "ubuntu",
            "pubname": "ubuntu-trusty-14.04-amd64-server-20160602",
            "release": "trusty",
            "release_codename": "Trusty Tahr",
            "release_title": "14.04 LTS",
            "support_eol": "2019-04-25",
            "supported": "True",
            "version": "14.04",
        }
        name = "ubuntu-trusty-14.04-amd64-server-20160602-disk1.img"
        self.assertEqual(
            self.expected_image(AMD64, NEW, name, "x86_64", metadata), self.image(AMD64, NEW)
        )
        # Of one version all that its items share stands at the product.
        versions = {NEW: {"items": {"disk1.img": self.expected_item(AMD64, NEW, name)}}}
        self.assertEqual(
            {
                "content_id": self.scene.content_id,
                "datatype": "image-ids",
                "format": "products:1.0",
                "products": {
                    AMD64: self.expected_product(
                        "amd64",
                        versions,
                        label="release",
                        pubname="ubuntu-trusty-14.04-amd64-server-20160602",
                    )
                },
            },
            self.dated(self.document(self.scene.content_id)),
        )
        place = {"region": self.scene.cloud.region, "endpoint": self.scene.cloud.auth_url}
        index = self.dated(self.document("index"))  # upstream: dated when it is made, never again
        entry = {
            "cloudname": "test-cloud",
            "clouds": [place],
            "datatype": "image-ids",
            "format": "products:1.0",
            "path": f"streams/v1/{self.scene.content_id}.json",
            "products": [AMD64],
        }
        index["index"] = {name: self.dated(entry) for name, entry in index["index"].items()}
        self.assertEqual({"format": "index:1.0", "index": {self.scene.content_id: entry}}, index)

    def dated(self, node):
        """Without its date, which is one."""
        self.assertIsNotNone(email.utils.parsedate_to_datetime(node["updated"]))
        return {key: value for key, value in node.items() if key != "updated"}

    def test_what_the_configuration_adds(self):
        self.add("i386", OLD, "disk1.img")
        self.add("i386", NEW, "disk1.img")
        self.sync(
            hypervisor_mapping=True, set_latest_property=True, custom_properties="hw_firmware_type=uefi"
        )
        added = {"hypervisor_type": "qemu", "hw_firmware_type": "uefi"}
        for serial, mark in ((NEW, {"latest": "true"}), (OLD, {})):
            image = self.image(I386, serial)
            self.assertEqual("i686", image["architecture"])
            self.assertEqual(
                {**added, **mark},
                {name: value for name, value in image.items() if name in (*added, "latest")},
            )
            self.assertNotIn("virt", json.loads(image["simplestreams_metadata"]))
        self.assertEqual("kvm", self.products()[I386]["virt"])

    def test_what_versions_do_not_share_stays_theirs(self):
        self.add("amd64", OLD, "disk1.img", label="beta")
        self.add("amd64", NEW, "disk1.img")
        self.add("i386", NEW, "disk1.img")
        self.sync()
        names = {
            (product, serial): f"ubuntu-trusty-14.04-{product.rpartition(':')[2]}-server-{serial}"
            for product, serial in ((AMD64, OLD), (AMD64, NEW), (I386, NEW))
        }
        versions = {
            serial: {
                "items": {
                    "disk1.img": self.expected_item(AMD64, serial, f"{names[AMD64, serial]}-disk1.img")
                },
                "label": label,
                "pubname": names[AMD64, serial],
            }
            for serial, label in ((OLD, "beta"), (NEW, "release"))
        }
        item = self.expected_item(I386, NEW, f"{names[I386, NEW]}-disk1.img")
        self.assertEqual(
            {
                AMD64: self.expected_product("amd64", versions),
                I386: self.expected_product(
                    "i386",
                    {NEW: {"items": {"disk1.img": item}}},
                    label="release",
                    pubname=names[I386, NEW],
                ),
            },
            self.products(),
        )

    def test_of_two_that_look_the_same_to_juju_one_is_published(self):
        """Upstream publishes both."""
        self.add("amd64", NEW, "disk1.img", "uefi1.img")
        self.sync()
        self.assertEqual({"disk1.img", "uefi1.img"}, {address_of(i)[2] for i in self.images.values()})
        self.assertEqual({"disk1.img"}, set(self.products()[AMD64]["versions"][NEW]["items"]))

    def test_a_kind_without_a_hypervisor_is_published_beside_one_that_has_it(self):
        self.add("amd64", NEW, "disk1.img", "uefi1.img")
        self.sync(hypervisor_mapping=True)
        name = "ubuntu-trusty-14.04-amd64-server-20160602-uefi1.img"
        items = self.products()[AMD64]["versions"][NEW]["items"]
        self.assertEqual("kvm", items["disk1.img"]["virt"])
        self.assertEqual(self.expected_item(AMD64, NEW, name, "uefi1.img"), items["uefi1.img"])
        self.assertNotIn("hypervisor_type", self.image(AMD64, NEW, "uefi1.img"))


if __name__ == "__main__":
    unittest.main()
