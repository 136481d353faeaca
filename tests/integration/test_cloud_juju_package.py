#!/usr/bin/python3
"""What Juju's own packages find in the metadata that we publish, and juju_lookup.py with them.

$STREAMSYNC is the binary, OS_* an administrator of a test cloud on loopback.
"""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import juju_lookup  # noqa: E402
from juju_package import JujuPackage, Unavailable  # noqa: E402
from stream_tree import SigningKey, product_name  # noqa: E402
from sync_scene import NEW, NEWEST, OLD, STREAMS, Scene, Source, all_products  # noqa: E402

FOCAL_ARM = product_name("focal", "arm64", "released")


class PublishedMetadata(unittest.TestCase):
    def setUp(self):
        work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = self.enterContext(Source(work))
        self.source.add_all(OLD, NEW)
        self.source.write()
        self.scene = Scene(work, self.source)
        self.addCleanup(self.scene.clean_up)
        self.region, self.endpoint = self.scene.cloud.region, self.scene.cloud.auth_url

    def sync(self):
        run = self.scene.sync()
        self.assertEqual(0, run.status, f"{run.out}\n{run.err}")

    def image_ids(self, *addresses):
        images = self.scene.images()
        return sorted(images[product, serial, "disk1.img"]["id"] for product, serial in addresses)

    def assert_both_find(self, serial_of, endpoint=None):
        for product, serial in serial_of.items():
            with self.subTest(product):
                where = (self.scene.root, self.region, endpoint or self.endpoint, [product])
                ours, jujus = juju_lookup.lookup(*where), package.lookup(*where)
                expected = self.image_ids((product, serial))
                self.assertEqual((expected, expected), (ours.image_ids, jujus.image_ids), jujus.problem)
                self.assertEqual(as_juju_has_them(ours.images), jujus.images)

    def test_the_newest_image_of_every_product(self):
        serial_of = {product: NEW for _, product in all_products()}
        self.sync()
        self.assert_both_find(serial_of)
        self.source.trees["released"].add_version("focal", "arm64", NEWEST, {"disk1.img": 65536}, "released")
        self.source.write()
        self.sync()
        serial_of[FOCAL_ARM] = NEWEST
        self.assert_both_find(serial_of)
        self.assert_both_find(serial_of, endpoint=self.endpoint + "/")

    def test_a_whole_stream_in_one_lookup(self):
        self.sync()
        for stream in STREAMS:
            with self.subTest(stream):
                products = [product for of_stream, product in all_products() if of_stream == stream]
                where = (self.scene.root, self.region, self.endpoint, products)
                expected = self.image_ids(*((product, NEW) for product in products))
                ours, jujus = juju_lookup.lookup(*where), package.lookup(*where)
                self.assertEqual((expected, expected), (ours.image_ids, jujus.image_ids), jujus.problem)

    def test_a_source_that_must_be_signed(self):
        key = self.enterContext(SigningKey(self.source.root.parent / "user"))
        self.scene.use_environment(GNUPGHOME=key.home)
        self.scene.write_config(signing_key=key.fingerprint)
        self.sync()
        where = (self.scene.root, self.region, self.endpoint, [FOCAL_ARM])
        expected = self.image_ids((FOCAL_ARM, NEW))
        self.assertEqual(expected, juju_lookup.lookup(*where).image_ids)
        self.assertEqual(expected, package.lookup(*where).image_ids)
        signed = package.lookup(*where, key=key.public_key("--armor").decode())
        self.assertEqual((expected, ""), (signed.image_ids, signed.problem))
        stranger = self.source.key.public_key("--armor").decode()
        self.assertEqual([], package.lookup(*where, key=stranger).image_ids)

    def test_whatever_tags_the_source_has(self):
        tree = self.source.trees["released"]
        for level, tag, value in (
            (tree.product(FOCAL_ARM), "release", True),
            (tree.product(FOCAL_ARM), "Versions", "1"),
            (tree.item(FOCAL_ARM, NEW, "disk1.img"), "Virt", True),
        ):
            with self.subTest(tag):
                before = dict(level)
                level[tag] = value
                self.source.write()
                self.scene.write_config(mirror_list=[self.scene.mirror("released", item_filters=["arch=arm64"])])
                self.sync()
                self.assert_both_find({FOCAL_ARM: NEW})
                level.clear()
                level.update(before)
                self.scene.clean_up()

    def test_nothing_for_another_cloud(self):
        self.sync()
        for region, endpoint in (
            ("elsewhere", self.endpoint),
            (self.region, self.endpoint.removesuffix("/v3") + "/v2.0"),
        ):
            with self.subTest(region=region, endpoint=endpoint):
                where = (self.scene.root, region, endpoint, [FOCAL_ARM])
                self.assertEqual("entry", juju_lookup.lookup(*where).step)
                found = package.lookup(*where)
                self.assertEqual([], found.image_ids)
                self.assertIn("no data for cloud", found.problem)


def as_juju_has_them(images):
    """It forgets where they stood."""
    return [{name: image[name] for name in juju_lookup.ITEM_FIELDS} for image in images]


if __name__ == "__main__":
    try:
        with JujuPackage() as package:
            unittest.main()
    except Unavailable as reason:
        print(f"skipped: Juju's own packages, {reason}")
