#!/usr/bin/python3
"""RADOS Gateway in the place of Swift: published there, read there by everybody.

$STREAMSYNC is the binary. The cloud is one of its own; without Ceph's packages these tests are skipped.
"""

import os
import re
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import anonymous_http  # noqa: E402
import juju_lookup  # noqa: E402
from cloud_log import CloudLog  # noqa: E402
from cloud_setup import control, new_cloud  # noqa: E402
from openstack_api import Cloud  # noqa: E402
from sync_scene import NEW, NEWEST, Scene, Source, created, removed  # noqa: E402

DONE, TARGET_UNAVAILABLE = 0, 5


def setUpModule():
    if not shutil.which("radosgw", path="/usr/sbin:/usr/bin"):
        raise unittest.SkipTest("radosgw is not installed (tests/cloud/install --with rgw)")
    RgwStage.folder = unittest.enterModuleContext(new_cloud("keystone,glance,rgw"))


class RgwStage:
    """Published to the operator's place, simplestreams/data, in a project that nobody else uses."""

    @classmethod
    def setUpClass(cls):
        cls.put_account_in_url()
        project = f"rgw-{cls.__name__.lower()}"
        Cloud.from_environment().create_project(project, role="admin")
        os.environ["OS_PROJECT_NAME"] = project

    @classmethod
    def put_account_in_url(cls):
        configuration = cls.folder / "etc/ceph/ceph.conf"
        said = configuration.read_text("utf-8")
        for setting, wanted in (
            ("rgw_swift_account_in_url", cls.account_in_url),
            ("rgw_keystone_implicit_tenants", cls.own_names),
        ):
            said = re.sub(rf"^({setting}) = .*", rf"\1 = {str(wanted).lower()}", said, flags=re.M)
        configuration.write_text(said, encoding="utf-8")
        control("service", "restart", "radosgw")
        cloud = Cloud.from_environment()
        root = cloud.endpoint("object-store").partition("/AUTH_")[0]
        account = "/AUTH_%(project_id)s" if cls.account_in_url else ""
        cloud.set_endpoint("object-store", root + account)

    def setUp(self):
        work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = self.enterContext(Source(work))
        self.source.add_one(NEW)
        self.source.write()
        self.scene = Scene(work, self.source, container="simplestreams", prefix="data")
        self.addCleanup(self.scene.clean_up)
        self.addCleanup(self.scene.cloud.delete_services, "product-streams")
        self.scene.write_config(register_endpoint=True)

    def registered_root(self):
        """As everybody's catalog has it."""
        return juju_lookup.root_in(Cloud.from_environment().catalog, self.scene.cloud.region)

    def sync(self):
        run = self.scene.sync()
        self.assertEqual(DONE, run.status, run.err)
        return run

    def assert_published(self, serial):
        """By the cloud's public URL, without a token, as Juju reads it."""
        images = self.scene.images()
        self.assertEqual({serial}, {address[1] for address in images})
        self.assertEqual(
            {address: image["id"] for address, image in images.items()},
            {address: item["id"] for address, item in self.scene.published_items().items()},
        )
        self.assertEqual([], self.scene.violations())
        self.assertEqual(self.scene.root.rstrip("/"), self.registered_root())
        for (product, _, _), image in images.items():
            result = juju_lookup.lookup(
                self.scene.root, self.scene.cloud.region, self.scene.cloud.auth_url, [product]
            )
            self.assertEqual((None, ""), (result.step, result.problem))
            self.assertEqual([image["id"]], result.image_ids)


class RgwCase(RgwStage):
    def test_first_sync_then_nothing_to_do_then_a_new_version(self):
        self.assertRegex(self.scene.cloud.endpoint("object-store"), self.endpoint)
        self.assertEqual(2, len(created(self.sync())))
        self.assert_published(NEW)
        self.nothing_to_do()
        self.source.add_one(NEWEST)
        self.source.write()
        run = self.sync()
        self.assertEqual((2, 2), (len(created(run)), len(removed(run))), run.out)
        self.assert_published(NEWEST)

    def nothing_to_do(self):
        with CloudLog(self.folder / "log", self.scene.cloud, ["radosgw"]) as log:
            self.assertEqual("", self.sync().out)
        asked = log.requests("radosgw")
        self.assertEqual({"GET"}, {method for method, _, _ in asked}, "an idle run writes nothing")
        self.assertEqual({304}, {status for _, _, status in asked}, asked)

    def test_a_container_that_is_there_and_private_is_opened(self):
        cloud = self.scene.cloud
        self.scene.container = "private"
        self.scene.write_config(publish=["swift:private/data"], register_endpoint=True)
        cloud.put_container("private")
        cloud.put_object("private", "data/other", b"not ours")
        self.assertEqual(401, anonymous_http.get(cloud.object_url("private", "data/other")).status)
        self.sync()
        self.assert_published(NEW)
        self.assertEqual(b"not ours", cloud.object("private", "data/other"))


class AccountInUrl(RgwCase, unittest.TestCase):
    """As with Swift, and as the charm has it with namespace-tenants."""

    account_in_url = own_names = True
    endpoint = r"/swift/v1/AUTH_[0-9a-f]{32}$"


class NoAccountInUrl(RgwCase, unittest.TestCase):
    """The charm's default: all projects share the names of containers."""

    account_in_url = own_names = False
    endpoint = r"/swift/v1$"


class NobodyCanRead(RgwStage, unittest.TestCase):
    """Projects have names of their own and the URL does not say whose are meant: only a token does."""

    account_in_url, own_names = False, True

    def test_each_run_says_so_and_what_to_set(self):
        for _ in range(2):
            run = self.scene.sync()
            self.assertEqual(TARGET_UNAVAILABLE, run.status, run.err)
            self.assertIn("without credentials", run.last_words())
            self.assertIn("rgw_swift_account_in_url", run.last_words())
            self.assertIsNone(self.registered_root())


if __name__ == "__main__":
    unittest.main()
