#!/usr/bin/python3
"""End to end: signed streams over HTTP, the real services, and what users of the cloud then see.

$STREAMSYNC is the binary, OS_* an administrator of a test cloud on loopback.
"""

import contextlib
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import juju_lookup  # noqa: E402
from cloud_log import CloudLog  # noqa: E402
from stream_tree import product_name  # noqa: E402
from sync_scene import NEW, NEWEST, OLD, STREAMS, Scene, Source, all_products, created, md5, removed  # noqa: E402

DONE, SOME_FAILED, REFUSED = 0, 1, 3

# The names of cli.md, 6, in the order of the plan.
EIGHT_NAMES = [
    "ubuntu-bionic-18.04-amd64-server-20210720-disk1.img",
    "ubuntu-bionic-18.04-arm64-server-20210720-disk1.img",
    "ubuntu-focal-20.04-amd64-server-20210720-disk1.img",
    "ubuntu-focal-20.04-arm64-server-20210720-disk1.img",
    "ubuntu-bionic-daily-amd64-server-20210720-disk1.img",
    "ubuntu-bionic-daily-arm64-server-20210720-disk1.img",
    "ubuntu-focal-daily-amd64-server-20210720-disk1.img",
    "ubuntu-focal-daily-arm64-server-20210720-disk1.img",
]


class SyncTest(unittest.TestCase):
    def setUp(self):
        work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = self.enterContext(Source(work))
        self.source.add_all(OLD, NEW)
        self.source.write()
        self.scene = self.new_scene(work)
        self.addCleanup(self.scene.clean_up)

    def new_scene(self, work):
        return Scene(work, self.source)

    def sync(self, status=DONE):
        run = self.scene.sync()
        self.assertEqual(status, run.status, f"{run.out}\n{run.err}")
        if status != DONE:
            self.assertTrue(run.last_words().strip(), "a failure ends with a line that says what is wrong")
        return run

    def add_newest(self, stream, release, arch):
        """Adds a version to the source; gives the product's name."""
        tree = self.source.trees[stream]
        name = tree.add_version(release, arch, NEWEST, {"disk1.img": 65536}, stream)
        tree.write()
        return name

    def assert_consistent(self, failed=()):
        """Each image is active, seen by all and alone at its address; the metadata names what is there.

        Of an upload that failed, at (product, NEWEST), a record that nobody sees may wait for the next run.
        """
        images = self.scene.images()
        self.assertEqual(
            len(images), len(self.scene.images_by_name()), "one image an address, with properties"
        )
        for address, image in images.items():
            seen = (image["status"], image["visibility"], image["os_hidden"])
            if address[0] in failed and address[1] == NEWEST:
                self.assertEqual(("queued", "private", True), seen, image)
            else:
                self.assertEqual(("active", "public", False), seen, image)
        self.assertEqual([], self.scene.violations())

    def assert_juju_finds(self, serial_of):
        """Juju finds the image of that serial for each product, and nothing else."""
        images = self.scene.images()
        for product, serial in serial_of.items():
            result = juju_lookup.lookup(
                self.scene.root, self.scene.cloud.region, self.scene.cloud.auth_url, [product]
            )
            self.assertEqual((None, ""), (result.step, result.problem), product)
            self.assertEqual([images[product, serial, "disk1.img"]["id"]], result.image_ids, product)


