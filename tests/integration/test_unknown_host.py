"""Hosts that no name server knows: they may be known again soon, so they are asked for again, and the exit
status says whether source or cloud is out of reach."""

import json
import tempfile
import unittest
from pathlib import Path

from stream_tree import SigningKey, StreamTree, write_random
from streamsync_program import Program
from tree_server import TreeServer

DONE, NO_SOURCE, NO_CLOUD = 0, 4, 5
UNKNOWN = "http://images.invalid/"  # RFC 6761, 6.4: never known
TRIES = 3


class UnknownHost(unittest.TestCase):
    def setUp(self):
        self.work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.key = self.enterContext(SigningKey(self.work / "gnupg"))
        self.tree = StreamTree(self.work / "stream", self.key)
        self.tree.add_version("focal", "amd64", "20210720", {"disk1.img": 20000}, writer=write_random)
        self.tree.write()
        Path(self.work, "keyring.gpg").write_bytes(self.key.public_key())

    def sync(self, entry, environment=None, **keys):
        config = {
            "mirror_list": [{"path": "streams/v1/index.sjson", **entry}],
            "keyring_path": str(self.work / "keyring.gpg"),
            "retries": {"attempts": TRIES, "max_wait": "1s"},
            **keys,
        }
        path = self.work / "config.yaml"
        path.write_text(json.dumps(config), encoding="utf-8")
        return Program(self.work, **(environment or {})).run("sync", "-c", path)

    def test_of_a_source(self):
        run = self.sync({"url": UNKNOWN}, images=str(self.work / "images"))
        self.assertEqual(NO_SOURCE, run.status, run.err)
        for word in ("images.invalid", f"{TRIES} attempts"):
            self.assertIn(word, run.last_words())

    def test_of_a_source_with_a_fallback(self):
        with TreeServer(self.tree.root) as server:
            run = self.sync({"url": UNKNOWN, "mirrors": [server.url]}, images=str(self.work / "images"))
        self.assertEqual(DONE, run.status, run.err)
        self.assertEqual(1, len(list((self.work / "images").rglob("*.img"))))

    def test_of_a_cloud(self):
        login = {
            "OS_AUTH_URL": f"{UNKNOWN}v3", "OS_USERNAME": "u", "OS_PASSWORD": "p", "OS_PROJECT_NAME": "p"
        }  # fmt: skip
        with TreeServer(self.tree.root) as server:
            run = self.sync({"url": server.url}, login, region="RegionOne")
        self.assertEqual(NO_CLOUD, run.status, run.err)
        for word in ("images.invalid", f"{TRIES} attempts"):
            self.assertIn(word, run.last_words())


if __name__ == "__main__":
    unittest.main()
