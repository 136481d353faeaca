#!/usr/bin/python3
"""What a source may do to a cloud: by names that it made up (threats-and-faults.md T22), and by losing most of
what it had (T23).

$STREAMSYNC is the binary, OS_* an administrator of a test cloud on loopback.
"""

import contextlib
import json
import tempfile
import unicodedata
import unittest
from pathlib import Path

from cloud_log import CloudLog
from stream_tree import RELEASES, content_id, product_name, write_random
from sync_scene import NEW, Scene, Source, created, removed

DONE, SOME_FAILED, GUARD = 0, 1, 8
SERIALS = [f"202101{day:02}" for day in range(1, 11)]
HOSTILE = "a\x1b]0;title\x07\n\"b'\\ $(c) `d`\r\t\x7f\u009b1A\u0085"
LONG = "n" * 300


class CloudTrust(unittest.TestCase):
    def setUp(self):
        work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = self.enterContext(Source(work))
        self.tree = self.source.trees["released"]
        self.scene = Scene(work, self.source)
        self.addCleanup(self.scene.clean_up)

    def add(self, release, arch, serial):
        return self.tree.add_version(release, arch, serial, {"disk1.img": 1000}, writer=write_random)

    def publish(self, **keys):
        """The source as it is now, and a configuration that takes all of its released images."""
        self.source.write()
        wanted = {"max": len(SERIALS), "item_filters": ["ftype=disk1.img"], "keep": False, **keys}
        self.scene.write_config(mirror_list=[self.scene.mirror("released", **wanted)])

    def sync(self, *arguments, status=DONE):
        run = self.scene.sync(*arguments)
        self.assertEqual(status, run.status, f"{run.out}\n{run.err}")
        return run


class Names(CloudTrust):
    def sync_with(self, **names):
        """One image; `names` are those of its product, version and item, and its tags. Gives the image."""
        name = self.add("focal", "amd64", NEW)
        products = self.tree.documents[content_id("released")]["products"]
        product = products.pop(name)
        version = product["versions"].pop(NEW)
        item = version["items"].pop("disk1.img")
        products[names.get("product", name)] = product
        product["versions"][names.get("version", NEW)] = version
        version["items"][names.get("item", "disk1.img")] = item
        item.update(names.get("tags", {}))
        self.publish()
        run = self.sync()
        self.assertEqual([], control_characters(run.out + run.err))
        self.assertEqual(1, len(created(run)), run.out)
        (image,) = self.scene.images().values()
        self.assertEqual(("active", "public"), (image["status"], image["visibility"]))
        self.assertLessEqual(len(image["name"]), 255)
        self.assertEqual([], control_characters(image["name"]))
        self.assertEqual("", self.sync().out, "it is known again")
        return image

    def test_control_characters_do_not_reach_a_name(self):
        image = self.sync_with(product=HOSTILE, version=HOSTILE, tags={"pubname": HOSTILE})
        self.assertEqual((HOSTILE, HOSTILE), (image["product_name"], image["version_name"]))

    def test_a_long_name_is_cut_and_known_again(self):
        image = self.sync_with(tags={"pubname": LONG})
        self.assertTrue(image["name"].endswith("-disk1.img"), image["name"])

    def test_a_long_name_is_not_cut_inside_a_character(self):
        for shift in range(3):
            with self.subTest(shift):
                self.scene.clean_up()
                image = self.sync_with(tags={"pubname": "x" * shift + "\u65e5" * 200})
                self.assertRegex(image["name"], "\u65e5-disk1.img$")

    def test_a_name_of_characters_that_glance_refuses_is_made_one_that_it_takes(self):
        """Four bytes long in UTF-8: Glance 25 answers 400 for them, in any text of an image."""
        self.sync_with(tags={"pubname": "disc \U0001f4bf"})

    def test_an_address_that_glance_can_not_hold_fails_its_item_alone(self):
        """Made to fit it would be another item's address."""
        good = self.add("focal", "amd64", NEW)
        products = self.tree.documents[content_id("released")]["products"]
        products["disc \U0001f4bf"] = products.pop(self.add("bionic", "amd64", NEW))
        self.publish()
        run = self.sync(status=SOME_FAILED)
        self.assertEqual({(good, NEW, "disk1.img")}, set(self.scene.images()))
        self.assertIn("disc", run.last_words())

    def test_long_names_of_products_versions_and_items(self):
        image = self.sync_with(product=LONG, version=LONG, item=f"{LONG}-disk1.img")
        self.assertEqual((LONG, LONG), (image["product_name"], image["version_name"]))

    def test_two_names_that_are_cut_to_the_same_stay_two_images(self):
        for release in ("bionic", "focal"):
            name = self.add(release, "amd64", NEW)
            self.tree.version(name, NEW)["pubname"] = f"{LONG}{release}"
        self.publish()
        self.assertEqual(2, len(created(self.sync())))
        self.assertEqual(2, len(self.scene.images()))
        self.assertEqual("", self.sync().out)

    def test_more_tags_than_an_image_may_have_properties(self):
        image = self.sync_with(tags={f"tag{number}": "x" for number in range(500)})
        self.assertEqual("x", json.loads(image["simplestreams_metadata"])["tag499"])

    def test_tags_are_no_properties_of_glance(self):
        """A source does not say who owns an image, who sees it, nor what vouches for it."""
        image = self.sync_with(
            tags={
                "owner": "somebody",
                "visibility": "private",
                "protected": True,
                "os_hidden": True,
                "os_hash_value": "0" * 128,
                "img_signature": "x",
                "img_signature_certificate_uuid": "x",
                "hw_disk_bus": "ide",
                "traits:CUSTOM": "required",
            }
        )
        self.assertEqual(self.scene.cloud.project_id, image["owner"])
        self.assertEqual((False, False), (image["protected"], image["os_hidden"]))
        self.assertNotEqual("0" * 128, image["os_hash_value"])
        for name in ("img_signature", "img_signature_certificate_uuid", "hw_disk_bus", "traits:CUSTOM"):
            self.assertNotIn(name, image)

    def test_what_glance_would_refuse_is_the_items_own_failure(self):
        """Null is no value of a property, and other images come all the same."""
        name = self.add("focal", "amd64", NEW)
        self.add("bionic", "amd64", NEW)
        self.tree.product(name)["os"] = None
        self.tree.item(name, NEW, "disk1.img")["version"] = [1]
        self.publish()
        self.assertEqual(2, len(created(self.sync())))


