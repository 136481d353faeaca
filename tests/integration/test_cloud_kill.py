#!/usr/bin/python3
"""Killed at any moment, the next run ends where an undisturbed one does.

Runs die by SIGKILL at moments spread over the time that an undisturbed run takes; each is then run again to
its end. $STREAMSYNC is the binary, OS_* an administrator of a test cloud on loopback. The moments follow from
$STREAMSYNC_KILL_SEED, which is printed.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from cloud_outcome import duplicates, orphans, outcome  # noqa: E402
from sync_scene import NEW, NEWEST, OLD, Scene, Source  # noqa: E402

KILLS = 10
IMAGE_BYTES = 2 << 20


class Killed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        seed = int(os.environ.get("STREAMSYNC_KILL_SEED", random.SystemRandom().randrange(10**6)))
        print(f"STREAMSYNC_KILL_SEED={seed}", flush=True)
        cls.random = random.Random(seed)
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.source = cls.enterClassContext(Source(cls.work))
        cls.source.add_all(OLD, size=IMAGE_BYTES)
        cls.source.add_all(NEW, size=IMAGE_BYTES)

    def setUp(self):
        for tree in self.source.trees.values():
            for document in tree.documents.values():
                for product in document["products"].values():
                    product["versions"].pop(NEWEST, None)
        self.source.write()

    def new_scene(self):
        scene = Scene(self.work, self.source)
        self.addCleanup(scene.clean_up)
        return scene

    def complete(self, scene):
        began = time.monotonic()
        run = scene.sync()
        self.assertEqual(0, run.status, run.err)
        return time.monotonic() - began

    def kill_after(self, scene, seconds):
        """Whether the run was still under way then."""
        process = scene.start_sync()
        try:
            process.communicate(timeout=seconds)
            return False
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return True

    def moments(self, duration):
        """One in each slice of the time that a run takes."""
        return [(slot + self.random.random()) * duration / KILLS for slot in range(KILLS)]

    def assert_clean(self, scene):
        found = scene.images_by_name()
        self.assertEqual(([], []), (orphans(found), duplicates(found)))
        self.assertEqual(
            {image["id"] for image in scene.cloud.images(content_id=scene.content_id)},
            {image["id"] for image in found},
            "each image of ours says so",
        )
        self.assertEqual([], scene.violations())

    def assert_converges(self, scene, moment, expected):
        with self.subTest(f"killed after {moment:.3f} s"):
            under_way = self.kill_after(scene, moment)
            print(f"  after {moment:.3f} s: {'killed' if under_way else 'had ended'}", flush=True)
            self.complete(scene)
            self.assert_clean(scene)
            self.assertEqual(expected, outcome(scene))
            self.assertEqual("", scene.sync().out, "a further run has nothing to do")
            return under_way
        return False

    def test_a_first_sync(self):
        undisturbed = self.new_scene()
        duration = self.complete(undisturbed)
        self.assert_clean(undisturbed)
        expected = outcome(undisturbed)
        self.assertEqual(8, len(expected["images"]))
        print(f"a first sync of {duration:.3f} s", flush=True)
        killed = [
            self.assert_converges(self.new_scene(), moment, expected) for moment in self.moments(duration)
        ]
        self.assertGreaterEqual(
            sum(killed), KILLS // 2, "most runs have to be killed, else this shows little"
        )

    def test_a_sync_that_supersedes(self):
        scenes = [self.new_scene() for _ in range(KILLS + 1)]
        for scene in scenes:
            self.complete(scene)
        self.source.add_all(NEWEST, size=IMAGE_BYTES)
        self.source.write()
        undisturbed = scenes.pop()
        duration = self.complete(undisturbed)
        self.assert_clean(undisturbed)
        expected = outcome(undisturbed)
        self.assertEqual({NEWEST}, {image["version_name"] for image in expected["images"]})
        print(f"a sync that supersedes, of {duration:.3f} s", flush=True)
        killed = [
            self.assert_converges(scene, moment, expected)
            for scene, moment in zip(scenes, self.moments(duration), strict=True)
        ]
        self.assertGreaterEqual(
            sum(killed), KILLS // 2, "most runs have to be killed, else this shows little"
        )


if __name__ == "__main__":
    unittest.main()
