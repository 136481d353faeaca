#!/usr/bin/python3
"""The streams that our tests are made of are what they claim to be."""

import datetime
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from stream_tree import SigningKey, StreamTree, digest_tags, write_random, write_sparse

MAKE_STREAM = Path(__file__).resolve().parents[1] / "support/make-stream"
PRODUCTS = "streams/v1/com.ubuntu.cloud:released:download"


def agents(home):
    """How many GnuPG agents serve `home`."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        named = (Path(os.fsdecode(argument)).resolve() for argument in command[1:])
        count += command[0].endswith(b"gpg-agent") and home.resolve() in named
    return count


class MakeStream(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        # Longer than the path of a socket may be.
        self.work = Path(scratch.name, "n" * 120)
        self.work.mkdir()
        self.root = self.work / "tree"

    def make(self, *arguments):
        subprocess.run([MAKE_STREAM, *map(str, arguments)], check=True)

    def verified(self, path):
        """The text of a signed document, as gpgv gives it out."""
        command = ["gpgv", "--quiet", "--keyring", self.work / "keyring.gpg", "--output", "-", self.root / path]
        done = subprocess.run(command, capture_output=True, check=True)
        return json.loads(done.stdout)

    def test_a_client_finds_every_item(self):
        self.make(
            "create", self.root, "--releases", "bionic,focal", "--arches", "amd64,arm64",
            "--serials", "1,2", "--item", "disk1.img", "--item", "root.tar.xz=1K", "--item", "manifest=1K",
        )  # fmt: skip
        entry = self.verified("streams/v1/index.sjson")["index"]["com.ubuntu.cloud:released:download"]
        products = self.verified(entry["path"])["products"]
        self.assertEqual(entry["products"], sorted(products))
        items = [
            item
            for product in products.values()
            for version in product["versions"].values()
            for item in version["items"].values()
        ]
        self.assertEqual(len(items), 2 * 2 * 2 * 3)
        self.assertEqual(len({item["sha256"] for item in items}), len(items))
        for item in items:
            self.assertEqual(digest_tags(self.root / item["path"]).items() - item.items(), set())
        image = next(item for item in items if item["ftype"] == "disk1.img")
        told = subprocess.run(
            ["qemu-img", "info", "--output=json", self.root / image["path"]], capture_output=True, check=True
        )
        self.assertEqual(json.loads(told.stdout)["format"], "qcow2")

    def test_unsigned_index_names_unsigned_documents(self):
        self.make("create", self.root, "--unsigned")
        index = json.loads((self.root / "streams/v1/index.json").read_bytes())
        self.assertEqual([entry["path"] for entry in index["index"].values()], [PRODUCTS + ".json"])
        self.assertEqual(list(self.root.rglob("*.sjson")), [])

    def test_sign_after_changes_by_hand(self):
        self.make("create", self.root)
        path = self.root / (PRODUCTS + ".json")
        path.write_text(path.read_text().replace('"release": "focal"', '"release": "fossil"'))
        self.make("sign", self.root)
        product = self.verified(PRODUCTS + ".sjson")["products"]["com.ubuntu.cloud:server:20.04:amd64"]
        self.assertEqual(product["release"], "fossil")

    def test_streams_share_a_tree_and_trees_share_a_key(self):
        self.make("create", self.root)
        keyring = (self.work / "keyring.gpg").read_bytes()
        self.make("create", self.root, "--streams", "daily")
        self.make("create", self.work / "other")
        self.assertEqual((self.work / "keyring.gpg").read_bytes(), keyring)
        self.assertEqual(len(self.verified("streams/v1/index.sjson")["index"]), 2)

    def test_no_agent_is_left(self):
        home = self.work / "gnupg"
        with SigningKey(home) as key:
            key.clearsign(b"text")
            self.assertEqual(agents(home), 1)
        self.assertEqual(agents(home), 0)


class Changes(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.tree = StreamTree(scratch.name)
        self.product = self.tree.add_version("focal", "amd64", "1", {"disk1.img": 4096})
        self.tree.add_version("focal", "amd64", "2", {"disk1.img": 4096})

    def updated(self):
        return json.loads((self.tree.root / "streams/v1/index.json").read_bytes())["updated"]

    def test_removed_versions_take_their_files_along(self):
        gone = self.tree.file(self.product, "1", "disk1.img")
        self.tree.remove_version(self.product, "1")
        self.assertFalse(gone.exists())
        self.assertTrue(self.tree.file(self.product, "2", "disk1.img").exists())
        self.tree.remove_version(self.product, "2")
        self.assertEqual([d["products"] for d in self.tree.documents.values()], [{}])

    def test_corruption_keeps_the_size(self):
        promised = dict(self.tree.item(self.product, "1", "disk1.img"))
        self.tree.corrupt(self.product, "1", "disk1.img")
        held = digest_tags(self.tree.file(self.product, "1", "disk1.img"))
        self.assertEqual(held["size"], promised["size"])
        self.assertNotEqual(held["sha256"], promised["sha256"])

    def test_every_write_is_newer_unless_told_otherwise(self):
        self.tree.write()
        first = self.updated()
        self.tree.write()
        self.assertNotEqual(self.updated(), first)
        again = StreamTree(self.tree.root)
        again.write()
        self.assertNotEqual(self.updated(), first)
        again.write(datetime.datetime(2001, 2, 3, tzinfo=datetime.timezone.utc))
        self.assertEqual(self.updated(), "Sat, 03 Feb 2001 00:00:00 +0000")

    def test_plain_bytes_have_the_size_asked_for(self):
        for writer in (write_random, write_sparse):
            self.tree.add_version("jammy", "amd64", "1", {"disk1.img": 3_000_001}, writer=writer)
            item = self.tree.item("com.ubuntu.cloud:server:22.04:amd64", "1", "disk1.img")
            self.assertEqual(item["size"], 3_000_001)


if __name__ == "__main__":
    unittest.main()
