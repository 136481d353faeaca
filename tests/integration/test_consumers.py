#!/usr/bin/python3
"""Trees for LXD, Incus and MAAS, mirrored with `images: PATH` and read behind nginx with TLS: by clients of ours
that follow the rules of theirs, and by lxc and incus themselves where they are installed.

$STREAMSYNC is the binary.
"""

import json
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import nginx_server  # noqa: E402
from certificates import Certificates  # noqa: E402
from consumer_trees import COMBINED, LxdTree, MaasTree  # noqa: E402
from lxd_client import CONTAINER, INCUS, LXD, VIRTUAL_MACHINE, LxdClient  # noqa: E402
from lxd_client import Refused as LxdRefused  # noqa: E402
from maas_client import MaasClient  # noqa: E402
from maas_client import Refused as MaasRefused  # noqa: E402
from stream_tree import write_random  # noqa: E402
from tree_case import TreeCase, differences, snapshot  # noqa: E402
from tree_server import TreeServer  # noqa: E402

DONE, TARGET = 0, 5
SIGNED, UNSIGNED = "streams/v1/index.sjson", "streams/v1/index.json"
SERIALS = ("20240101_0742", "20240102_0742")
NEXT = "20240103_0742"
RELEASES = ("jammy", "noble")


@unittest.skipIf(nginx_server.why_not(), nginx_server.why_not())
class ConsumerCase(TreeCase):
    """The source has TLS and a CA of its own, too."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificates = Certificates(Path(cls.scratch.name, "certificates"))

    def make_stream(self, name):
        return None

    def source_of(self, tree):
        return self.enterContext(TreeServer(tree.root, certificate=self.certificates.server))

    def entry_of(self, server, **keys):
        entry = {"url": server.url, "path": UNSIGNED, "ca_file": str(self.certificates.ca), **keys}
        return {"allow_unsigned": True, **entry} if entry["path"] == UNSIGNED else entry

    def mirror(self, server, status=DONE, **keys):
        run = self.sync(self.entry_of(server, **keys))
        self.assertEqual(status, run.status, f"{run.out}{run.err}")
        return run

    def published(self, root=None):
        return self.enterContext(nginx_server.NginxServer(root or self.target, self.certificates.server)).url

    def make_lxd(self, name="lxd"):
        tree = LxdTree(self.work / name)
        for release in RELEASES:
            for serial in SERIALS:
                tree.add_version(release, "amd64", serial)
        tree.write()
        return tree

    def make_maas(self, name="maas"):
        tree = MaasTree(self.work / name, self.key)
        for serial in SERIALS:
            tree.add_version("jammy", "amd64", serial)
        tree.write()
        return tree


class Lxd(ConsumerCase):
    def setUp(self):
        super().setUp()
        self.tree = self.make_lxd()
        self.source = self.source_of(self.tree)

    def client(self, url, meta=LXD):
        return LxdClient(url, self.certificates.ca, meta)

    def test_both_find_every_image_and_get_it(self):
        self.mirror(self.source)
        url = self.published()
        for meta in (LXD, INCUS):
            client = self.client(url, meta)
            images = client.images()
            self.assertEqual(len(RELEASES) * len(SERIALS) * len(COMBINED), len(images))
            self.assertEqual({CONTAINER, VIRTUAL_MACHINE}, {image.kind for image in images})
            named = {alias: image.version for image in images for alias in image.aliases}
            self.assertEqual({f"ubuntu/{release}": SERIALS[-1] for release in RELEASES}.items() - named.items(), set())
            for image in images:
                client.export(image)
            self.assertEqual(len(RELEASES), len(client.deltas()))

    def test_it_is_told_that_multipass_needs_whole_versions(self):
        told = f"item_filters leave items out of 2 versions (one is ubuntu:jammy:amd64:default {SERIALS[-1]})"
        filters = ["ftype~(lxd.tar.xz|squashfs)$"]
        config = self.configure(self.entry_of(self.source, name="lxd", max=1, item_filters=filters))
        for command in ("plan", "sync"):
            run = self.program.run(command, "-c", config, "--output", "json")
            self.assertEqual(DONE, run.status, run.err)
            self.assertEqual(1, run.err.count("Multipass"), run.err)
            self.assertIn(f"warning: lxd: {told}", run.err)
            (warning,) = json.loads(run.out)["mirrors"][0]["warnings"]
            self.assertIn(told, warning)
        whole = self.mirror(self.source, max=1, item_filters=["release=jammy"])
        self.assertNotIn("Multipass", whole.err)

    def test_the_newest_alone_when_no_more_is_wanted(self):
        """The documents are the source's, so they go on naming the others."""
        self.mirror(self.source, max=1)
        client = self.client(self.published())
        self.assert_exported(client, SERIALS[-1], SERIALS[:-1])
        for release in RELEASES:
            self.tree.add_version(release, "amd64", NEXT)
        self.tree.write()
        self.mirror(self.source, max=1)
        self.assert_exported(client, NEXT, SERIALS)

    def assert_exported(self, client, there, gone):
        images = client.images()
        self.assertEqual({there, *gone}, {image.version for image in images})
        for image in images:
            if image.version == there:
                client.export(image)
            else:
                self.assertRaisesRegex(LxdRefused, "404", client.export, image)

    def test_what_they_would_stumble_over_is_seen(self):
        self.mirror(self.source)
        client = self.client(self.published())
        path = self.target / "streams/v1/images.json"
        product = LxdTree.product_name("jammy", "amd64")
        for words, change in (
            ("supported", lambda document: document["products"][product].update(supported="true")),
            ("size", lambda document: self.one_item(document, product).update(size="20000")),
        ):
            original = path.read_bytes()
            document = json.loads(original)
            change(document)
            path.write_text(json.dumps(document), encoding="utf-8")
            self.assertRaisesRegex(LxdRefused, words, client.images)
            path.write_bytes(original)
        image = client.images()[0]
        (self.target / image.files[1][0]).write_bytes(bytes(image.files[1][1]))
        self.assertRaisesRegex(LxdRefused, "other bytes", client.export, image)
        self.assertRaisesRegex(LxdRefused, "https", LxdClient, "http://localhost/", None)

    @staticmethod
    def one_item(document, product):
        return next(iter(document["products"][product]["versions"][SERIALS[0]]["items"].values()))


