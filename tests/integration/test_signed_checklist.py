#!/usr/bin/python3
"""signed_checklist.py: a good tree passes, and each thing that is wrong is seen."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import metadata_checklist  # noqa: E402
import signed_checklist  # noqa: E402
from stream_tree import SigningKey  # noqa: E402
from tree_case import PRODUCTS, TreeCase  # noqa: E402

CLEAR, APART, PLAIN = "streams/v1/index.sjson", "streams/v1/index.json.gpg", "streams/v1/index.json"


class SignedChecklist(TreeCase):
    def setUp(self):
        super().setUp()
        self.url = self.enterContext(self.served()).url

    def file(self, path):
        return self.stream.root / path

    def violations(self):
        tree = metadata_checklist.read_tree(self.url, metadata_checklist.NOT_OF_A_SIGNED_TREE)
        return metadata_checklist.line_2(tree) + signed_checklist.violations(tree, self.keyring)

    def assert_seen(self, *starts):
        """These and no others, by how they begin."""
        found = self.violations()
        self.assertEqual(len(starts), len(found), found)
        for start, text in zip(starts, found):
            self.assertTrue(text.startswith(start), text)

    def test_a_good_tree_passes(self):
        self.assertEqual([], self.violations())

    def test_1_a_signature_that_is_not_there(self):
        self.file(APART).unlink()
        self.assert_seen("line 1: ", f"line 9: {APART}: not one good signature")

    def test_2_another_index(self):
        self.file("streams/v1/index2.sjson").write_bytes(self.file(CLEAR).read_bytes())
        self.assert_seen("index2.sjson answers 200")

    def test_6_forms_that_do_not_say_the_same(self):
        before = self.file(PRODUCTS).read_bytes()
        self.stream.write()
        self.file(PRODUCTS).write_bytes(before)
        self.assert_seen(f"line 6: {PRODUCTS.removesuffix('.sjson')}: the signed form")

    def test_6_a_signed_index_of_unsigned_documents(self):
        self.file(CLEAR).write_bytes(self.key.clearsign(self.file(PLAIN).read_bytes()))
        self.assert_seen("line 6: streams/v1/index.sjson: ")

    def test_9_a_text_that_was_changed(self):
        changed = self.file(CLEAR).read_bytes().replace(b"image-downloads", b"image-Downloads")
        self.file(CLEAR).write_bytes(changed)
        self.assert_seen("line 6: ", "line 9: streams/v1/index.sjson: not one good signature")

    def test_9_the_key_of_somebody_else(self):
        with SigningKey(self.work / "stranger") as stranger:
            self.file(APART).write_bytes(stranger.detach_sign(self.file(PLAIN).read_bytes()))
        self.assert_seen(f"line 9: {APART}: not one good signature")

    def test_9_a_weak_digest(self):
        text = self.file(CLEAR).read_bytes()
        index = text[text.index(b"{") : text.rindex(b"}") + 1]
        self.file(CLEAR).write_bytes(self.key.clearsign(index, "--digest-algo", "SHA1"))
        self.assert_seen("line 9: streams/v1/index.sjson: digest 2")

    def test_9_two_messages(self):
        self.file(CLEAR).write_bytes(self.file(CLEAR).read_bytes() * 2)
        self.assertIn("line 9: streams/v1/index.sjson: not one signed message", self.violations())


if __name__ == "__main__":
    unittest.main()
