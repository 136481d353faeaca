#!/usr/bin/python3
"""The judge of faults, judged by trees that were broken on purpose."""

import json
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from invariants import (  # noqa: E402
    BLOCK,
    INDEX,
    changes,
    kept_bytes,
    litter,
    read_generation,
    refetched,
    tree_files,
    unfinished,
    violations,
)
from stream_tree import SigningKey, StreamTree, item_path, write_random  # noqa: E402

PRODUCTS = "streams/v1/com.ubuntu.cloud:released:download.sjson"
OLD, NEW = "20210601", "20210720"
SIZE = 3 * BLOCK


def path(release, serial):
    return item_path(release, "amd64", serial, "disk1.img", "released")


class Broken(unittest.TestCase):
    """Bionic stays as it is, of Focal there is a newer version."""

    @classmethod
    def setUpClass(cls):
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        key = cls.enterClassContext(SigningKey(cls.work / "gnupg"))
        cls.keyring = cls.work / "keyring.gpg"
        cls.keyring.write_bytes(key.public_key())
        tree = StreamTree(cls.work / "source", key)
        for release in ("bionic", "focal"):
            cls.add(tree, release, OLD)
        cls.old = cls.generation(tree, "old")
        cls.add(tree, "focal", NEW)
        cls.new = cls.generation(tree, "new")
        cls.old_detached = read_generation(cls.old.root, "streams/v1/index.json")
        cls.detached = read_generation(cls.new.root, "streams/v1/index.json")

    @staticmethod
    def add(tree, release, serial):
        tree.add_version(release, "amd64", serial, {"disk1.img": SIZE}, writer=write_random)

    @classmethod
    def generation(cls, tree, name):
        tree.write()
        shutil.copytree(tree.root, cls.work / name)
        return read_generation(cls.work / name)

    def setUp(self):
        self.target = Path(tempfile.mkdtemp(dir=self.work))

    def mirror(self, *generations):
        """The later ones over the earlier ones."""
        for one in generations:
            for name in (*one.documents, *one.items):
                self.put(name, (one.root / name).read_bytes())

    def put(self, name, content):
        file = self.target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def remove(self, name):
        (self.target / name).unlink()

    def found(self, new=None, old=None):
        return violations(self.target, self.keyring, new or self.new, old)

    def assert_found(self, *lines, new=None, old=None):
        self.assertEqual(sorted(lines), sorted(self.found(new, old)))


class AtAnyMoment(Broken):
    def test_what_is_whole_holds(self):
        self.assert_found()
        for generations in ((self.old,), (self.old, self.new)):
            self.mirror(*generations)
            self.assert_found(old=self.old)
        shutil.rmtree(self.target)
        self.mirror(self.new)
        self.assert_found()

    def test_a_generation_is_the_newest_of_each_product(self):
        self.assertEqual({path("bionic", OLD), path("focal", OLD)}, set(self.old.items))
        self.assertEqual({path("bionic", OLD), path("focal", NEW)}, set(self.new.items))
        everything = read_generation(self.new.root, newest=0)
        self.assertEqual({*self.old.items, *self.new.items}, set(everything.items))

    def test_between_items_and_documents_holds(self):
        self.mirror(self.old)
        self.put(path("focal", NEW), (self.new.root / path("focal", NEW)).read_bytes())
        self.assert_found(old=self.old)

    def test_between_products_and_index_holds(self):
        self.mirror(self.old, self.new)
        self.put(INDEX, self.old.documents[INDEX])
        self.assert_found(old=self.old)

    def test_an_index_before_its_products(self):
        self.mirror(self.old, self.new)
        self.put(PRODUCTS, self.old.documents[PRODUCTS])
        self.assert_found(f"I1: {PRODUCTS} is older than {INDEX}", old=self.old)

    def test_a_document_that_is_missing(self):
        self.mirror(self.new)
        self.remove(PRODUCTS)
        (line,) = self.found()
        self.assertRegex(line, f"^I1: {PRODUCTS}: .*No such file")

    def test_a_document_that_is_cut(self):
        for name in (INDEX, PRODUCTS):
            with self.subTest(name):
                self.mirror(self.new)
                self.put(name, self.new.documents[name][:-1000])
                self.assertIn(f"I1: {name} does not verify", self.found())

    def test_a_document_that_verifies_and_is_of_no_generation(self):
        self.mirror(self.new)
        self.put(PRODUCTS, self.old.documents[PRODUCTS])
        self.assertIn(f"I1: {PRODUCTS} is of no generation", self.found())

    def test_another_text_under_a_signature(self):
        self.mirror(self.new)
        self.put(PRODUCTS, self.new.documents[PRODUCTS].replace(b"focal", b"fowal"))
        self.assertIn(f"I1: {PRODUCTS} does not verify", self.found())

    def test_a_detached_signature_of_another_text(self):
        index, signature = "streams/v1/index.json", "streams/v1/index.json.gpg"
        self.mirror(self.old_detached, self.detached)
        self.assert_found(new=self.detached, old=self.old_detached)
        self.put(signature, self.old_detached.documents[signature])
        self.assertEqual([], self.found(self.detached, self.old_detached), "for the moment of the change")
        self.assertIn(f"I1: {index} does not verify", self.found(self.detached), "not afterwards")
        self.put(signature, b"nobody's")
        self.assertIn(f"I1: {index} does not verify", self.found(self.detached, self.old_detached))

    def test_a_detached_signature_that_is_missing(self):
        self.mirror(self.detached)
        self.remove("streams/v1/index.json.gpg")
        lines = self.found(self.detached)
        self.assertIn("I1: streams/v1/index.json does not verify", lines)

    def test_an_item_that_is_missing(self):
        self.mirror(self.new)
        self.remove(path("focal", NEW))
        self.assert_found(f"I2: {path('focal', NEW)} is not there")

    def test_an_item_that_is_short(self):
        self.mirror(self.new)
        self.put(path("focal", NEW), b"?" * (SIZE - 1))
        self.assertEqual({f"I2: {path('focal', NEW)} has {SIZE - 1} of {SIZE} bytes"}, set(self.found()))

    def test_an_item_with_other_bytes(self):
        self.mirror(self.new)
        self.put(path("focal", NEW), b"?" * SIZE)
        self.assertEqual({f"I2: {path('focal', NEW)} has other bytes"}, set(self.found()))

    def test_an_item_that_nothing_names_yet_and_has_its_name_too_soon(self):
        for place in ("nothing", "old"):
            with self.subTest(place):
                if place == "old":
                    self.mirror(self.old)
                self.put(path("focal", NEW), b"?" * SIZE)
                self.assert_found(
                    f"I2: {path('focal', NEW)} has other bytes", old=self.old if place == "old" else None
                )

    def test_an_item_of_the_old_generation_that_went_too_soon(self):
        self.mirror(self.old)
        self.remove(path("focal", OLD))
        lines = self.found(old=self.old)
        self.assertIn(f"I3: {path('focal', OLD)} is not there, which the old index names", lines)
        self.mirror(self.new)
        self.put(INDEX, self.old.documents[INDEX])
        self.assert_found(*lines[-1:], old=self.old)

    def test_an_index_that_is_gone(self):
        self.mirror(self.old)
        self.remove(INDEX)
        self.assert_found(f"I3: {INDEX} is gone", old=self.old)


