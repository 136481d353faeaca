#!/usr/bin/python3
"""`signing_key`: what we publish for Juju, signed in both forms, and what keeps a run from beginning.

$STREAMSYNC is the binary, OS_* an administrator of a test cloud on loopback.
"""

import contextlib
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import anonymous_http  # noqa: E402
import juju_lookup  # noqa: E402
from cloud_log import CloudLog  # noqa: E402
from stream_tree import SigningKey, product_name  # noqa: E402
from sync_scene import NEW, NEWEST, Scene, Source, created, removed  # noqa: E402

DONE, USAGE = 0, 2
PRODUCT = product_name("focal", "amd64", "released")


class SigningCase(unittest.TestCase):
    def setUp(self):
        self.work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = self.enterContext(Source(self.work))
        self.source.add_one(NEW)
        self.source.write()
        self.scene = Scene(self.work, self.source)
        self.addCleanup(self.scene.clean_up)

    def use_key(self, name="user", **how):
        """A key in a GnuPG home that is the user's own for the runs from now on."""
        key = self.enterContext(SigningKey(self.work / name, **how))
        self.scene.use_environment(GNUPGHOME=key.home)
        self.write_config(key.fingerprint)
        return key

    def write_config(self, fingerprint):
        self.scene.write_config(signing_key=fingerprint)

    def sync(self, status=DONE):
        run = self.scene.sync()
        self.assertEqual(status, run.status, run.err)
        return run


