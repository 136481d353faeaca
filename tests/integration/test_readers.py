#!/usr/bin/python3
"""Readers of a mirrored tree behind nginx with TLS see a whole, true stream at every moment: while it is
replaced, when the run that replaces it is killed, and after that.

$STREAMSYNC is the binary. $STREAMSYNC_FAULT_POINTS=all: 200 publications instead of some.
"""

import contextlib
import os
import random
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import nginx_server  # noqa: E402
import syscall_faults  # noqa: E402
from certificates import Certificates  # noqa: E402
from invariants import read_generation  # noqa: E402
from stream_tree import product_name  # noqa: E402
from syscall_faults import Fault  # noqa: E402
from tree_case import INDEX, NEW, PRODUCTS, TreeCase, entry  # noqa: E402
from tree_readers import ReadFailed, Readers, TreeReader  # noqa: E402

PUBLICATIONS = 200 if os.environ.get("STREAMSYNC_FAULT_POINTS") == "all" else 20
SEED = 20261121
READERS = 4
DONE, KILLED = 0, -9
# Who has read the products a moment ago may still come for what they named.
SUPERSEDED_STAY = {"mirrors": {"max": 1}, "top": {"grace": "2h"}}


@unittest.skipIf(nginx_server.why_not(), nginx_server.why_not())
class ReaderCase(TreeCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificates = Certificates(Path(cls.scratch.name, "certificates"))

    def served_to_readers(self, root):
        server = self.enterContext(nginx_server.NginxServer(root, self.certificates.server))
        return lambda: TreeReader(server.url, self.certificates.ca, self.keyring)


@unittest.skipIf(syscall_faults.why_not(), syscall_faults.why_not())
class WhileItIsReplaced(ReaderCase):
    def setUp(self):
        super().setUp()
        self.server = self.enterContext(self.served())
        self.random = random.Random(SEED)
        self.serials = (f"2022{number:04}" for number in range(1, 10000))
        self.killed = 0

    def command(self):
        config = self.configure(entry(self.server.url, **SUPERSEDED_STAY["mirrors"]), **SUPERSEDED_STAY["top"])
        return "sync", "-c", config

    def serve_another_generation(self):
        """The source has a new version of one of its products or of both, and none of the oldest."""
        for release in self.random.choice((["bionic"], ["focal"], ["bionic", "focal"])):
            product = product_name(release, "amd64")
            self.stream.remove_version(product, min(self.stream.product(product)["versions"]))
            self.add(self.stream, release, next(self.serials))
        self.stream.write()

    def publish(self):
        run = self.program.run(*self.command())
        self.assertEqual(DONE, run.status, run.err)

    def publish_killed_somewhere(self, calls):
        """`calls` is how many there are by which an undisturbed run changes files."""
        run, _ = self.program.run_with_fault(Fault(self.random.randint(1, calls)), *self.command())
        self.assertIn(run.status, (KILLED, DONE), run.err)
        self.killed += run.status == KILLED

    def test_four_readers_see_no_error(self):
        self.publish()
        make = self.served_to_readers(self.target)
        with Readers(READERS, make) as readers:
            self.serve_another_generation()
            run, calls = self.program.run_with_fault(Fault(), *self.command())
            self.assertEqual(DONE, run.status, run.err)
            published = 1
            while published < PUBLICATIONS and not readers.problems:
                self.serve_another_generation()
                if self.random.random() < 0.8:
                    self.publish_killed_somewhere(len(calls))
                # Sometimes the source has moved on before the next run.
                if published + 1 == PUBLICATIONS or self.random.random() < 0.8:
                    self.publish()
                    published += 1
            self.assertEqual([], readers.problems)
            newest = read_generation(self.stream.root)
            with contextlib.closing(make()) as reader:
                readers.wait_for(reader.read())
        print(
            f"{published} publications, {self.killed} kills, {readers.passes} passes of {READERS} readers "
            f"who met {readers.generations()} generations, {len(readers.problems)} errors",
            flush=True,
        )
        self.assertEqual([], readers.problems)
        self.assertGreater(self.killed, PUBLICATIONS // 3)
        self.assertGreater(min(readers.generations()), PUBLICATIONS // 3)
        self.assert_holds(newest)


class WhatIsWrong(ReaderCase):
    """That readers would see it."""

    def setUp(self):
        super().setUp()
        self.reader = self.served_to_readers(self.stream.root)()
        self.addCleanup(self.reader.close)
        self.reader.read()
        self.item = self.stream.root / self.path("focal", NEW)

    def assert_seen(self, *words):
        with self.assertRaises(ReadFailed) as seen:
            self.reader.read()
        for word in words:
            self.assertIn(word, str(seen.exception))

    def test_an_item_that_is_gone(self):
        self.item.unlink()
        self.assert_seen(self.item.name, "404")

    def test_an_item_that_is_short(self):
        os.truncate(self.item, 100)
        self.assert_seen(self.item.name, "100 bytes of")

    def test_an_item_of_other_bytes(self):
        self.item.write_bytes(bytes(self.item.stat().st_size))
        self.assert_seen(self.item.name, "other bytes")

    def test_a_document_that_was_changed(self):
        document = self.stream.root / PRODUCTS
        document.write_bytes(document.read_bytes().replace(b"bionic", b"BIONIC"))
        self.assert_seen(PRODUCTS, "BAD signature")

    def test_an_index_ahead_of_its_products(self):
        before = (self.stream.root / PRODUCTS).read_bytes()
        self.stream.write()
        (self.stream.root / PRODUCTS).write_bytes(before)
        self.assert_seen(PRODUCTS, "older")

    def test_a_stream_that_leads_to_nothing(self):
        for document in self.stream.documents.values():
            for product in document["products"].values():
                product["versions"].clear()
        self.stream.write()
        self.assert_seen(PRODUCTS, "no versions")
        for document in self.stream.documents.values():
            document["products"].clear()
        self.stream.write()
        self.assert_seen(PRODUCTS, "no products")
        self.stream.documents.clear()
        self.stream.write()
        self.assert_seen(INDEX, "no index")

    def test_an_index_that_is_gone(self):
        (self.stream.root / INDEX).unlink()
        self.assert_seen(INDEX, "404")


if __name__ == "__main__":
    unittest.main()
