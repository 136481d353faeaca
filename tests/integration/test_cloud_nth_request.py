#!/usr/bin/python3
"""Whatever happens to one request to the cloud, the next run ends where an undisturbed one does.

A proxy stands before Keystone, Glance and Swift and spoils the N-th request of a run, in one way after the
other. $STREAMSYNC is the binary, OS_* an administrator of a test cloud on loopback. Only some N are tried of
each way; all of them with STREAMSYNC_FAULT_POINTS=all.
"""

import itertools
import json
import os
import secrets
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import fault_proxy  # noqa: E402
import metadata_checklist  # noqa: E402
from cloud_outcome import duplicates, orphans, outcome, usable  # noqa: E402
from exposure import judge  # noqa: E402
from fault_proxy import FaultProxy  # noqa: E402
from openstack_api import Cloud  # noqa: E402
from sync_scene import ITEM_FILTERS, NEW, OLD, Scene, Source, address_of  # noqa: E402

ALL = os.environ.get("STREAMSYNC_FAULT_POINTS") == "all"
DONE, SOME_FAILED, NO_CLOUD = 0, 1, 5
IMAGES = 4
SERVICES = ("identity", "image", "object-store")
# A client that has this little patience gives a late answer up, and none that is only slow.
IMPATIENT = {"first_byte": "3s", "stall": "3s"}


def setUpModule():
    """A region whose services are asked through the proxy."""
    cloud = Cloud.from_environment()
    urls = {"identity": cloud.auth_url, **{name: cloud.endpoint(name) for name in SERVICES[1:]}}
    Proxied.proxy = unittest.enterModuleContext(FaultProxy(urls))
    Proxied.region = f"Proxied-{secrets.token_hex(4)}"
    cloud.create_region(Proxied.region, {(name, "public"): Proxied.proxy.url(name) for name in SERVICES[1:]})
    unittest.addModuleCleanup(cloud.delete_region, Proxied.region)


class Proxied(Scene):
    """A first sync, of four images, into a container that is not there yet."""

    proxy = region = None

    def __init__(self, work, source):
        super().__init__(work, source)
        self.container = self.content_id
        self.others = {image["id"] for image in self.cloud.images()}
        self.use_environment(OS_AUTH_URL=self.proxy.url("identity"))
        self.configure()

    def configure(self, filters=(), attempts=2, **keys):
        self.write_config(
            mirror_list=[self.mirror("released", item_filters=[*ITEM_FILTERS, *filters])],
            region=self.region,
            jobs=1,  # else it is another request each time that is the N-th
            retries={"attempts": attempts, "budget": "5s", "max_wait": "1s"},
            **keys,
        )

    def all_images(self):
        """Everything that was not there before, whatever became of its name and properties."""
        return [image for image in self.cloud.images() if image["id"] not in self.others]

    def violations(self):
        images = {image["id"]: image for image in self.all_images()}
        tree = metadata_checklist.read_tree(self.root)
        return metadata_checklist.violations(tree, self.region, self.proxy.url("identity"), images)

    def dangling(self):
        """What is published and not there for users."""
        there = {image["id"] for image in usable(self.all_images())}
        return [address for address, item in self.published_items().items() if item["id"] not in there]

    def outcome(self, chosen=lambda images: images):
        published = self.cloud.objects(self.container, self.prefix)
        names = [name.replace(self.content_id, "CONTENT_ID").removeprefix(self.prefix) for name in published]
        return {**outcome(self, chosen(self.all_images())), "objects": sorted(names)}

    def clean_up(self):
        for image in self.all_images():
            self.cloud.delete_image(image["id"])
        for name in (objects := self.cloud.objects(self.container)):
            self.cloud.delete_object(self.container, name)
        if objects:
            self.cloud.delete_container(self.container)