class Published(SigningCase):
    def setUp(self):
        super().setUp()
        self.tree = self.work / "published"
        self.key = self.use_key()
        self.public_key = self.work / "public.gpg"
        self.public_key.write_bytes(self.key.public_key())

    def write_config(self, fingerprint):
        self.scene.write_config(
            signing_key=fingerprint,
            publish=[f"swift:{self.scene.container}/{self.scene.prefix}", str(self.tree)],
        )

    def names(self):
        stems = (self.scene.content_id, "index")
        return [f"streams/v1/{stem}{suffix}" for stem in stems for suffix in (".json", ".sjson", ".json.gpg")]

    def documents(self):
        """As everybody gets them."""
        answers = {name: anonymous_http.get(self.scene.root + name) for name in self.names()}
        self.assertEqual({200}, {answer.status for answer in answers.values()})
        return {name: answer.body for name, answer in answers.items()}

    def gpgv(self, *files):
        """Its status lines and what it gives out."""
        done = subprocess.run(
            ["gpgv", "--keyring", self.public_key, "--status-fd", "2", "-o", "-", *files],
            capture_output=True,
            check=False,
        )
        self.assertEqual(0, done.returncode, done.stderr.decode())
        return done.stderr.decode(), done.stdout

    def assert_signed(self, documents):
        for name, data in documents.items():
            path = self.work / "read" / Path(name).name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        for stem in (self.scene.content_id, "index"):
            plain, clear, apart = (
                self.work / "read" / f"{stem}{suffix}" for suffix in (".json", ".sjson", ".json.gpg")
            )
            status, text = self.gpgv(clear)
            self.assertEqual(1, status.count("GOODSIG"), status)
            # VALIDSIG: fingerprint, date, time, expiry, version, reserved, algorithm, digest.
            valid = next(line.split() for line in status.splitlines() if "VALIDSIG" in line)
            self.assertEqual(self.key.fingerprint, valid[2])
            self.assertIn(valid[9], ("8", "10"), "SHA-256 or SHA-512 (RFC 4880, 9.4)")
            # Of an index nothing differs but the form of what it names.
            named = f"streams/v1/{self.scene.content_id}"
            self.assertEqual(
                plain.read_text("utf-8").strip(),
                text.decode().replace(f"{named}.sjson", f"{named}.json").strip(),
            )
            self.assertEqual([], [line for line in text.splitlines() if line.startswith(b"-")])
            self.gpgv(apart, plain)
        clear_index = (self.work / "read" / "index.sjson").read_text("utf-8")
        self.assertIn(f"{named}.sjson", clear_index)
        self.assertNotIn(f"{named}.json", clear_index)

    def assert_juju_finds(self, serial):
        image = self.scene.images()[PRODUCT, serial, "disk1.img"]
        result = juju_lookup.lookup(
            self.scene.root, self.scene.cloud.region, self.scene.cloud.auth_url, [PRODUCT]
        )
        self.assertEqual((None, [image["id"]]), (result.step, result.image_ids), result.problem)

    def assert_we_read(self, serial):
        """Our own reader, which wants the whole stream signed by that key."""
        ids = {image["id"] for address, image in self.scene.images().items() if address[1] == serial}
        for source in (self.scene.root, self.tree):
            run = self.scene.program.run(
                "query", source, "--keyring", self.public_key, "--format", "%(id)s"
            )
            self.assertEqual(DONE, run.status, run.err)
            self.assertEqual(ids, set(run.lines()))

    def test_signed_in_both_forms_and_again_only_with_news(self):
        self.sync()
        first = self.documents()
        self.assert_signed(first)
        self.assert_signed({name: (self.tree / name).read_bytes() for name in first})
        # The one thing that a checklist for unsigned trees has against it.
        self.assertEqual(["line 2: index.sjson answers 200, not 404 or 401"], self.scene.violations())
        self.assert_juju_finds(NEW)
        self.assert_we_read(NEW)

        log = CloudLog.of_environment(self.scene.cloud)
        with log or contextlib.nullcontext():
            self.assertEqual("", self.sync().out)
        self.assertEqual(first, self.documents())
        if log is not None:
            asked = log.requests("swift-proxy")
            self.assertEqual({("GET", 304)}, {(method, status) for method, _, status in asked}, asked)
            self.assertEqual(len(first), len(asked))

        self.source.add_one(NEWEST)
        self.source.write()
        run = self.sync()
        self.assertEqual((2, 2), (len(created(run)), len(removed(run))), run.out)
        self.assert_signed(self.documents())
        self.assert_juju_finds(NEWEST)
        self.assert_we_read(NEWEST)

    def test_without_the_key_what_was_signed_goes(self):
        self.sync()
        self.scene.write_config(
            publish=[f"swift:{self.scene.container}/{self.scene.prefix}", str(self.tree)],
        )
        log = CloudLog.of_environment(self.scene.cloud)
        with log or contextlib.nullcontext():
            self.assertEqual("", self.sync().out)
        signed = [name for name in self.names() if not name.endswith(".json")]
        for name in signed:
            self.assertEqual(404, anonymous_http.get(self.scene.root + name).status, name)
            self.assertFalse((self.tree / name).exists(), name)
        self.assertEqual([], self.scene.violations())
        self.assert_juju_finds(NEW)
        if log is not None:
            gone = [path for method, path, _ in log.requests("swift-proxy") if method == "DELETE"]
            self.assertEqual(4, len(gone), gone)
            self.assertTrue(gone[0].endswith("/index.sjson"), gone)
            with log:
                self.assertEqual("", self.sync().err)
            asked = log.requests("swift-proxy")
            self.assertEqual([("GET", 304)] * 2, [(method, status) for method, _, status in asked])

    def test_a_signature_that_is_not_ours_is_replaced(self):
        self.sync()
        before = self.documents()
        with SigningKey(self.work / "stranger") as stranger:
            name = "streams/v1/index.sjson"
            self.scene.cloud.put_object(
                self.scene.container, f"{self.scene.prefix}/{name}", stranger.clearsign(b"{}")
            )
        self.assertEqual("", self.sync().out)
        self.assertEqual(before, self.documents())


class Refused(SigningCase):
    """Before the source or the cloud is asked for anything."""

    def assert_refused(self, why):
        self.source.server.take_requests()
        run = self.sync(USAGE)
        self.assertIn("signing_key", run.last_words())
        self.assertIn(why, run.last_words())
        self.assertEqual(1, len(run.err.splitlines()), run.err)
        self.assertEqual([], self.source.server.take_requests())
        self.assertEqual([], self.scene.images_by_name())

    def test_a_key_that_is_not_there(self):
        self.use_key()
        self.write_config("A" * 40)
        self.assert_refused("no such secret key")

    def test_a_key_that_has_expired(self):
        self.use_key(expires="1d", made="20200101T000000")
        self.assert_refused("has expired")

    def test_a_key_that_is_locked(self):
        """Nobody is asked: the run would wait for an answer."""
        key = self.use_key(passphrase="secret")
        key.forget_passphrase()
        self.assert_refused("have gpg-agent know it")


if __name__ == "__main__":
    unittest.main()