class RealClient:
    """lxc or incus: its own listing of a mirrored tree, and the export of a container and of a virtual machine."""

    def setUp(self):
        super().setUp()
        if not shutil.which(self.program_name):
            self.skipTest(f"{self.program_name} is not installed")

    def client_says(self, *arguments):
        home = self.work / "client"
        home.mkdir(exist_ok=True)
        own = {"HOME": home, "XDG_CACHE_HOME": home, self.configuration: home}
        environment = {**os.environ, "SSL_CERT_FILE": self.certificates.ca, **own}
        for name in list(environment):
            if name.lower().endswith("_proxy"):
                del environment[name]
        done = subprocess.run(
            [self.program_name, *map(str, arguments)],
            env={key: str(value) for key, value in environment.items()},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.assertEqual(0, done.returncode, f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def test_it_lists_and_exports(self):
        self.mirror(self.source_of(self.make_lxd()))
        url = self.published()
        ours = LxdClient(url, self.certificates.ca, self.meta)
        expected = {image.fingerprint: image for image in ours.images()}
        self.client_says("remote", "add", "mirror", url, "--protocol=simplestreams")
        listed = json.loads(self.client_says("image", "list", "mirror:", "--format=json"))
        self.assertEqual(set(expected), {image["fingerprint"] for image in listed})
        self.assertEqual(
            {image.fingerprint: image.kind for image in expected.values()},
            {image["fingerprint"]: image["type"] for image in listed},
        )
        for kind, options in ((CONTAINER, ()), (VIRTUAL_MACHINE, ("--vm",))):
            image = next(image for image in expected.values() if image.kind == kind)
            out = self.work / kind
            out.mkdir()
            # It verifies what it exports.
            self.client_says("image", "export", *options, f"mirror:{image.fingerprint}", f"{out}/")
            self.assertEqual(
                sorted(ours.export(image)), sorted(path.read_bytes() for path in out.iterdir()), list(out.iterdir())
            )


class Lxc(RealClient, ConsumerCase):
    program_name, configuration, meta = "lxc", "LXD_CONF", LXD


class Incus(RealClient, ConsumerCase):
    program_name, configuration, meta = "incus", "INCUS_CONF", INCUS


class Maas(ConsumerCase):
    def setUp(self):
        super().setUp()
        self.tree = self.make_maas()
        self.source = self.source_of(self.tree)

    def client(self):
        return MaasClient(self.published(), self.certificates.ca, self.keyring)

    def test_every_document_fits_and_every_item_comes(self):
        self.mirror(self.source, path=SIGNED)
        client = self.client()
        self.assert_fetched(client, SERIALS[-1])
        self.tree.add_version("jammy", "amd64", NEXT)
        self.tree.write()
        self.mirror(self.source, path=SIGNED)
        self.assert_fetched(client, NEXT)

    def test_the_newest_alone_when_no_more_is_wanted(self):
        self.mirror(self.source, path=SIGNED, max=1)
        self.assert_fetched(self.client(), SERIALS[-1])

    def assert_fetched(self, client, serial):
        expected = {
            item["path"]: (self.tree.root / item["path"]).read_bytes()
            for document in self.tree.documents.values()
            for product in document["products"].values()
            for item in product["versions"][serial]["items"].values()
        }
        self.assertEqual(expected, client.files())

    def test_what_it_would_stumble_over_is_seen(self):
        product = next(iter(self.tree.documents[MaasTree.IMAGES]["products"]))
        about = self.tree.product(product)
        client = MaasClient(self.published(self.tree.root), self.certificates.ca, self.keyring)
        del about["label"]
        self.tree.write()
        self.assertRaisesRegex(MaasRefused, "no label", client.files)
        about["label"] = "stable"
        self.tree.add_item(product, SERIALS[0], "disk1.img", "disk1.img", 100, write_random)
        for ftype in ("boot-kernel", "root-tgz"):
            self.tree.version(product, SERIALS[0])["items"].pop(ftype, None)
        self.tree.write()
        self.assertRaisesRegex(MaasRefused, "no system", client.files)


class Families(ConsumerCase):
    """What one family reads breaks another one: a root belongs to the first that came."""

    def assert_refused(self, server, there, coming, **keys):
        before = snapshot(self.target)
        server.take_requests()
        run = self.mirror(server, TARGET, **keys)
        self.assertIn(f"for {there}", run.last_words())
        self.assertIn(f"is for {coming}", run.last_words())
        self.assertEqual([], differences(before, snapshot(self.target)))
        asked = [path for path in server.paths() if not path.startswith("/streams/")]
        self.assertEqual([], asked, "an item was asked for")

    def test_of_lxd_and_of_maas(self):
        lxd, maas = self.source_of(self.make_lxd()), self.source_of(self.make_maas())
        self.mirror(lxd)
        self.assert_refused(maas, "LXD and Incus", "MAAS", path=SIGNED)
        self.mirror(lxd)
        self.target = self.work / "another"
        self.mirror(maas, path=SIGNED)
        self.assert_refused(lxd, "MAAS", "LXD and Incus")
        self.mirror(maas, path=SIGNED)

    def test_of_a_root_that_has_metadata_for_juju(self):
        index = {"auto.sync": {"datatype": "image-ids", "path": "streams/v1/auto.sync.json"}}
        document = self.target / UNSIGNED
        document.parent.mkdir(parents=True)
        document.write_text(json.dumps({"format": "index:1.0", "index": index}), encoding="utf-8")
        self.assert_refused(self.source_of(self.make_lxd()), "OpenStack", "LXD and Incus")
        self.assert_refused(self.source_of(self.make_maas()), "OpenStack", "MAAS", path=SIGNED)

    def test_a_plan_says_so_too(self):
        self.mirror(self.source_of(self.make_lxd()))
        maas = self.source_of(self.make_maas())
        keys = {"path": SIGNED, "ca_file": str(self.certificates.ca)}
        run = self.program.run("plan", "-c", self.configure({"url": maas.url, **keys}))
        self.assertEqual(TARGET, run.status, run.err)
        self.assertIn("MAAS", run.last_words())

    def test_each_has_its_own_below_one_target(self):
        lxd, maas = self.source_of(self.make_lxd()), self.source_of(self.make_maas())
        ca = {"ca_file": str(self.certificates.ca)}
        run = self.sync(
            {"name": "lxd", "url": lxd.url, "path": UNSIGNED, "allow_unsigned": True, **ca},
            {"name": "maas", "url": maas.url, "path": SIGNED, **ca},
        )
        self.assertEqual(DONE, run.status, run.err)
        url = self.published()
        self.assertTrue(LxdClient(f"{url}lxd", self.certificates.ca).images())
        self.assertTrue(MaasClient(f"{url}maas", self.certificates.ca, self.keyring).files())


if __name__ == "__main__":
    unittest.main()
