#!/usr/bin/python3
"""`set_latest_property`: the newest image is marked before the mark is taken from its predecessor.

$STREAMSYNC is the binary, OS_* an administrator of a test cloud on loopback.
"""

import contextlib
import tempfile
import unittest
from pathlib import Path

from cloud_log import CloudLog
from stream_tree import product_name
from sync_scene import NEW, NEWEST, OLD, Scene, Source, created, removed

DONE, SOME_FAILED = 0, 1
ITEM = "disk1.img"


class Latest(unittest.TestCase):
    def setUp(self):
        work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = self.enterContext(Source(work))
        self.source.add_one(NEW)
        self.source.write()
        self.tree = self.source.trees["released"]
        self.product = product_name("focal", "amd64")
        self.scene = Scene(work, self.source)
        self.addCleanup(self.scene.clean_up)
        self.configure()

    def configure(self, **mirror):
        streams = ("released", "daily")
        self.scene.write_config(
            set_latest_property=True, mirror_list=[self.scene.mirror(stream, **mirror) for stream in streams]
        )

    def sync(self, status=DONE):
        """The run; what was changed in Glance is in `changes`, as (method, image id)."""
        log = CloudLog.of_environment(self.scene.cloud)
        with log or contextlib.nullcontext():
            run = self.scene.sync()
        self.assertEqual(status, run.status, f"{run.out}\n{run.err}")
        self.changes = log and [
            (method, path.split("/")[3])
            for method, path, _ in log.requests("glance")
            if method in ("PATCH", "DELETE")
        ]
        return run

    def marked(self):
        return {a[:2] for a, image in self.scene.images().items() if image.get("latest") == "true"}

    def add_newest(self):
        self.tree.add_version("focal", "amd64", NEWEST, {ITEM: 65536}, "released")
        self.tree.write()

    def id_of(self, serial):
        return self.scene.images()[self.product, serial, ITEM]["id"]

    def sync_idle(self):
        before = self.scene.images()
        self.sync()
        self.assertIn(self.changes, ([], None))
        self.assertEqual(before, self.scene.images())

    def assert_marked_in_order(self, old, new):
        if self.changes is not None:
            of_new = [place for place, (_, image) in enumerate(self.changes) if image == new]
            of_old = [place for place, (_, image) in enumerate(self.changes) if image == old]
            self.assertLess(max(of_new), min(of_old), "the new one is marked first")

    def test_one_of_the_newest_is_marked_and_a_run_after_it_changes_nothing(self):
        self.sync()
        self.assertEqual({(self.product, NEW)}, self.marked())
        self.sync_idle()

    def test_a_successor_is_marked_before_the_old_one_goes(self):
        self.sync()
        old = self.id_of(NEW)
        self.add_newest()
        self.assertEqual(1, len(removed(self.sync())))
        self.assertEqual({(self.product, NEWEST)}, self.marked())
        self.assert_marked_in_order(old, self.id_of(NEWEST))
        self.sync_idle()

    def test_an_old_one_that_stays_loses_the_mark_after_the_new_one_has_it(self):
        self.configure(max=2)
        self.sync()
        self.add_newest()
        self.assertEqual(1, len(created(self.sync())))
        self.assertEqual({(self.product, NEWEST)}, self.marked())
        self.assert_marked_in_order(self.id_of(NEW), self.id_of(NEWEST))
        self.sync_idle()

    def assert_mark_goes_from(self, take_out):
        self.configure(max=2)
        self.sync()
        old = self.id_of(NEW)
        take_out(old)
        self.add_newest()
        self.sync()
        self.assertEqual({(self.product, NEWEST)}, self.marked())
        self.assert_marked_in_order(old, self.id_of(NEWEST))
        self.sync_idle()

    def test_an_old_one_that_is_deactivated_loses_the_mark(self):
        self.assert_mark_goes_from(self.scene.cloud.deactivate_image)

    def test_an_old_one_that_the_operator_hid_loses_the_mark(self):
        hidden = [{"op": "replace", "path": "/os_hidden", "value": True}]
        self.assert_mark_goes_from(lambda image_id: self.scene.cloud.change_image(image_id, hidden))

    def test_the_mark_stays_when_the_successor_fails(self):
        self.sync()
        self.add_newest()
        self.tree.corrupt(self.product, NEWEST, ITEM)
        self.sync(SOME_FAILED)
        self.assertEqual({(self.product, NEW)}, self.marked())

    def test_images_that_are_there_already_are_marked(self):
        self.scene.write_config(set_latest_property=False)
        self.sync()
        self.assertEqual(set(), self.marked())
        self.configure()
        self.assertEqual([], created(self.sync()))
        self.assertEqual({(self.product, NEW)}, self.marked())

    def test_marks_that_a_killed_run_or_upstream_left_are_put_right(self):
        self.tree.add_version("focal", "amd64", OLD, {ITEM: 65536}, "released")
        self.tree.write()
        self.configure(max=2)
        self.sync()
        mark = [{"op": "add", "path": "/latest", "value": "true"}]
        self.scene.cloud.change_image(self.id_of(OLD), mark)
        self.sync()
        self.assertEqual({(self.product, NEW)}, self.marked())


if __name__ == "__main__":
    unittest.main()
