"""A signed stream, a directory to mirror it into, and a configuration between them: the stage for tests of
the whole binary that need no cloud."""

import json
import stat
import tempfile
import unittest
from pathlib import Path

import invariants
from stream_tree import SigningKey, StreamTree, item_path, write_random
from streamsync_program import Program
from tree_server import TreeServer

FILTERS = ["arch~(arm64|amd64)", "ftype~(uefi1.img|uefi.img|disk1.img)", "release~(bionic|focal)"]
OLD, NEW, NEWEST = "20210601", "20210720", "20210801"
ITEM_SIZE = 20000
INDEX = "streams/v1/index.sjson"
PRODUCTS = "streams/v1/com.ubuntu.cloud:released:download.sjson"

# What every run may write into the state directory, whatever it finds.
RECORDS_OF_A_RUN = ("last-run.json", "lock")


def entry(url, **keys):
    return {"url": url, "path": INDEX, "max": 1, "item_filters": FILTERS, **keys}


def snapshot(*roots):
    """All that lies below, to the byte, the target of each link and the time of each change."""
    found = {}
    for root in map(Path, roots):
        for path in sorted(root.rglob("*")):
            if path.name not in RECORDS_OF_A_RUN:
                found[str(path)] = _identity(path)
    return found


def differences(before, after):
    """The paths that two snapshots do not agree about."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def _identity(path):
    status = path.lstat()
    if stat.S_ISREG(status.st_mode):
        return path.read_bytes(), status.st_mode, status.st_mtime_ns
    return path.readlink() if path.is_symlink() else None, status.st_mode


class TreeCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.key = cls.make_key(Path(cls.scratch.name, "gnupg"))
        cls.keyring = Path(cls.scratch.name, "keyring.gpg")
        cls.keyring.write_bytes(cls.key.public_key())

    @classmethod
    def make_key(cls, home):
        return SigningKey(home)

    @classmethod
    def tearDownClass(cls):
        cls.key.close()
        cls.scratch.cleanup()

    def setUp(self):
        self.work = Path(tempfile.mkdtemp(dir=self.scratch.name))
        self.stream = self.make_stream("stream")
        self.target = self.work / "images"
        self.program = Program(self.work)

    def make_stream(self, name):
        tree = StreamTree(self.work / name, self.key)
        for release in ("bionic", "focal"):
            for serial in (OLD, NEW):
                self.add(tree, release, serial)
        tree.write()
        return tree

    def add(self, tree, release, serial, **options):
        return tree.add_version(
            release, "amd64", serial, {"disk1.img": ITEM_SIZE}, writer=write_random, **options
        )

    def configure(self, *entries, **keys):
        config = {"mirror_list": list(entries), "images": str(self.target), "keyring_path": str(self.keyring)}
        path = self.work / "config.yaml"
        path.write_text(json.dumps({**config, **keys}, ensure_ascii=False), encoding="utf-8")
        return path

    def sync(self, *entries, arguments=(), **keys):
        return self.program.run("sync", "-c", self.configure(*entries, **keys), *arguments)

    def report(self):
        return json.loads((self.program.state / "last-run.json").read_bytes())

    def served(self, tree=None, statuses=None):
        return TreeServer((tree or self.stream).root, statuses)

    def files(self, root=None):
        """Everything below the target, by path."""
        return invariants.tree_files(root or self.target)

    def images(self):
        return {path for path in self.files() if path.endswith(".img")}

    def path(self, release, serial):
        return item_path(release, "amd64", serial, "disk1.img", "released")

    def assert_holds(self, new, old=None, root=None):
        """I1 to I3, which hold at any moment: invariants.py."""
        self.assertEqual([], invariants.violations(root or self.target, self.keyring, new, old))

    def assert_recovers(self, server, new, undisturbed, sync, old=None):
        """I1 to I6 after a fault: now, and after `sync`, a run without it."""
        self.assert_holds(new, old)
        kept = invariants.kept_bytes(self.target, new)
        server.take_requests()
        run = sync()
        self.assertEqual(0, run.status, run.err)
        self.assert_holds(new)
        lines = invariants.changes(undisturbed, self.files())
        lines += invariants.litter(self.target, new) + invariants.unfinished(self.program.state)
        lines += invariants.refetched(new, kept, server.bytes_sent())
        self.assertEqual([], lines)

    def assert_refused(self, server, run, *words):
        """Exit 3, the last line says why, and nothing but documents was asked for since the last
        `take_requests`."""
        self.assertEqual(run.status, 3, f"{run.out}{run.err}")
        for word in words:
            self.assertIn(word, run.last_words())
        asked = [path for path in server.paths() if not path.startswith("/streams/")]
        self.assertEqual(asked, [], "an item was asked for")


class MirroredCase(TreeCase):
    """A good stream was mirrored, and a newer one is served in its place."""

    def setUp(self):
        super().setUp()
        self.server = self.enterContext(self.served())
        self.assert_taken()
        # Newer than what was mirrored, so that it shows when it is taken.
        self.add(self.stream, "focal", NEWEST)
        self.add(self.stream, "bionic", NEWEST)
        self.stream.write()
        self.original = {path: (self.stream.root / path).read_bytes() for path in (INDEX, PRODUCTS)}

    def serve(self, document, content):
        for path, original in self.original.items():
            (self.stream.root / path).write_bytes(content if path == document else original)

    def assert_taken(self, **keys):
        run = self.sync(entry(self.server.url, **keys))
        self.assertEqual(run.status, 0, run.err)

    def assert_unchanged_by(self, *words, **keys):
        """The run is refused, and all stays as it was."""
        before = snapshot(self.target, self.program.state)
        self.server.take_requests()
        run = self.sync(entry(self.server.url, **keys))
        self.assert_refused(self.server, run, *words)
        self.assertEqual(differences(before, snapshot(self.target, self.program.state)), [])