class AfterOneMoreRun(Broken):
    def test_what_is_named_is_no_litter(self):
        self.mirror(self.new)
        self.put(".data/com.ubuntu.cloud:released:download", b"{}")
        self.assertEqual([], litter(self.target, self.new))
        self.assertEqual([], unfinished(self.target))

    def test_what_is_not_named_is_litter(self):
        self.mirror(self.old, self.new)
        names = (f"{path('focal', NEW)}.part", f"{PRODUCTS}.part", "streams/v1/index.json", ".data/a.part")
        for name in names:
            self.put(name, b"")
        expected = [f"I4: {name} is of nothing" for name in sorted([*names, path("focal", OLD)])]
        self.assertEqual(expected, litter(self.target, self.new))
        self.assertEqual(3, len(unfinished(self.target)))

    def test_another_tree_than_that_of_a_run_without_a_fault(self):
        self.mirror(self.new)
        undisturbed = tree_files(self.target)
        self.assertEqual([], changes(undisturbed, tree_files(self.target)))
        self.remove(INDEX)
        self.put(PRODUCTS, b"")
        self.put("more", b"")
        self.assertEqual(
            {f"I5: {PRODUCTS} is another", f"I5: {INDEX} is missing", "I5: more is too much"},
            set(changes(undisturbed, tree_files(self.target))),
        )

    def test_bytes_that_come_twice(self):
        whole, part = path("bionic", OLD), path("focal", NEW)
        self.mirror(self.old)
        self.put(f"{part}.part", (self.new.root / part).read_bytes()[: 2 * BLOCK])
        kept = kept_bytes(self.target, self.new)
        self.assertEqual({whole: SIZE, part: 2 * BLOCK}, kept)
        self.assertEqual([], refetched(self.new, kept, {}))
        self.assertEqual([], refetched(self.new, kept, {part: 2 * BLOCK}))
        for name, count in ((part, 2 * BLOCK + 1), (whole, BLOCK + 1)):
            (line,) = refetched(self.new, kept, {name: count})
            self.assertIn(f"I6: {name}: {count} bytes came", line)

    def test_bytes_that_are_wrong_are_no_bytes_that_are_there(self):
        for name, content in ((path("bionic", OLD), b"?" * SIZE), (f"{path('focal', NEW)}.part", b"?" * SIZE)):
            self.put(name, content)
        self.assertEqual({path("bionic", OLD): 0, path("focal", NEW): 0}, kept_bytes(self.target, self.new))


class Sources(Broken):
    def test_a_source_that_is_broken_is_no_generation(self):
        root = self.target / "source"
        shutil.copytree(self.new.root, root)
        index = json.loads((root / "streams/v1/index.json").read_bytes())
        (name,) = index["index"]
        (root / index["index"][name]["path"]).unlink()
        with self.assertRaises(ValueError):
            read_generation(root, "streams/v1/index.json")


if __name__ == "__main__":
    unittest.main()
