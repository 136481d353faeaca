#!/usr/bin/python3
"""`register_endpoint`: Keystone's catalog leads Juju to what we publish, and never to what does not answer.

$STREAMSYNC is the binary, OS_* an administrator of a test cloud on loopback. The lookups are those of another
user of that cloud, from the catalog that comes with the token. Where Juju's own packages can't be had a line
says so, and juju_lookup.py stands for them.
"""

import contextlib
import json
import os
import sys
import tempfile
import unittest
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import juju_lookup  # noqa: E402
from cloud_log import CloudLog  # noqa: E402
from juju_package import JujuPackage, Unavailable  # noqa: E402
from openstack_api import Cloud  # noqa: E402
from stream_tree import SigningKey, product_name  # noqa: E402
from sync_scene import NEW, NEWEST, Scene, Source, created, removed  # noqa: E402
from tree_server import TreeServer  # noqa: E402

DONE, CLOUD_REFUSES = 0, 5
STREAMS = "product-streams"
PRODUCT = product_name("focal", "amd64", "released")
PLACEHOLDER = "http://192.0.2.1"  # of RFC 5737: nothing is ever there
JUJU = {}


def setUpModule():
    try:
        JUJU["package"] = unittest.enterModuleContext(JujuPackage())
    except Unavailable as reason:
        print(f"without Juju's own packages: {reason}", file=sys.stderr)


class RegisterCase(unittest.TestCase):
    def setUp(self):
        self.work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = self.enterContext(Source(self.work))
        self.source.add_one(NEW)
        self.source.write()
        self.scene = Scene(self.work, self.source)
        self.cloud = self.scene.cloud
        self.addCleanup(self.scene.clean_up)
        self.addCleanup(self.cloud.delete_services, STREAMS)
        self.configure()

    def configure(self, **changes):
        self.scene.write_config(**{"register_endpoint": True, **changes})

    def sync(self, status=DONE, *arguments):
        run = self.scene.sync(*arguments)
        self.assertEqual(status, run.status, run.err)
        return run

    def registered(self):
        """interface -> URL of the one service there is."""
        services = self.cloud.services(STREAMS)
        self.assertEqual(1, len(services), services)
        return self.cloud.endpoints(services[0]["id"])

    def everywhere(self, root):
        return dict.fromkeys(("public", "internal", "admin"), root.rstrip("/"))

    def of_the_store(self):
        return {
            interface: f"{self.cloud.endpoint('object-store', interface)}/{self.scene.container}/"
            f"{self.scene.prefix}"
            for interface in ("public", "internal", "admin")
        }

    def user(self):
        """One who has nothing to do with what we publish."""
        url = self.cloud.auth_url
        return Cloud(url, "demo", os.environ["OS_PASSWORD"], "demo", self.cloud.region,
                     ca_file=os.environ.get("OS_CACERT"))

    def root_for_users(self):
        return juju_lookup.root_in(self.user().catalog, self.cloud.region)

    def assert_juju_finds(self, serial, endpoint=None, key=""):
        """From the catalog on."""
        image = self.scene.images()[PRODUCT, serial, "disk1.img"]["id"]
        where = (self.root_for_users(), self.cloud.region, endpoint or self.cloud.auth_url, [PRODUCT])
        ours = juju_lookup.lookup(*where)
        self.assertEqual((None, [image]), (ours.step, ours.image_ids), ours.problem)
        if "package" in JUJU:
            for with_key in {"", key}:
                jujus = JUJU["package"].lookup(*where, key=with_key)
                self.assertEqual([image], jujus.image_ids, jujus.problem)


