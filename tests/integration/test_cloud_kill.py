#!/usr/bin/python3
"""Killed at any moment, the next run ends where an undisturbed one does.

Runs die by SIGKILL at moments spread over the time that an undisturbed run takes; each is then run again to
its end. $STREAMSYNC is the binary, OS_* an administrator of a test cloud on loopback. The moments follow from
$STREAMSYNC_KILL_SEED, which is printed.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import anonymous_http  # noqa: E402
from sync_scene import NEW, NEWEST, OLD, Scene, Source, address_of  # noqa: E402

KILLS = 10
IMAGE_BYTES = 2 << 20
OF_ONE_RUN = ("id", "created_at", "updated_at", "self", "file", "stores", "direct_url", "locations")


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

    def result(self, scene):
        """What a run leaves behind, without what is another each time."""
        documents = {
            name: json.loads(anonymous_http.get(f"{scene.root}streams/v1/{name}.json").body)
            for name in ("index", scene.content_id)
        }
        return json.loads(
            json.dumps(
                {
                    "images": sorted(map(timeless_image, scene.images_by_name()), key=address_of),
                    "metadata": timeless(documents),
                },
                sort_keys=True,
            )
            .replace(scene.content_id, "CONTENT_ID")
            .replace(scene.name_prefix, "NAME_PREFIX/")
        )

    def assert_clean(self, scene):
        found = scene.images_by_name()
        self.assertEqual([], [image for image in found if image["status"] != "active" or image["os_hidden"]])
        addresses = [address_of(image) for image in found]
        self.assertEqual(sorted(set(addresses)), sorted(addresses), "each address once")
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
            self.assertEqual(expected, self.result(scene))
            self.assertEqual("", scene.sync().out, "a further run has nothing to do")
            return under_way
        return False

    def test_a_first_sync(self):
        undisturbed = self.new_scene()
        duration = self.complete(undisturbed)
        self.assert_clean(undisturbed)
        expected = self.result(undisturbed)
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
        expected = self.result(undisturbed)
        self.assertEqual({NEWEST}, {image["version_name"] for image in expected["images"]})
        print(f"a sync that supersedes, of {duration:.3f} s", flush=True)
        killed = [
            self.assert_converges(scene, moment, expected)
            for scene, moment in zip(scenes, self.moments(duration), strict=True)
        ]
        self.assertGreaterEqual(
            sum(killed), KILLS // 2, "most runs have to be killed, else this shows little"
        )


def timeless_image(image):
    return {key: value for key, value in image.items() if key not in OF_ONE_RUN}


def timeless(node):
    """Documents without image ids and times of publication."""
    if isinstance(node, dict):
        return {key: timeless(value) for key, value in node.items() if key not in ("id", "updated")}
    if isinstance(node, list):
        return [timeless(value) for value in node]
    return node


if __name__ == "__main__":
    unittest.main()
