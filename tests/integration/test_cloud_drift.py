#!/usr/bin/python3
"""What changes at the source or in the configuration comes to the images that are there.

$STREAMSYNC is the binary, OS_* an administrator of a test cloud on loopback.
"""

import contextlib
import hashlib
import json
import tempfile
import unittest
from pathlib import Path

from cloud_log import CloudLog
from stream_tree import product_name
from sync_scene import NEW, Scene, Source, created, removed

DONE, REFUSED = 0, 3
ITEM = "disk1.img"


class Drift(unittest.TestCase):
    def setUp(self):
        self.work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = self.enterContext(Source(self.work))
        self.source.add_one(NEW)
        self.source.write()
        self.tree = self.source.trees["released"]
        self.product = product_name("focal", "amd64")
        self.address = (self.product, NEW, ITEM)
        self.scene = Scene(self.work, self.source)
        self.addCleanup(self.scene.clean_up)

    def sync(self, status=DONE):
        """The run, its report and what it asked of Glance."""
        file = self.work / "report.json"
        log = CloudLog.of_environment(self.scene.cloud)
        with log or contextlib.nullcontext():
            run = self.scene.sync("--report", file)
        self.assertEqual(status, run.status, f"{run.out}\n{run.err}")
        self.report = json.loads(file.read_text("utf-8"))
        self.changes = log and [method for method, _, _ in log.requests("glance") if method != "GET"]
        return run

    def updated(self):
        return [
            (action["product_name"], action["status"])
            for action in self.report["actions"]
            if action["action"] == "update"
        ]

    def sync_updates(self, *products):
        """A run that changes these images by one request each, and one that has nothing to do."""
        before = self.scene.images()
        run = self.sync()
        self.assertEqual("", run.out)
        self.assertEqual(sorted((name, "done") for name in products), sorted(self.updated()))
        self.assertEqual(len(products), self.report["totals"]["updated"])
        if self.changes is not None:
            self.assertEqual(["PATCH"] * len(products), self.changes)
        now = self.scene.images()
        self.assertEqual(
            {a: (i["id"], i["checksum"]) for a, i in before.items()},
            {a: (i["id"], i["checksum"]) for a, i in now.items()},
        )
        self.assertEqual([], self.scene.violations())
        self.sync_idle()

    def sync_idle(self):
        before = self.scene.images(), self.published()
        self.sync()
        self.assertEqual([], self.updated())
        self.assertEqual(0, self.report["totals"]["updated"])
        self.assertIn(self.changes, ([], None))
        self.assertEqual(before, (self.scene.images(), self.published()))

    def patch(self, **properties):
        """What an operator does to the image."""
        cloud = self.scene.cloud
        patch = [{"op": "add", "path": f"/{name}", "value": value} for name, value in properties.items()]
        cloud.change_image(self.scene.images()[self.address]["id"], patch)

    def copy(self, image, data, **fields):
        """Another image with the same members and properties."""
        read_only = "id self schema file status size virtual_size checksum created_at updated_at owner tags stores"
        kept = {
            name: value
            for name, value in image.items()
            if value is not None and name not in read_only.split() and not name.startswith("os_hash")
        }
        return self.scene.cloud.create_image(data, **(kept | fields))

    def replace(self, data, **fields):
        """The image, made by somebody who did not compare what came."""
        image = self.scene.images()[self.address]
        self.scene.cloud.delete_image(image["id"])
        return self.copy(image, data, **fields)

    def test_wrong_bytes_are_replaced(self):
        self.sync()
        right = self.source.bytes_of("released", self.product, NEW)
        for name, data in (("altered", right[:-1] + b"X"), ("cut", right[:1000]), ("longer", right + b"x")):
            with self.subTest(name):
                wrong = self.replace(data)
                run = self.sync()
                image = self.scene.images()[self.address]
                self.assertEqual([image["id"]], [new for new, _ in created(run)])
                self.assertEqual([wrong["id"]], [old for old, _ in removed(run)])
                self.assertEqual(hashlib.md5(right).hexdigest(), image["checksum"])
                self.assertEqual([], self.scene.violations())
                self.sync_idle()

    def test_of_two_images_the_one_with_the_right_bytes_stays(self):
        self.sync()
        right = self.scene.images()[self.address]
        data = self.source.bytes_of("released", self.product, NEW)
        older = self.replace(data[:-1] + b"X")
        newer = self.copy(right, data)
        self.sync()
        images = self.scene.cloud.images(content_id=self.scene.content_id, product_name=self.product)
        self.assertEqual([newer["id"]], [image["id"] for image in images], older["id"])
        self.assertEqual([], self.scene.violations())

    def test_damaged_metadata_are_mended(self):
        self.sync()
        for damage in ("", "{", '{"md5": ""}'):
            with self.subTest(damage):
                self.patch(simplestreams_metadata=damage, os_version="1")
                self.sync_updates(self.product)

    def test_a_converted_image_is_published_without_the_digests_of_another(self):
        self.sync()
        self.replace(b"in another form", disk_format="raw")
        self.sync()
        item = self.published_tags()
        self.assertEqual(len(b"in another form"), item["size"])
        self.assertFalse({"md5", "sha256", "sha512"} & set(item))
        self.sync_idle()

    def test_aliases_and_support_dates_come_to_images_and_metadata(self):
        self.sync()
        product = self.tree.product(self.product)
        product["aliases"] += ",newest"
        product["support_eol"] = "2031-04-23"
        self.tree.write()
        self.sync_updates(self.product)
        kept = json.loads(self.scene.images()[self.address]["simplestreams_metadata"])
        published = self.published_tags()
        for tags in (kept, published):
            self.assertIn("newest", tags["aliases"].split(","))
            self.assertEqual("2031-04-23", tags["support_eol"])

    def published(self):
        return self.scene.published().documents[self.scene.content_id]

    def published_tags(self):
        product = self.published()["products"][self.product]
        version = product["versions"][NEW]
        return {**product, **version, **version["items"][ITEM]}

    def test_the_configuration_comes_to_images_that_left_the_source(self):
        self.sync()
        other = next(address[0] for address in self.scene.images() if address[0] != self.product)
        self.tree.remove_product(self.product)
        self.source.write()
        self.sync()
        self.scene.write_config(visibility="community")
        self.sync_updates(self.product, other)
        self.assertEqual("community", self.scene.images()[self.address]["visibility"])

    def test_properties_and_visibility_of_the_configuration_come_to_images(self):
        self.sync()
        self.patch(hw_disk_bus="scsi", theirs="1")
        self.sync_idle()
        self.scene.write_config(visibility="community", custom_properties={"hw_disk_bus": "virtio"})
        self.sync_updates(*(address[0] for address in self.scene.images()))
        image = self.scene.images()[self.address]
        self.assertEqual(
            ("community", "virtio", "1"), (image["visibility"], image["hw_disk_bus"], image["theirs"])
        )

    def test_a_property_that_somebody_changed_is_set_again(self):
        self.sync()
        self.patch(os_version="99.99")
        self.sync_updates(self.product)
        self.assertEqual("20.04", self.scene.images()[self.address]["os_version"])

    def test_a_protected_image_is_left_alone_with_a_reason(self):
        self.sync()
        self.patch(protected=True)
        self.addCleanup(self.patch, protected=False)
        before = self.scene.images()[self.address]
        self.scene.write_config(custom_properties={"hw_disk_bus": "virtio"})
        self.sync()
        self.assertEqual(1, self.report["totals"]["updated"], "the other image is not protected")
        (reason,) = (
            action["reason"]
            for action in self.report["actions"]
            if (action["action"], action["product_name"]) == ("keep", self.product)
        )
        self.assertIn("protected", reason)
        self.assertIn("hw_disk_bus", reason)
        self.assertEqual(before, self.scene.images()[self.address])

    def test_images_that_upstream_uploaded_are_not_changed_without_need(self):
        theirs = self.scene.upload_as_upstream("released", self.product, NEW)
        self.assertEqual(1, len(created(self.sync())))
        self.assertEqual([], self.updated())
        self.assertEqual(theirs, self.scene.images()[self.address])
        self.sync_idle()

    def test_another_digest_for_a_version_that_is_there_is_refused(self):
        self.sync()
        before = self.scene.images(), self.published()
        path = self.tree.file(self.product, NEW, ITEM)
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        item = self.tree.item(self.product, NEW, ITEM)
        item["sha256"] = hashlib.sha256(data).hexdigest()
        item["md5"] = hashlib.md5(data, usedforsecurity=False).hexdigest()
        self.tree.write()
        for _ in range(2):
            run = self.sync(REFUSED)
            self.assertIn("another digest", run.last_words())
            self.assertEqual([], [*created(run), *removed(run)])
            self.assertIn(self.changes, ([], None))
            self.assertEqual(before, (self.scene.images(), self.published()))


if __name__ == "__main__":
    unittest.main()