class OperatorsExample(SyncTest):
    """The published guide's task from the first sync on, published where `use_swift` puts it."""

    def new_scene(self, work):
        scene = Scene(work, self.source, container="simplestreams", prefix="data")
        scene.clean_up()
        return scene

    def test_first_sync_then_nothing_to_do_then_a_new_version(self):
        self.first_sync()
        self.nothing_to_do()
        self.new_version()

    def first_sync(self):
        run = self.sync()
        names = [self.scene.name_prefix + name for name in EIGHT_NAMES]
        self.assertEqual(names, [name for _, name in created(run)], run.out)
        self.assertEqual(8, len(run.lines()), "nothing but created lines")
        images = self.scene.images()
        self.assertEqual(created(run), [
            (images[product, NEW, "disk1.img"]["id"], images[product, NEW, "disk1.img"]["name"])
            for _, product in all_products()
        ])  # fmt: skip
        for stream, product in all_products():
            with self.subTest(product):
                self.assert_image_as_in_source(images[product, NEW, "disk1.img"], stream, product)
        self.assert_consistent()
        published = self.scene.published_items()
        self.assertEqual(set(images), set(published))
        self.assertEqual(
            {a: image["id"] for a, image in images.items()}, {a: item["id"] for a, item in published.items()}
        )
        self.assert_juju_finds({product: NEW for _, product in all_products()})

    def assert_image_as_in_source(self, image, stream, product):
        data = self.source.bytes_of(stream, product, NEW)
        self.assertEqual(data, self.scene.cloud.image_data(image["id"]))
        self.assertEqual((md5(data), len(data)), (image["checksum"], image["size"]))
        tree = self.source.trees[stream]
        arch = {"amd64": "x86_64", "arm64": "aarch64"}[tree.product(product)["arch"]]
        expected = {
            "disk_format": "qcow2",
            "container_format": "bare",
            "visibility": "public",
            "content_id": self.scene.content_id,
            "source_content_id": f"com.ubuntu.cloud:{stream}:download",
            "product_name": product,
            "version_name": NEW,
            "item_name": "disk1.img",
            "os_distro": "ubuntu",
            "os_version": tree.product(product)["version"],
            "architecture": arch,
        }
        self.assertEqual(expected, {key: image.get(key) for key in expected})

    def nothing_to_do(self):
        before = self.scene.images()
        self.source.server.take_requests()
        log = CloudLog.of_environment(self.scene.cloud)
        with log or contextlib.nullcontext():
            run = self.sync()
        self.assertEqual("", run.out)
        documents = [
            f"/{stream}/streams/v1/{name}.sjson"
            for stream in STREAMS
            for name in ("index", f"com.ubuntu.cloud:{stream}:download")
        ]
        asked = self.source.server.take_requests()
        self.assertEqual(sorted(documents), sorted(request.path for request in asked))
        self.assertEqual(
            {304}, {request.status for request in asked}, "each document is asked for conditionally"
        )
        self.assertEqual(before, self.scene.images())
        if log is None:
            print("skipped: the requests of an idle run (CLOUD_DIR names no test cloud with logs)")
        else:
            self.assert_idle(log)

    def assert_idle(self, log):
        images, objects = log.requests("glance"), log.requests("swift-proxy")
        tokens = [path for method, path, _ in log.requests("keystone") if method == "POST"]
        self.assertEqual(
            {"GET"}, {method for method, _, _ in (*images, *objects)}, "an idle run writes nothing"
        )
        self.assertLessEqual(len(tokens), 1, tokens)
        self.assertLessEqual(len(images), 2, images)
        self.assertLessEqual(len(objects), 2, objects)
        self.assertEqual({304}, {status for _, _, status in objects}, objects)

    def new_version(self):
        before = self.scene.images()
        product = self.add_newest("released", "focal", "amd64")
        run = self.sync()
        old, name = (
            before[product, NEW, "disk1.img"]["id"],
            self.scene.name_prefix + "ubuntu-focal-20.04-amd64-server-",
        )
        now = self.scene.images()
        new = now[product, NEWEST, "disk1.img"]["id"]
        self.assertEqual(
            [f"created {new}: {name}{NEWEST}-disk1.img", f"removing {old}: {name}{NEW}-disk1.img"],
            run.lines(),
        )
        self.assertNotIn((product, NEW, "disk1.img"), now)
        self.assertEqual(
            {address: image["id"] for address, image in before.items() if address[0] != product},
            {address: image["id"] for address, image in now.items() if address[0] != product},
        )
        self.assert_consistent()
        self.assertNotIn(old, {item["id"] for item in self.scene.published_items().values()})
        self.assert_juju_finds({p: NEWEST if p == product else NEW for _, p in all_products()})


class Selections(SyncTest):
    def test_of_images_of_one_kind_one_is_published(self):
        tree = self.source.trees["released"]
        product = product_name("bionic", "amd64")
        tree.add_item(product, NEW, "uefi1.img", "server/releases/bionic/uefi1.img", ftype="uefi1.img")
        tree.write()
        self.assertEqual(9, len(created(self.sync())))
        self.assertIn((product, NEW, "uefi1.img"), self.scene.images())
        published = set(self.scene.published_items())
        self.assertEqual({(name, NEW, "disk1.img") for _, name in all_products()}, published)
        self.assert_consistent()
        self.assertEqual("", self.sync().out)

    def test_images_that_upstream_uploaded_are_recognised(self):
        theirs = {
            self.scene.upload_as_upstream(stream, product_name(release, arch, stream), NEW)["id"]
            for stream, release, arch in (("released", "bionic", "arm64"), ("daily", "focal", "amd64"))
        }
        run = self.sync()
        self.assertEqual(6, len(created(run)), run.out)
        self.assertEqual([], removed(run))
        self.assertTrue(theirs <= {image["id"] for image in self.scene.images().values()})
        self.assertTrue(theirs <= {item["id"] for item in self.scene.published_items().values()})
        self.assert_consistent()
        self.assert_juju_finds({product: NEW for _, product in all_products()})
        self.assertEqual("", self.sync().out)

    def test_old_images_that_upstream_uploaded_are_superseded(self):
        product = product_name("focal", "amd64")
        old = self.scene.upload_as_upstream("released", product, OLD)
        run = self.sync()
        self.assertEqual(8, len(created(run)), run.out)
        self.assertEqual([(old["id"], old["name"])], removed(run))
        self.assert_consistent()

    def test_images_of_others_are_left_alone(self):
        product = product_name("focal", "amd64")
        foreign = self.scene.cloud.create_image(
            b"foreign",
            name="foreign",
            disk_format="raw",
            container_format="bare",
            visibility="private",
            content_id=self.scene.content_id + ".other",
            product_name=product,
            version_name=OLD,
            item_name="disk1.img",
        )
        self.addCleanup(self.scene.cloud.delete_image, foreign["id"])
        self.sync()
        self.assertEqual(foreign, self.scene.cloud.image(foreign["id"]))


