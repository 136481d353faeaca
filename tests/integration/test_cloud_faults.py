#!/usr/bin/python3
"""Keystone and Glance fail in every way that is known of them, and each image comes to be there once, and right.

$STREAMSYNC is the binary, OS_* an administrator of the test cloud in $CLOUD_DIR, whose services are stopped and
whose answers are spoilt while this runs. Faults that take long are left out unless $STREAMSYNC_FAULT_POINTS is
`all`.
"""

import contextlib
import os
import tempfile
import time
import unittest
from pathlib import Path

from cloud_setup import control, setting
from openstack_api import Cloud
from service_front import ServiceFront
from stream_tree import product_name
from sync_scene import NEW, STREAMS, Scene, Source, created

DONE, SOME_FAILED, NO_CLOUD, NO_ROOM = 0, 1, 5, 6
PRODUCTS = dict(zip(STREAMS, [product_name("focal", "amd64", stream) for stream in STREAMS], strict=True))
TOKEN_SECONDS = 3
PATIENCE = {"attempts": 8, "budget": "60s", "max_wait": "3s"}
PATIENCE_OF_TESTS = 60

takes_long = unittest.skipUnless(
    os.environ.get("STREAMSYNC_FAULT_POINTS") == "all", "takes long: STREAMSYNC_FAULT_POINTS=all"
)


class FaultCase(unittest.TestCase):
    """One image is larger than the other, so that it comes first and alone."""

    TIMEOUT = "3s"

    @classmethod
    def setUpClass(cls):
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.source = cls.enterClassContext(Source(cls.work))
        for (stream, tree), size in zip(cls.source.trees.items(), (800_000, 200_000), strict=True):
            tree.add_version("focal", "amd64", NEW, {"disk1.img": size}, stream)
        cls.source.write()
        cls.large, cls.small = (
            len(cls.source.bytes_of(stream, product, NEW)) for stream, product in PRODUCTS.items()
        )

    def setUp(self):
        self.scene = Scene(self.work, self.source)
        self.addCleanup(self.clean_up)
        self.configure()

    def clean_up(self):
        self.renew()
        self.scene.clean_up()

    def configure(self, **settings):
        timeouts = dict.fromkeys(("connect", "first_byte", "stall"), self.TIMEOUT)
        self.scene.write_config(**{"retries": PATIENCE, "timeouts": timeouts, "jobs": 1, **settings})

    def renew(self):
        """With the endpoints of now: those of a test may be gone."""
        self.scene.cloud = Cloud.from_environment()

    def sync(self, status=DONE, *arguments):
        return self.ended(status, self.scene.sync(*arguments))

    def ended(self, status, run):
        self.assertEqual(status, run.status, f"{run.out}\n{run.err}")
        return run

    @contextlib.contextmanager
    def slow_sync(self, seconds):
        """A run whose large image takes so long; the body begins with its upload, and has that image."""
        rate = self.large // seconds
        self.source.server.take_requests()
        process = self.scene.program.start(
            "sync", "-c", self.scene.config, "--limit-rate", str(rate), start_new_session=True
        )
        self.process = process
        try:
            yield self.wait_for_status("saving")[0]
        finally:
            out, err = process.communicate(timeout=PATIENCE_OF_TESTS)
            self.out, self.err = out.decode(), err.decode()

    def wait_for_status(self, status):
        """The images that have it by then."""
        deadline = time.monotonic() + PATIENCE_OF_TESTS
        while not (found := [image for image in self.scene.images_by_name() if image["status"] == status]):
            self.assertLess(time.monotonic(), deadline, f"no image is {status}")
            self.assertIsNone(self.process.poll(), "the run has ended")
            time.sleep(0.05)
        return found

    def assert_slow_sync(self, status):
        self.assertEqual(status, self.process.returncode, f"{self.out}\n{self.err}")

    def assert_each_once(self, streams=STREAMS):
        self.renew()
        images = self.scene.images()
        self.assertEqual(
            len(images), len(self.scene.images_by_name()), "one image an address, with properties"
        )
        self.assertEqual({(PRODUCTS[stream], NEW, "disk1.img") for stream in streams}, set(images))
        for stream in streams:
            image = images[PRODUCTS[stream], NEW, "disk1.img"]
            self.assertEqual(
                ("active", "public", False), (image["status"], image["visibility"], image["os_hidden"])
            )
            data = self.source.bytes_of(stream, PRODUCTS[stream], NEW)
            self.assertEqual(data, self.scene.cloud.image_data(image["id"]))
        self.assertEqual(set(images), set(self.scene.published_items()))
        self.assertEqual([], self.scene.violations())

    def assert_converges(self):
        self.sync()
        self.assert_each_once()
        self.assertEqual("", self.sync().out, "a further run has nothing to do")


