#!/usr/bin/python3
"""RADOS Gateway by its S3 API: published there, read there by everybody without a signature.

$STREAMSYNC is the binary. The cloud is one of its own; without Ceph's packages these tests are skipped.
"""

import re
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import anonymous_http  # noqa: E402
import juju_lookup  # noqa: E402
import metadata_checklist  # noqa: E402
import s3_api  # noqa: E402
import signed_checklist  # noqa: E402
from cloud_log import CloudLog  # noqa: E402
from cloud_setup import new_cloud  # noqa: E402
from openstack_api import Cloud  # noqa: E402
from stream_tree import SigningKey  # noqa: E402
from sync_scene import NEW, NEWEST, Scene, Source, created, removed  # noqa: E402

DONE, USAGE, TARGET = 0, 2, 5
CLOUD = {}


def setUpModule():
    if not shutil.which("radosgw", path="/usr/sbin:/usr/bin"):
        raise unittest.SkipTest("radosgw is not installed (tests/cloud/install --with rgw)")
    CLOUD["folder"] = unittest.enterModuleContext(new_cloud("keystone,glance,rgw"))


def account():
    """AWS_* of a user of the gateway's own: its buckets have no tenant, so that everybody can read them."""
    said = (CLOUD["folder"] / "s3rc-rgw").read_text("utf-8")
    return dict(re.findall(r"^export (AWS_\w+)=(.*)$", said, re.M))


class BucketScene(Scene):
    """Published to a bucket instead of a container, and signed."""

    def __init__(self, work, source, bucket, key):
        super().__init__(work, source)
        self.bucket = bucket
        self.own = {"GNUPGHOME": key.home}
        self.keyring = work / "public.gpg"
        self.keyring.write_bytes(key.public_key())
        self.write_config(publish=[f"s3:{bucket}/data"], signing_key=key.fingerprint, register_endpoint=True)
        self.use_account(**account())

    def use_account(self, **variables):
        self.use_environment(**self.own, **variables)

    @property
    def root(self):
        return f"{account()['AWS_ENDPOINT_URL']}/{self.bucket}/data/"

    def published(self):
        return metadata_checklist.read_tree(self.root, metadata_checklist.NOT_OF_A_SIGNED_TREE)

    def violations(self):
        return super().violations() + signed_checklist.violations(self.published(), self.keyring)


class Publication(unittest.TestCase):
    def setUp(self):
        work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = self.enterContext(Source(work))
        self.source.add_one(NEW)
        self.source.write()
        key = self.enterContext(SigningKey(work / "user"))
        bucket = "bucket-" + self._testMethodName.replace("_", "-")[:50]
        self.scene = BucketScene(work, self.source, bucket, key)
        self.addCleanup(self.scene.clean_up)
        self.addCleanup(self.scene.cloud.delete_services, "product-streams")

    def sync(self):
        run = self.scene.sync()
        self.assertEqual(DONE, run.status, run.err)
        return run

    def assert_published(self, serial):
        images = self.scene.images()
        self.assertEqual({serial}, {address[1] for address in images})
        self.assertEqual(
            {address: image["id"] for address, image in images.items()},
            {address: item["id"] for address, item in self.scene.published_items().items()},
        )
        self.assertEqual([], self.scene.violations())
        catalog = Cloud.from_environment().catalog
        self.assertEqual(
            self.scene.root.rstrip("/"), juju_lookup.root_in(catalog, self.scene.cloud.region)
        )
        for (product, _, _), image in images.items():
            result = juju_lookup.lookup(
                self.scene.root, self.scene.cloud.region, self.scene.cloud.auth_url, [product]
            )
            self.assertEqual((None, ""), (result.step, result.problem))
            self.assertEqual([image["id"]], result.image_ids)

    def test_first_sync_then_nothing_to_do_then_a_new_version(self):
        self.assertEqual(2, len(created(self.sync())))
        self.assert_published(NEW)
        self.nothing_to_do()
        self.source.add_one(NEWEST)
        self.source.write()
        run = self.sync()
        self.assertEqual((2, 2), (len(created(run)), len(removed(run))), run.out)
        self.assert_published(NEWEST)

    def nothing_to_do(self):
        with CloudLog(CLOUD["folder"] / "log", self.scene.cloud, ["radosgw"]) as log:
            self.assertEqual("", self.sync().out)
        asked = log.requests("radosgw")
        self.assertEqual({("GET", 304)}, {(method, status) for method, _, status in asked}, asked)

    def documents(self):
        names = (f"streams/v1/{self.scene.content_id}.json", "streams/v1/index.json")
        return {name: anonymous_http.get(self.scene.root + name).body for name in names}

    def test_what_was_damaged_comes_back_as_it_was(self):
        self.sync()
        whole = self.documents()
        for left in (0.0, 0.01, 0.5, 0.99, None):
            with self.subTest(left):
                for name, text in whole.items():
                    method, data = ("DELETE", None) if left is None else ("PUT", text[: int(left * len(text))])
                    s3_api.send(account(), method, self.scene.bucket, f"data/{name}", data)
                self.assertNotEqual(whole, self.documents())
                self.sync()
                self.assertEqual(whole, self.documents())

    def test_a_private_bucket_is_told_once_and_is_no_error(self):
        s3_api.send(account(), "PUT", self.scene.bucket, "")
        self.scene.write_config(publish=[f"s3:{self.scene.bucket}/data"])
        self.assertIn("without a signature answered 403", self.sync().err)
        self.assertEqual(403, anonymous_http.get(f"{self.scene.root}streams/v1/index.json").status)
        self.assertEqual("", self.sync().err)
        self.source.add_one(NEWEST)
        self.source.write()
        run = self.sync()
        self.assertEqual((2, 2), (len(created(run)), len(removed(run))), run.out)
        self.assertEqual(1, run.err.count("without a signature answered 403"), run.err)

    def test_without_keys_nothing_is_done(self):
        self.scene.use_account(AWS_ENDPOINT_URL="http://127.0.0.1:1")
        run = self.scene.sync()
        self.assertEqual(USAGE, run.status, run.err)
        self.assertIn("AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY", run.last_words())
        self.assertEqual({}, self.scene.images())

    def test_a_wrong_key_is_told_and_the_images_are_there(self):
        self.scene.use_account(**{**account(), "AWS_SECRET_ACCESS_KEY": "hunter2"})
        run = self.scene.sync()
        self.assertEqual(TARGET, run.status, run.err)
        self.assertIn("status 403: ", run.err)
        self.assertNotIn("hunter2", run.err + run.out)
        self.assertEqual(2, len(self.scene.images()))
        self.assertEqual(404, anonymous_http.get(self.scene.root).status)


if __name__ == "__main__":
    unittest.main()