class Failures(SyncTest):
    """Something is wrong with one part of the source after a good first sync."""

    def setUp(self):
        super().setUp()
        self.sync()

    def assert_unchanged_but_for(self, *products, failed=()):
        self.assert_consistent(failed)
        serial_of = {name: NEWEST if name in products else NEW for _, name in all_products()}
        published = {address[0]: address[1] for address in self.scene.published_items()}
        self.assertEqual(serial_of, published)
        active = [address for address, image in self.scene.images().items() if image["status"] == "active"]
        self.assertEqual(sorted((*pair, "disk1.img") for pair in serial_of.items()), sorted(active))
        self.assert_juju_finds(serial_of)

    def assert_names(self, run, stream, product):
        """The last line says where it failed: by the item's path, or by the image's name."""
        tree = self.source.trees[stream]
        names = (
            tree.item(product, NEWEST, "disk1.img")["path"],
            f"{tree.version(product, NEWEST)['pubname']}-disk1.img",
        )
        self.assertTrue(any(name in run.last_words() for name in names), f"{names} in: {run.last_words()}")

    def test_a_corrupt_item_fails_alone(self):
        corrupt = self.add_newest("released", "bionic", "amd64")
        good = self.add_newest("released", "focal", "arm64")
        self.source.trees["released"].corrupt(corrupt, NEWEST, "disk1.img")
        run = self.sync(SOME_FAILED)
        self.assertEqual((1, 1), (len(created(run)), len(removed(run))), run.out)
        self.assert_unchanged_but_for(good, failed=[corrupt])
        self.assert_names(run, "released", corrupt)

    def test_a_corrupt_item_that_is_withdrawn_leaves_nothing_behind(self):
        corrupt = self.add_newest("released", "bionic", "amd64")
        tree = self.source.trees["released"]
        tree.corrupt(corrupt, NEWEST, "disk1.img")
        self.sync(SOME_FAILED)
        tree.remove_version(corrupt, NEWEST)
        tree.write()
        self.sync()
        self.assert_unchanged_but_for()

    def test_a_short_item_fails_alone(self):
        short = self.add_newest("daily", "bionic", "amd64")
        self.source.trees["daily"].truncate(short, NEWEST, "disk1.img", 1000)
        good = self.add_newest("released", "focal", "arm64")
        run = self.sync(SOME_FAILED)
        self.assert_names(run, "daily", short)
        self.assert_unchanged_but_for(good, failed=[short])

    def test_a_missing_item_fails_alone_and_is_made_up_for(self):
        missing = self.add_newest("released", "focal", "amd64")
        path = self.source.trees["released"].file(missing, NEWEST, "disk1.img")
        hidden = path.rename(path.with_suffix(".hidden"))
        run = self.sync(SOME_FAILED)
        self.assert_names(run, "released", missing)
        self.assert_unchanged_but_for(failed=[missing])
        hidden.rename(path)
        run = self.sync()
        self.assertEqual((1, 1), (len(created(run)), len(removed(run))), run.out)
        self.assert_unchanged_but_for(missing)

    def test_a_bad_signature_refuses_its_entry_and_no_other(self):
        self.add_newest("released", "bionic", "amd64")
        good = self.add_newest("daily", "focal", "arm64")
        self.forge("released", "com.ubuntu.cloud:released:download.sjson")
        run = self.sync(REFUSED)
        self.assertEqual((1, 1), (len(created(run)), len(removed(run))), run.out)
        self.assert_unchanged_but_for(good)

    def test_a_bad_signature_of_the_index_and_nothing_more_is_asked_of_that_root(self):
        self.add_newest("daily", "bionic", "amd64")
        good = self.add_newest("released", "focal", "arm64")
        self.forge("daily", "index.sjson")
        self.source.server.take_requests()
        self.sync(REFUSED)
        asked = [path for path in self.source.server.paths() if path.startswith("/daily/")]
        self.assertEqual(["/daily/streams/v1/index.sjson"], asked)
        self.assert_unchanged_but_for(good)

    def forge(self, stream, document):
        path = self.source.trees[stream].root / "streams/v1" / document
        message = path.read_bytes()
        path.write_bytes(message.replace(b'"updated"', b'"Updated"'))


if __name__ == "__main__":
    unittest.main()
