#!/usr/bin/python3
"""Two units that know nothing of each other serve one cloud at the same time.

$STREAMSYNC is the binary, OS_* an administrator of a test cloud on loopback.
"""

import secrets
import tempfile
import unittest
from pathlib import Path

from fault_proxy import FaultProxy
from openstack_api import Cloud
from stream_tree import product_name
from streamsync_program import Program
from sync_scene import NEW, OLD, Scene, Source

DONE = 0
ITEM = "disk1.img"


class TwoUnits(unittest.TestCase):
    def setUp(self):
        self.work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = self.enterContext(Source(self.work))
        self.source.add_one(OLD)
        self.source.write()
        self.scene = Scene(self.work, self.source)
        self.addCleanup(self.scene.clean_up)
        self.scene.write_config(region=self.region_behind_a_proxy(), jobs=1)
        self.other = Program(self.work / "other")

    def region_behind_a_proxy(self):
        cloud = Cloud.from_environment()
        self.proxy = self.enterContext(FaultProxy({"image": cloud.endpoint("image")}))
        region = f"Shared-{secrets.token_hex(4)}"
        urls = {"image": self.proxy.url("image"), "object-store": cloud.endpoint("object-store")}
        cloud.create_region(region, {(name, "public"): url for name, url in urls.items()})
        self.addCleanup(cloud.delete_region, region)
        return region

    def before_the_next_upload(self, act):
        def wait_for_it(client, exchange):
            if exchange.method == "PUT":
                act()
            else:
                self.proxy.spoil(1, wait_for_it)
            answer = client.pass_on(exchange)
            client.say(answer.head + answer.body)

        self.proxy.spoil(1, wait_for_it)

    def add_version(self, stream):
        tree = self.source.trees[stream]
        tree.add_version("focal", "amd64", NEW, {ITEM: 65536}, stream)
        tree.write()

    def run_other(self):
        """A whole run, with more at the source than the first unit has read."""
        self.add_version("daily")
        self.ran = self.other.run("sync", "--config", self.scene.config)

    def test_the_slower_one_publishes_what_is_there_by_then(self):
        self.assertEqual(DONE, self.scene.sync().status)
        self.add_version("released")
        self.before_the_next_upload(self.run_other)
        run = self.scene.sync()
        self.assertEqual((DONE, DONE), (self.ran.status, run.status), f"{self.ran.err}\n{run.err}")

        there = {address: image["id"] for address, image in self.scene.images().items()}
        self.assertEqual({(product_name("focal", "amd64", s), NEW, ITEM) for s in self.source.trees}, set(there))
        published = {address: item["id"] for address, item in self.scene.published_items().items()}
        self.assertEqual(there, published)


if __name__ == "__main__":
    unittest.main()
