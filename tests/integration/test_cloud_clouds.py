#!/usr/bin/python3
"""Several regions and several clouds from one download: each with its own services and credentials, and none
that fails stops another.

$STREAMSYNC is the binary, OS_* an administrator of the test cloud in $CLOUD_DIR, which has a second region with
a Glance of its own as long as this runs. The clouds are projects of that one Keystone.
"""

import json
import os
import secrets
import socket
import tempfile
import time
import unittest
from pathlib import Path

import juju_lookup
import metadata_checklist
from cloud_log import CloudLog
from cloud_setup import control, second_region
from openstack_api import Cloud
from stream_tree import product_name
from sync_scene import NEW, STREAMS, Scene, Source, address_of, created

DONE, MISUSED, NO_CLOUD = 0, 2, 5
AUTH = ("auth_url", "username", "password", "project_name", "user_domain_name", "project_domain_name")
PRODUCTS = [product_name("focal", "amd64", stream) for stream in STREAMS]
ADDRESSES = {(product, NEW, "disk1.img") for product in PRODUCTS}
PATIENCE = 60


def setUpModule():
    global SECOND
    SECOND = unittest.enterModuleContext(second_region())


def without_openstack():
    return {key: None for key in os.environ if key.startswith("OS_")}


def dead_url():
    """Of a port at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


class SeveralCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.source = cls.enterClassContext(Source(cls.work))
        for stream, tree in cls.source.trees.items():
            tree.add_version("focal", "amd64", NEW, {"disk1.img": 100_000}, stream)
        cls.source.write()
        cls.sizes = [len(cls.source.bytes_of(*item, NEW)) for item in zip(STREAMS, PRODUCTS, strict=True)]

    def setUp(self):
        self.scene = Scene(self.work, self.source)
        self.source.server.take_requests()

    def sync(self, status, run=None):
        run = run or self.scene.sync()
        self.assertEqual(status, run.status, f"{run.out}\n{run.err}")
        return run

    def report(self):
        return json.loads((self.scene.program.state / "last-run.json").read_bytes())

    def outcome(self):
        """Of each destination, by cloud and region."""
        return {
            (entry.get("cloud"), entry.get("region")): entry["status"]
            for entry in self.report()["destinations"]
        }

    def items_asked_for(self):
        return [path for path in self.source.server.paths() if path.endswith(".img")]

    def images_of(self, cloud, content_id):
        self.addCleanup(cloud.remove_stream, self.scene.container, self.scene.prefix, content_id)
        images = cloud.images(content_id=content_id)
        self.assertEqual(len(images), len({address_of(image) for image in images}), "each address once")
        for image in images:
            self.assertEqual(image["owner"], cloud.project_id)
        return {address_of(image): image for image in images}

    def assert_whole(self, cloud, content_id):
        images = self.images_of(cloud, content_id)
        self.assertEqual(ADDRESSES, set(images))
        for stream, product in zip(STREAMS, PRODUCTS, strict=True):
            image = images[product, NEW, "disk1.img"]
            self.assertEqual(
                ("active", "public", False), (image["status"], image["visibility"], image["os_hidden"])
            )
            self.assertEqual(self.source.bytes_of(stream, product, NEW), cloud.image_data(image["id"]))
        root = f"{cloud.object_url(self.scene.container)}{self.scene.prefix}/"
        for product in PRODUCTS:
            found = juju_lookup.lookup(root, cloud.region, cloud.auth_url, [product])
            self.assertEqual((None, ""), (found.step, found.problem), product)
            self.assertEqual([images[product, NEW, "disk1.img"]["id"]], found.image_ids)

    def assert_nothing_to_do(self):
        run = self.sync(DONE)
        self.assertEqual("", run.out)
        self.assertEqual({False}, {document["changed"] for document in self.report()["published"]})


class Regions(SeveralCase):
    """One Keystone and one object store, two Glances."""

    def setUp(self):
        super().setUp()
        self.clouds = {
            region: Cloud.from_environment(region=region) for region in (self.scene.cloud.region, SECOND)
        }
        self.scene.write_config(
            region=None,
            regions=list(self.clouds),
            content_id_template=f"{self.scene.content_id}.{{region}}",
            jobs=1,
        )

    def assert_whole_in(self, region):
        self.assert_whole(self.clouds[region], f"{self.scene.content_id}.{region}")

    def test_both_are_filled_by_one_download(self):
        run = self.sync(DONE)
        self.assertEqual(2, len(self.items_asked_for()))
        for region in self.clouds:
            self.assert_whole_in(region)
        names = [name for _, name in created(run)]
        self.assertEqual(4, len(run.lines()), "nothing but created lines")
        self.assertEqual(names[:2], names[2:], "those of the second region after those of the first")
        report = self.report()
        self.assertEqual(
            [self.scene.cloud.region] * 2 + [SECOND] * 2, [action["region"] for action in report["actions"]]
        )
        self.assertEqual(set(self.clouds), {document["region"] for document in report["published"]})
        size, totals = sum(self.sizes), report["totals"]
        self.assertEqual((size, 2 * size), (totals["bytes_read"], totals["bytes_sent"]))
        self.assert_nothing_to_do()

    def test_one_store_needs_content_ids_of_their_own(self):
        self.scene.write_config(region=None, regions=list(self.clouds))
        run = self.sync(MISUSED)
        self.assertIn("{region}", run.last_words())
        self.assertEqual([], self.source.server.paths())
        self.assertEqual([], self.scene.images_by_name())

    def test_one_image_service_needs_them_too(self):
        region = f"same-{secrets.token_hex(4)}"
        self.scene.cloud.create_region(region)
        self.addCleanup(self.scene.cloud.delete_region, region)
        both = [self.scene.cloud.region, region]
        self.scene.write_config(region=None, regions=both, use_swift=False, publish=[])
        self.assertIn("{region}", self.sync(MISUSED).last_words())
        self.assertEqual([], self.scene.images_by_name())

    def test_a_region_that_the_cloud_does_not_have_stops_no_other(self):
        nowhere = f"nowhere-{secrets.token_hex(4)}"
        self.scene.write_config(
            region=None,
            regions=[nowhere, SECOND],
            content_id_template=f"{self.scene.content_id}.{{region}}",
        )
        run = self.sync(NO_CLOUD)
        self.assertIn(nowhere, run.last_words())
        self.assertIn(SECOND, run.last_words(), "those that there are")
        self.assertEqual({(None, nowhere): "failed", (None, SECOND): "ok"}, self.outcome())
        self.assert_whole_in(SECOND)

    def test_a_glance_that_dies_on_the_way_stops_no_other(self):
        rate = str(self.sizes[0] // 8)
        slow = self.scene.program.start("sync", "-c", self.scene.config, "--limit-rate", rate)
        try:
            self.wait_for_an_upload_into_the_second()
            control("service", "kill", "glance2")
            out, err = slow.communicate(timeout=PATIENCE)
        finally:
            control("service", "start", "glance2")
        self.assertEqual(NO_CLOUD, slow.returncode, err.decode())
        self.assertEqual(2, len(out.splitlines()), "the first region's lines")
        self.assert_whole_in(self.scene.cloud.region)
        failed = {action["region"] for action in self.report()["actions"] if action["status"] == "failed"}
        self.assertEqual({SECOND}, failed)
        self.source.server.take_requests()
        self.assertEqual(2, len(created(self.sync(DONE))))
        self.assertEqual([], self.items_asked_for(), "they are copied from the first region")
        for region in self.clouds:
            self.assert_whole_in(region)
        self.assert_nothing_to_do()


    def wait_for_an_upload_into_the_second(self):
        deadline = time.monotonic() + PATIENCE
        of_ours = {"content_id": f"{self.scene.content_id}.{SECOND}"}
        while "saving" not in {image["status"] for image in self.clouds[SECOND].images(**of_ours)}:
            self.assertLess(time.monotonic(), deadline, "nothing is sent to the second region")
            time.sleep(0.05)


class Interfaces(SeveralCase):
    """A region that is alive on one interface alone; nobody listens at its others."""

    def assert_served_by(self, interface):
        region = f"odd-{secrets.token_hex(4)}"
        services = {
            "image": Cloud.from_environment(region=SECOND).endpoint("image"),
            "object-store": self.scene.cloud.endpoint("object-store"),
        }
        dead = dead_url()
        self.scene.cloud.create_region(
            region,
            {
                (service, each): url if each == interface else dead
                for service, url in services.items()
                for each in ("public", "internal", "admin")
            },
        )
        self.addCleanup(self.scene.cloud.delete_region, region)
        self.scene.write_config(region=region)
        wrong = "public" if interface == "internal" else "internal"
        self.scene.use_environment(OS_INTERFACE=wrong)
        self.assertEqual("", self.sync(NO_CLOUD).out)
        self.scene.use_environment(OS_INTERFACE=interface)
        others = CloudLog.of_environment(self.scene.cloud, ("glance",))
        with others:
            self.assertEqual(2, len(created(self.sync(DONE))))
            self.assert_nothing_to_do()
        self.assertEqual([], others.requests("glance"), "nothing is asked of another region")
        images = self.images_of(Cloud.from_environment(region=SECOND), self.scene.content_id)
        self.assertEqual(ADDRESSES, set(images))
        tree = metadata_checklist.read_tree(self.scene.root)
        of_glance = {image["id"]: image for image in images.values()}
        self.assertEqual(
            [], metadata_checklist.violations(tree, region, self.scene.cloud.auth_url, of_glance)
        )

    def test_public(self):
        self.assert_served_by("public")

    def test_internal(self):
        self.assert_served_by("internal")

    def test_admin(self):
        self.assert_served_by("admin")


class Clouds(SeveralCase):
    """Two projects, each with images and an object store account of its own."""

    def setUp(self):
        super().setUp()
        self.project = f"streamsync-{secrets.token_hex(4)}"
        administrator = Cloud.from_environment()
        self.addCleanup(administrator.delete_project, administrator.create_project(self.project, "admin"))
        self.clouds = {
            "ours": administrator,
            "theirs": Cloud.from_environment(project=self.project, region=SECOND),
        }
        self.entries = {
            "ours": self.entry(administrator.region),
            "theirs": self.entry(SECOND, project_name=self.project),
        }
        self.scene.use_environment(**without_openstack())

    def entry(self, region, **auth):
        auth = {**{key: os.environ[f"OS_{key.upper()}"] for key in AUTH}, **auth}
        return {"auth": auth, "region_name": region}

    def configure(self, *clouds, **settings):
        document = json.dumps({"clouds": self.entries})
        (self.scene.program.work / "clouds.yaml").write_text(document, encoding="utf-8")
        self.scene.write_config(region=None, clouds=clouds, **settings)

    def assert_whole_in(self, name):
        self.assert_whole(self.clouds[name], self.scene.content_id)

    def test_each_has_its_own_images_and_metadata(self):
        self.configure("ours", "theirs")
        self.assertEqual(4, len(created(self.sync(DONE))))
        self.assertEqual(2, len(self.items_asked_for()))
        for name in self.clouds:
            self.assert_whole_in(name)
        report = self.report()
        places = [("ours", self.scene.cloud.region), ("theirs", SECOND)]
        self.assertEqual(
            [place for place in places for _ in range(2)],
            [(action["cloud"], action["region"]) for action in report["actions"]],
        )
        self.assertEqual(
            [place for place in places for _ in range(2)],
            [(document["cloud"], document["region"]) for document in report["published"]],
        )
        self.assert_nothing_to_do()

    def test_one_image_service_may_serve_several_projects(self):
        self.entries["theirs"]["region_name"] = self.scene.cloud.region
        self.clouds["theirs"] = Cloud.from_environment(project=self.project)
        self.configure("ours", "theirs")
        self.assertEqual(4, len(created(self.sync(DONE))))
        for name in self.clouds:
            self.assert_whole_in(name)
        self.assert_nothing_to_do()

    def test_those_that_fail_stop_no_other(self):
        wrong = f"canary-{secrets.token_hex(16)}"
        self.entries["down"] = self.entry(SECOND, auth_url=f"{dead_url()}/v3")
        self.entries["strange"] = self.entry(SECOND, password=wrong)
        self.entries["elsewhere"] = self.entry("Nowhere")
        self.configure("down", "strange", "elsewhere", "theirs")
        run = self.sync(NO_CLOUD)
        self.assertEqual(2, len(created(run)))
        self.assertEqual(
            {
                ("down", SECOND): "failed",
                ("strange", SECOND): "failed",
                ("elsewhere", "Nowhere"): "failed",
                ("theirs", SECOND): "ok",
            },
            self.outcome(),
        )
        for name in ("down", "strange", "elsewhere"):
            self.assertIn(f"warning: {name}/", run.err)
        self.assertNotIn(wrong, run.err)
        self.assert_whole_in("theirs")

    def test_a_named_region_is_that_of_each(self):
        self.configure("ours", "theirs", regions=[SECOND])
        self.clouds["ours"] = Cloud.from_environment(region=SECOND)
        self.assertEqual(4, len(created(self.sync(DONE))))
        for name in self.clouds:
            self.assert_whole_in(name)

    def test_what_can_not_be_meant_stops_all(self):
        self.entries["again"] = self.entries["ours"]
        self.entries["open"] = {"auth": self.entries["ours"]["auth"]}
        dead = f"{dead_url()}/v3"
        self.entries["another"] = self.entry(SECOND, auth_url=dead)
        cases = {
            "missing": (("ours", "missing"), {}),
            "{region}": (("ours", "again"), {"publish": []}),
            SECOND: (("ours", "open"), {}),
            "publish_endpoint": (("ours", "another"), {"publish_endpoint": dead}),
            "one cloud": (("ours", "theirs"), {"images": ["glance", "swift:streamsync-tree/x"]}),
        }
        for words, (clouds, settings) in cases.items():
            with self.subTest(words):
                self.configure(*clouds, **settings)
                self.assertIn(words, self.sync(MISUSED).last_words())
        self.assertEqual([], self.source.server.paths())
        self.assertEqual([], self.scene.images_by_name())


if __name__ == "__main__":
    unittest.main()