class FirstSync(unittest.TestCase):
    maxDiff = None
    # The larger, the fewer N are tried; each way begins with another one.
    stride = 41

    @classmethod
    def setUpClass(cls):
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.source = cls.enterClassContext(Source(cls.work))
        tree = cls.source.trees["released"]
        for release, arch in itertools.product(("bionic", "focal"), ("amd64", "arm64")):
            for serial in (OLD, NEW):
                tree.add_version(release, arch, serial)
        cls.source.write()
        cls.promised = {
            (product, serial, name): (item["size"], item["md5"])
            for document in tree.documents.values()
            for product, contents in document["products"].items()
            for serial, version in contents["versions"].items()
            for name, item in version["items"].items()
        }
        cls.proxy = Proxied.proxy
        cls.requests, cls.expected = cls.undisturbed()

    @classmethod
    def undisturbed(cls):
        scene = cls.begin()
        try:
            run = scene.sync()
            if run.status != DONE:
                raise AssertionError(run.err)
            return cls.proxy.take_exchanges(), scene.outcome()
        finally:
            scene.clean_up()

    @classmethod
    def begin(cls):
        """As a run finds it that is to be spoiled."""
        scene = Proxied(cls.work, cls.source)
        cls.proxy.take_exchanges()
        return scene

    # --- what is tried ----------------------------------------------------------------------------

    def numbers(self, fault):
        """Of requests that this fault can do something to; some, or all and those that an undisturbed run does
        not come to."""
        count = len(self.requests)
        found = [at + 1 for at in range(count) if fault_proxy.applies(fault, self.requests[at])]
        if ALL:
            return itertools.chain(found, itertools.count(count + 1))
        first = fault_proxy.FAULTS.index(fault) * self.stride // len(fault_proxy.FAULTS)
        return found[first % len(found) :: self.stride]

    def try_all(self, fault, numbers=None):
        tried, left = 0, {"orphans": 0, "duplicates": 0}
        for number in numbers or self.numbers(fault):
            with self.subTest(f"{fault.__name__}, request {number}"):
                scene = self.begin()
                try:
                    self.spoil(scene, number, fault)
                    if self.proxy.spoiled is None:
                        self.assertTrue(ALL, "the run has fewer requests than the undisturbed one")
                        break
                    tried += 1
                    images = scene.all_images()
                    left["orphans"] += len(orphans(images))
                    left["duplicates"] += len(duplicates(images))
                    self.assert_in_place(scene)
                    if ALL:
                        self.assertEqual("", scene.sync().out, "a further run has nothing to do")
                    self.assertEqual([], judge(self.proxy.take_exchanges(), self.promised).exposures)
                finally:
                    scene.clean_up()
        print(
            f"{type(self).__name__}, {fault.__name__}: {tried} of {len(self.requests)} tried, "
            + ", ".join(f"{name} {count}" for name, count in left.items()),
            flush=True,
        )

    def spoil(self, scene, number, fault):
        """One run with the fault, and one without."""
        # Every other one gives up what another one tries again.
        attempts = 1 + number % 2
        scene.configure(attempts=attempts, timeouts=IMPATIENT if fault is fault_proxy.late else None)
        self.proxy.spoil(number, fault)
        run = scene.sync()
        self.proxy.restore()
        spoiled = f"{self.proxy.spoiled}, {attempts} attempts\nended {run.status}: {run.err}"
        print(spoiled, flush=True) if os.environ.get("STREAMSYNC_TELL") else None
        self.assertIn(run.status, (DONE, SOME_FAILED, NO_CLOUD), spoiled)
        self.assertEqual([], scene.dangling(), spoiled)
        if run.status == DONE and not self.is_beyond_knowing(fault):
            self.assertEqual(self.expected, scene.outcome(usable), f"{spoiled}is not what was wanted")
        scene.configure()
        run = scene.sync()
        self.assertEqual(DONE, run.status, f"{spoiled}the next run: {run.err}")

    def is_beyond_knowing(self, fault):
        """A list of images is all that tells which there are, and nothing but TLS tells that it is whole."""
        listing = self.proxy.spoiled and "/v2/images?" in self.proxy.spoiled.target
        return fault is fault_proxy.altered_answer and listing

    def assert_in_place(self, scene):
        images = scene.all_images()
        self.assertEqual(([], []), (orphans(images), duplicates(images)))
        self.assertEqual([], scene.violations())
        self.assertEqual(self.expected, scene.outcome())

    # --- tests ------------------------------------------------------------------------------------

    def test_an_undisturbed_run(self):
        self.assertEqual(IMAGES, len(self.expected["images"]))
        self.assertEqual(set(SERVICES), {request.service for request in self.requests})
        judgement = judge(self.requests, self.promised)
        self.assertEqual(([], IMAGES), (judgement.exposures, judgement.images))

    def test_a_request_that_is_not_passed_on(self):
        self.try_all(fault_proxy.unsent)

    def test_a_request_that_ends_in_its_body(self):
        self.try_all(fault_proxy.half_sent)

    def test_an_answer_that_is_lost(self):
        self.try_all(fault_proxy.unanswered)

    def test_a_client_that_hears_no_more(self):
        self.try_all(fault_proxy.cut_off)

    def test_an_answer_that_ends_too_early(self):
        self.try_all(fault_proxy.half_answered)

    def test_a_request_that_is_passed_on_too_late(self):
        self.try_all(fault_proxy.late)

    def test_a_request_that_is_altered(self):
        self.try_all(fault_proxy.altered_request)

    def test_a_trial_of_the_visibility_that_is_altered(self):
        """The member that it names is another one then, and Glance takes any."""
        changes = [at + 1 for at, request in enumerate(self.requests) if request.method == "PATCH"]
        self.try_all(fault_proxy.altered_request, changes[:2])

    def test_an_answer_that_is_altered(self):
        self.try_all(fault_proxy.altered_answer)

    def test_a_request_that_comes_twice(self):
        self.try_all(fault_proxy.repeated)


class LaterSync(FirstSync):
    """Four newer images take the place of four that are there and published."""

    stride = 61

    @classmethod
    def begin(cls):
        scene = super().begin()
        scene.configure(filters=[f"version_name={OLD}"])
        run = scene.sync()
        if run.status != DONE:
            raise AssertionError(run.err)
        scene.configure()
        cls.proxy.take_exchanges()
        return scene

    test_a_trial_of_the_visibility_that_is_altered = None

    def test_an_undisturbed_run(self):
        super().test_an_undisturbed_run()
        self.assertEqual(IMAGES, [request.method for request in self.requests].count("DELETE"))
        self.assertEqual({NEW}, {image["version_name"] for image in self.expected["images"]})


if __name__ == "__main__":
    unittest.main()