class ThroughTheCatalog(RegisterCase):
    def assert_reported(self, report, *, changed):
        told = json.loads(report.read_text("utf-8"))["registered"]
        self.assertEqual(
            sorted((interface, url, changed) for interface, url in self.of_the_store().items()),
            sorted((each["interface"], each["url"], each["changed"]) for each in told),
        )

    def test_made_then_nothing_to_do_then_a_new_version(self):
        report = self.work / "report.json"
        self.sync(DONE, "--report", report)
        self.assertEqual(self.of_the_store(), self.registered())
        self.assertEqual("image-stream", self.cloud.services(STREAMS)[0]["name"])
        self.assert_juju_finds(NEW)
        self.assert_reported(report, changed=True)

        log = CloudLog.of_environment(self.cloud)
        with log or contextlib.nullcontext():
            run = self.sync(DONE, "--report", report)
        self.assertEqual(("", ""), (run.out, run.err))
        self.assert_reported(report, changed=False)
        if log is not None:
            self.assertEqual([("POST", "/v3/auth/tokens", 201)], log.requests("keystone"))
            self.assertEqual(2, len(log.requests("swift-proxy")), log.requests("swift-proxy"))

        before = self.registered()
        self.source.add_one(NEWEST)
        self.source.write()
        run = self.sync()
        self.assertEqual((2, 2), (len(created(run)), len(removed(run))), run.out)
        self.assertEqual(before, self.registered())
        self.assert_juju_finds(NEWEST)

    def test_signed_and_with_the_keystone_url_that_users_have(self):
        key = self.enterContext(SigningKey(self.work / "user"))
        self.scene.use_environment(GNUPGHOME=key.home)
        theirs = urllib.parse.urlsplit(self.cloud.auth_url)
        theirs = theirs._replace(netloc=f"localhost:{theirs.port}").geturl()
        self.configure(signing_key=key.fingerprint, publish_endpoint=theirs)
        self.sync()
        self.assert_juju_finds(NEW, theirs, key.public_key("--armor").decode())

    def test_who_logs_in_elsewhere_than_users_is_told(self):
        ours = urllib.parse.urlsplit(self.cloud.auth_url)
        ours = ours._replace(netloc=f"localhost:{ours.port}").geturl()
        self.scene.use_environment(OS_AUTH_URL=ours)
        for command in ("plan", "sync"):
            run = self.scene.program.run(command, "--config", self.scene.config)
            self.assertEqual(DONE, run.status, run.err)
            (told,) = [line for line in run.err.splitlines() if "publish_endpoint" in line]
            self.assertTrue(told.startswith("warning: "), told)
            self.assertIn(f"at {ours}, ", told)
            self.assertIn(f"is {self.cloud.auth_url}: ", told)
        for quiet in ({"publish_endpoint": self.cloud.auth_url}, {"publish": [], "register_endpoint": None}):
            self.configure(**quiet)
            self.assertNotIn("publish_endpoint", self.scene.program.run("plan", "--config", self.scene.config).err)

    def test_what_the_charm_and_others_left_is_brought_there_and_told(self):
        for name in ("image-stream", "of-somebody"):
            with self.subTest(name):
                service = self.cloud.create_service(STREAMS, name)
                for interface in ("public", "internal", "admin"):
                    self.cloud.create_endpoint(service, interface, PLACEHOLDER)
                run = self.sync()
                self.assertEqual(self.of_the_store(), self.registered())
                self.assertEqual(3, run.err.count(f"led to {PLACEHOLDER}"), run.err)
                self.assert_juju_finds(NEW)
                self.cloud.delete_services(STREAMS)

    def test_a_service_beside_ours_is_left_alone_and_told(self):
        self.sync()
        other = self.cloud.create_service(STREAMS, "of-somebody")
        self.cloud.create_endpoint(other, "public", PLACEHOLDER)
        for _ in range(2):
            self.assertIn(f"leads to {PLACEHOLDER}", self.sync().err)
        self.assertEqual({"public": PLACEHOLDER}, self.cloud.endpoints(other))

    def test_a_name_that_keystone_would_take_for_a_field(self):
        self.scene.prefix = f"{self.scene.prefix}/a b%(c)s"
        self.configure(publish=[f"swift:{self.scene.container}/{self.scene.prefix}"])
        self.sync()
        self.assertTrue(self.root_for_users().endswith("/a%20b%25%28c%29s"), self.root_for_users())
        self.assert_juju_finds(NEW)
        self.assertEqual("", self.sync().err)


class NotYet(RegisterCase):
    """Nobody is led to what does not answer."""

    def test_who_may_not_change_the_catalog_is_told_the_role_and_all_else_is_done(self):
        user = self.cloud.create_user("member", "secret", "member")
        self.addCleanup(self.cloud.delete_user, user)
        self.scene.use_environment(OS_USERNAME="member", OS_PASSWORD="secret")
        tree = self.enterContext(TreeServer(self.work / "tree"))
        self.configure(
            visibility="private", publish=[str(self.work / "tree")], register_endpoint=tree.url
        )
        run = self.sync(CLOUD_REFUSES)
        self.assertIn("role admin", run.last_words())
        self.assertEqual(2, len(created(run)))
        self.assertEqual([], self.cloud.services(STREAMS))
        # An administrator does it once.
        service = self.cloud.create_service(STREAMS, "image-stream")
        self.cloud.create_endpoint(service, "public", tree.url.rstrip("/"))
        self.sync()

    def test_an_internal_endpoint_that_never_answers_is_tried_once_and_told_once(self):
        right = self.cloud.endpoint("object-store", "internal")
        service = self.cloud.create_service(STREAMS, "image-stream")
        self.cloud.create_endpoint(service, "internal", PLACEHOLDER)
        first = f"/{self.scene.container}/{self.scene.prefix}/streams/v1/index2.sjson"
        with TreeServer(self.work, statuses={first: 503}) as unwell:
            self.addCleanup(self.cloud.set_endpoint, "object-store", right, "internal")
            self.cloud.set_endpoint("object-store", unwell.url, "internal")
            told = [self.sync().err.count("its internal endpoint stays as it is") for _ in range(3)]
            self.assertEqual([1, 0, 0], told)
            self.assertEqual([first] * 3, unwell.paths())
        self.assertEqual(PLACEHOLDER, self.registered()["internal"])
        self.assert_juju_finds(NEW)

    def test_a_directory_behind_a_web_server(self):
        tree = self.work / "tree"
        server = self.enterContext(TreeServer(tree))
        self.configure(publish=[str(tree)], register_endpoint=server.url)
        self.sync()
        self.assertEqual(self.everywhere(server.url), self.registered())
        self.assert_juju_finds(NEW)
        server.take_requests()
        self.sync()
        self.assertEqual([], server.take_requests())

    def test_a_web_server_that_does_not_show_it(self):
        tree = self.work / "tree"
        for path, rule, why in (
            ("/streams/v1/index2.sjson", {"status": 403}, "403"),
            ("/streams/v1/index.json", {"status": 500}, "500"),
            ("/streams/v1/index.json", {"body": "<html>log in</html>", "status": 200}, "something else"),
            ("/streams/v1/mirrors.json", {"body": "<html>", "status": 200}, "not published by us"),
            ("/streams/v1/index.json", {"redirect": "/other"}, "leads elsewhere"),
        ):
            with self.subTest(path=path, **rule):
                with TreeServer(tree, rules=[{"path": path, **rule}]) as server:
                    self.configure(publish=[str(tree)], register_endpoint=server.url)
                    run = self.sync(CLOUD_REFUSES)
                self.assertIn(why, run.last_words())
                self.assertIn(path, run.last_words())
                self.assertEqual([], self.cloud.services(STREAMS))
        # Nor was anything else lost by that.
        self.assertEqual(2, len(self.scene.images()))


if __name__ == "__main__":
    unittest.main()
