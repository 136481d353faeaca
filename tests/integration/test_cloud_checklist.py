#!/usr/bin/python3
"""What we publish for Juju with a `signing_key`, in Swift and in a directory behind nginx with TLS, by the checklist
for published metadata (docs/behaviours.md has its lines).

$STREAMSYNC is the binary, OS_* an administrator of a test cloud on loopback.
"""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import metadata_checklist  # noqa: E402
import nginx_server  # noqa: E402
import signed_checklist  # noqa: E402
from certificates import Certificates  # noqa: E402
from consumer_trees import LxdTree  # noqa: E402
from stream_tree import SigningKey  # noqa: E402
from sync_scene import NEW, NEWEST, Scene, Source  # noqa: E402

DONE, TARGET = 0, 5


@unittest.skipIf(nginx_server.why_not(), nginx_server.why_not())
class Checklist(unittest.TestCase):
    def setUp(self):
        self.work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = self.enterContext(Source(self.work))
        self.source.add_one(NEW)
        self.source.write()
        self.scene = Scene(self.work, self.source)
        self.addCleanup(self.scene.clean_up)
        self.directory = self.work / "published"
        self.use_key()

    def use_key(self):
        key = self.enterContext(SigningKey(self.work / "user"))
        self.keyring = self.work / "public.gpg"
        self.keyring.write_bytes(key.public_key())
        self.scene.use_environment(GNUPGHOME=key.home)
        self.scene.write_config(
            signing_key=key.fingerprint,
            publish=[f"swift:{self.scene.container}/{self.scene.prefix}", f"dir:{self.directory}"],
        )

    def roots(self):
        """URL -> the CA of its server, where it has one of its own."""
        certificates = Certificates(self.work / "certificates")
        server = self.enterContext(nginx_server.NginxServer(self.directory, certificates.server))
        return {self.scene.root: None, server.url: certificates.ca}

    def trees(self, roots):
        absent = metadata_checklist.NOT_OF_A_SIGNED_TREE
        return {root: metadata_checklist.read_tree(root, absent, ca) for root, ca in roots.items()}

    def test_every_line_first_and_after_a_new_version(self):
        roots, before = self.roots(), {}
        cloud = self.scene.cloud
        for serial in (NEW, NEWEST):
            if serial == NEWEST:
                self.source.add_one(serial)
                self.source.write()
            run = self.scene.sync()
            self.assertEqual(DONE, run.status, run.err)
            images = {image["id"]: image for image in self.scene.images().values()}
            trees = self.trees(roots)
            for root, tree in trees.items():
                with self.subTest(serial=serial, root=root):
                    found = metadata_checklist.violations(
                        tree, cloud.region, cloud.auth_url, images, before.get(root)
                    )
                    found += signed_checklist.violations(tree, self.keyring, roots[root])
                    self.assertEqual([], found)
                    self.assertEqual(
                        {serial}, {version.address[-1] for version in tree.versions()}
                    )
            before = trees

    def test_a_root_of_another_family_gets_nothing_and_nothing_is_uploaded(self):
        tree = LxdTree(self.directory)
        tree.add_version("jammy", "amd64", "20240101_0742")
        tree.write()
        before = sorted(self.directory.rglob("*"))
        index = (self.directory / "streams/v1/index.json").read_bytes()
        run = self.scene.sync()
        self.assertEqual(TARGET, run.status, run.err)
        self.assertIn("for LXD and Incus", run.last_words())
        self.assertEqual(before, sorted(self.directory.rglob("*")))
        self.assertEqual(index, (self.directory / "streams/v1/index.json").read_bytes())
        self.assertEqual([], self.scene.images_by_name())


if __name__ == "__main__":
    unittest.main()