class Tokens(FaultCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.enterClassContext(setting("CLOUD_TOKEN_SECONDS", str(TOKEN_SECONDS)))

    def test_an_upload_outlives_its_token(self):
        run = self.sync(DONE, "--limit-rate", str(self.large // (TOKEN_SECONDS + 2)))
        self.assertEqual(2, len(created(run)))
        self.assert_each_once()

    @takes_long
    def test_keystone_is_away_when_the_token_is_over(self):
        with self.slow_sync(TOKEN_SECONDS + 2):
            control("service", "kill", "keystone")
            time.sleep(TOKEN_SECONDS)  # a fault of that length, not a wait for anything
            control("service", "start", "keystone")
        self.assert_slow_sync(DONE)
        self.assert_each_once()


class Services(FaultCase):
    @takes_long
    def test_glance_dies_and_comes_back_during_the_run(self):
        with self.slow_sync(4):
            control("service", "kill", "glance")
            control("service", "start", "glance")
        self.assert_slow_sync(DONE)
        self.assert_each_once()

    def test_glance_dies_and_comes_back_after_the_run(self):
        self.configure(retries={"attempts": 1})
        with self.slow_sync(4):
            control("service", "kill", "glance")
            self.process.wait(PATIENCE_OF_TESTS)
            control("service", "start", "glance")
        self.assert_slow_sync(NO_CLOUD)
        self.assert_converges()

    def test_glance_stands_still_and_then_goes_on(self):
        """What was given up by then is finished by it all the same."""
        with self.slow_sync(3):
            control("service", "pause", "glance")
            time.sleep(5)  # a fault of that length
            control("service", "resume", "glance")
        self.assert_slow_sync(DONE)
        self.assert_each_once()

    @takes_long
    def test_glance_stands_still_for_longer_than_the_run(self):
        self.configure(retries={"attempts": 1})
        with self.slow_sync(3):
            control("service", "pause", "glance")
            self.process.wait(PATIENCE_OF_TESTS)
            control("service", "resume", "glance")
        self.assert_slow_sync(NO_CLOUD)
        self.assert_converges()

    def test_an_image_that_is_deleted_on_the_way(self):
        with self.slow_sync(3) as image:
            self.scene.cloud.delete_image(image["id"])
        self.assert_slow_sync(DONE)
        self.assert_each_once()


class Answers(FaultCase):
    """Of Glance, on their way. None is late, so that each try has its reason."""

    TIMEOUT = "60s"

    def setUp(self):
        super().setUp()
        usual = self.scene.cloud.endpoint("image")
        self.front = self.enterContext(ServiceFront(usual))
        self.scene.cloud.set_endpoint("image", self.front.url)
        self.addCleanup(self.scene.cloud.set_endpoint, "image", usual)

    def assert_mended(self):
        run = self.sync()
        self.assertEqual([], self.front.pending(), "the fault has happened")
        self.assertEqual(2, len(created(run)))
        self.assert_each_once()

    def test_made_and_nobody_heard_it(self):
        self.front.lose("POST", "/images")
        self.assert_mended()

    def test_uploaded_and_nobody_heard_it(self):
        self.front.lose("PUT", "/file")
        self.assert_mended()
        self.assertEqual(2, self.uploads(), "nothing is sent twice")

    def uploads(self):
        return sum(method == "PUT" and path.endswith("/file") for method, path in self.front.requests)

    @takes_long
    def test_revealed_and_nobody_heard_it(self):
        self.front.lose("PATCH", "", times=3)
        self.assert_mended()

    def test_out_of_service_for_a_while(self):
        for method, path in (("GET", "/images"), ("POST", "/images"), ("PUT", "/file"), ("PATCH", "")):
            self.front.answer(method, path, 503, times=2)
        self.assert_mended()

    def test_no_room_said_with_a_length_and_without(self):
        for length in (True, False):
            with self.subTest(length=length):
                self.front.answer("PUT", "/file", 413, length=length)
                run = self.sync(NO_ROOM)
                self.assertEqual([], self.front.pending())
                self.assertIn("413", run.last_words())
                self.assertEqual(2, self.uploads(), "it is not tried again, and the other one goes on")
                self.assert_each_once(("daily",))
                self.assert_converges()
                self.scene.clean_up()
                self.front.requests.clear()

    def test_gone_while_it_is_uploaded(self):
        for status in (410, 404):
            with self.subTest(status):
                self.front.answer("PUT", "/file", status)
                self.assert_mended()
                self.assertEqual(3, self.uploads(), "once more")
                self.scene.clean_up()
                self.front.requests.clear()

    def test_gone_whenever_it_is_uploaded(self):
        self.configure(retries={**PATIENCE, "attempts": 3})
        self.front.answer("PUT", "/file", 410, times=3)
        run = self.sync(NO_CLOUD)
        self.assertEqual(4, self.uploads(), "the other image has its own tries")
        self.assertIn("deleted while it was filled", run.last_words())
        self.assert_converges()


@takes_long
class Limits(FaultCase):
    """Of Glance itself, between the sizes of the two images."""

    @contextlib.contextmanager
    def glance_with(self, limit):
        file = Path(os.environ["CLOUD_DIR"], "etc/glance/conf.d/90-limit.conf")
        file.write_text(f"[DEFAULT]\n{limit}\n", encoding="utf-8")
        try:
            control("service", "restart", "glance")
            yield
        finally:
            file.unlink()
            control("service", "restart", "glance")

    def assert_the_small_one_goes_on(self, limit):
        with self.glance_with(limit):
            run = self.sync(NO_ROOM)
            self.assertEqual(1, len(created(run)))
            self.assert_each_once(("daily",))
        self.assert_converges()

    def test_the_largest_image(self):
        self.assert_the_small_one_goes_on(f"image_size_cap = {self.small + 1000}")

    def test_the_room_of_a_user(self):
        self.assert_the_small_one_goes_on(f"user_storage_quota = {self.small + 1000}")


if __name__ == "__main__":
    unittest.main()
