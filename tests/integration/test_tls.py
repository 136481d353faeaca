"""Sources over TLS: whom a run trusts, by `ca_file` and `insecure`, and that each entry has its own trust."""

import json
import tempfile
import unittest
from pathlib import Path

from certificates import Certificates
from stream_tree import SigningKey, StreamTree, write_random
from streamsync_program import Program
from tree_server import TreeServer

DONE, NO_SOURCE = 0, 4


class TlsSources(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.ours, cls.theirs = Certificates(cls.work / "ours"), Certificates(cls.work / "theirs")
        cls.key = cls.enterClassContext(SigningKey(cls.work / "gnupg"))
        cls.keyring = cls.work / "keyring.gpg"
        cls.keyring.write_bytes(cls.key.public_key())
        cls.tree = StreamTree(cls.work / "stream", cls.key)
        cls.tree.add_version("focal", "amd64", "20210720", {"disk1.img": 20000}, writer=write_random)
        cls.tree.write()

    def setUp(self):
        work = Path(tempfile.mkdtemp(dir=self.work))
        self.target = work / "images"
        self.program = Program(work)
        self.config = work / "config.yaml"

    def served(self, certificate, **options):
        return self.enterContext(TreeServer(self.tree.root, certificate=certificate, **options))

    def entry(self, name, server, **keys):
        return {"name": name, "url": server.url, "path": "streams/v1/index.sjson", **keys}

    def sync(self, *entries, **keys):
        config = {"mirror_list": entries, "images": str(self.target), "keyring_path": str(self.keyring)}
        self.config.write_text(json.dumps({**config, **keys}), encoding="utf-8")
        return self.program.run("sync", "-c", self.config)

    def images(self):
        return list(self.target.rglob("*.img"))

    def assert_refused(self, run, *words):
        self.assertEqual(NO_SOURCE, run.status, run.err)
        for word in ("certificate", *words):
            self.assertIn(word, run.last_words())

    def test_a_private_ca_is_trusted_where_an_entry_names_it(self):
        server = self.served(self.ours.server)
        run = self.sync(self.entry("own", server, ca_file=str(self.ours.ca)))
        self.assertEqual((DONE, 1), (run.status, len(self.images())), run.err)
        self.assertNotIn("warning", run.err)

    def test_a_private_ca_may_stand_at_the_top(self):
        server = self.served(self.ours.server)
        run = self.sync(self.entry("own", server), ca_file=str(self.ours.ca))
        self.assertEqual((DONE, 1), (run.status, len(self.images())), run.err)

    def test_without_it_the_source_is_refused_and_the_way_out_is_named(self):
        server = self.served(self.ours.server)
        run = self.sync(self.entry("own", server))
        self.assert_refused(run, "own", server.url, "ca_file")
        self.assertEqual(([], []), (server.requests(), self.images()))

    def test_another_ca_does_not_do(self):
        server = self.served(self.ours.server)
        self.assert_refused(self.sync(self.entry("own", server, ca_file=str(self.theirs.ca))))
        self.assertEqual([], server.requests())

    def test_a_certificate_for_another_host_is_refused_and_no_ca_is_asked_for(self):
        server = self.served(self.ours.other_host)
        run = self.sync(self.entry("own", server, ca_file=str(self.ours.ca)))
        self.assert_refused(run, "127.0.0.1")
        self.assertNotIn("ca_file", run.last_words())
        self.assertEqual([], server.requests())

    def test_an_expired_certificate_is_refused(self):
        server = self.served(self.ours.expired)
        run = self.sync(self.entry("own", server, ca_file=str(self.ours.ca)))
        self.assert_refused(run, "expired")
        self.assertEqual([], server.requests())

    def test_tls_before_1_2_is_refused(self):
        server = self.served(self.ours.server, tls="1.1")
        run = self.sync(
            self.entry("own", server, ca_file=str(self.ours.ca)), retries={"attempts": 2, "max_wait": "1s"}
        )
        self.assertEqual(NO_SOURCE, run.status, run.err)
        self.assertEqual([], server.requests())

    def test_a_fallback_is_verified_too(self):
        other, good = self.served(self.ours.other_host), self.served(self.ours.server)
        mirrors = {"mirrors": [good.url], "ca_file": str(self.ours.ca)}
        self.assertEqual(DONE, self.sync(self.entry("own", other, **mirrors)).status)
        self.assertEqual([], other.requests())
        run = self.sync(self.entry("own", other, mirrors=[good.url], ca_file=str(self.theirs.ca)))
        self.assert_refused(run)

    def test_the_ca_of_one_entry_does_not_unlock_another(self):
        one, two = self.served(self.ours.server), self.served(self.theirs.server)
        first = self.entry("one", one, ca_file=str(self.ours.ca))
        run = self.sync(first, self.entry("two", two, ca_file=str(self.ours.ca)))
        self.assert_refused(run, "two")
        self.assertEqual((1, []), (len(self.images()), two.requests()))
        run = self.sync(first, self.entry("two", two, ca_file=str(self.theirs.ca)))
        self.assertEqual((DONE, 2), (run.status, len(self.images())), run.err)

    def test_insecure_is_said_in_every_run_and_holds_for_its_entry_alone(self):
        one, two = self.served(self.ours.expired), self.served(self.theirs.server)
        entries = [self.entry("one", one, insecure=True), self.entry("two", two)]
        for _ in range(2):
            run = self.sync(*entries)
            self.assert_refused(run, "two")
            warnings = [line for line in run.err.splitlines() if "not verified" in line]
            self.assertEqual(1, len(warnings), run.err)
            self.assertTrue(warnings[0].startswith("warning: one: "), warnings)
        self.assertEqual((1, []), (len(self.images()), two.requests()))

    def test_a_ca_file_that_is_none_is_an_error_of_the_configuration(self):
        server = self.served(self.ours.server)
        empty = self.work / "empty.pem"
        empty.touch()
        for file in (self.work / "absent.pem", empty):
            with self.subTest(file.name):
                run = self.sync(self.entry("own", server, ca_file=str(file)))
                self.assertEqual(2, run.status, run.err)
                self.assertIn("ca_file", run.last_words())


if __name__ == "__main__":
    unittest.main()