class Deletion(CloudTrust):
    def lose(self, kinds, serials, keep):
        """All of it is mirrored; then `keep` says what the source still has."""
        for release, arch in kinds:
            for serial in serials:
                self.add(release, arch, serial)
        self.publish()
        self.assertEqual(len(kinds) * len(serials), len(created(self.sync())))
        products = self.tree.documents[content_id("released")]["products"]
        keep(products)

    def image_ids(self):
        """Their tags may change: the aliases of one product come to another."""
        return {address: image["id"] for address, image in self.scene.images().items()}

    def assert_nothing_is_deleted(self, *arguments, status):
        images = self.image_ids()
        log = CloudLog.of_environment(self.scene.cloud)
        with log or contextlib.nullcontext():
            run = self.sync(*arguments, status=status)
        self.assertEqual([], removed(run))
        self.assertEqual(images, self.image_ids())
        if log is None:
            print("skipped: the requests of the run (CLOUD_DIR names no test cloud with logs)")
        else:
            asked = [*log.requests("glance"), *log.requests("swift-proxy")]
            self.assertEqual([], [path for method, path, _ in asked if method == "DELETE"])
        return run

    def test_the_loss_of_most_versions_deletes_nothing_but_by_hand(self):
        def keep(products):
            for product in products.values():
                for serial in SERIALS[1:]:
                    del product["versions"][serial]

        self.lose([("focal", "amd64")], SERIALS, keep)
        self.publish()
        run = self.assert_nothing_is_deleted(status=GUARD)
        self.assertIn("9 of the 10", run.last_words())
        self.assertEqual(9, len(removed(self.sync("--max-delete", "100%"))))
        self.assertEqual({(product_name("focal", "amd64"), SERIALS[0], "disk1.img")}, set(self.scene.images()))

    def test_the_loss_of_most_products_deletes_nothing_but_by_hand(self):
        kinds = [(release, arch) for release in list(RELEASES)[:5] for arch in ("amd64", "arm64")]

        def keep(products):
            for release, arch in kinds[1:]:
                del products[product_name(release, arch)]

        self.lose(kinds, SERIALS[:1], keep)
        self.publish()
        self.assert_nothing_is_deleted(status=DONE)
        self.publish(remove_vanished=True)
        run = self.assert_nothing_is_deleted(status=GUARD)
        self.assertIn("9 of the 10", run.last_words())
        self.assertEqual(9, len(removed(self.sync("--max-delete", "100%"))))
        self.assertEqual(1, len(self.scene.images()))

    def test_an_empty_document_deletes_nothing_though_asked_to(self):
        self.lose([("focal", "amd64"), ("bionic", "amd64")], SERIALS[:1], dict.clear)
        self.publish(remove_vanished=True)
        self.assert_nothing_is_deleted(status=GUARD)
        self.assert_nothing_is_deleted("--max-delete", "100%", status=GUARD)


def control_characters(text):
    return sorted({hex(ord(c)) for c in text if unicodedata.category(c) == "Cc" and c != "\n"})


if __name__ == "__main__":
    unittest.main()
