"""A source that was emptied, cut down or broken takes little with it (threats-and-faults.md T23), from a tree.

test_cloud_trust.py says the same of images.
"""

import unittest

from stream_tree import RELEASES, content_id, product_name, write_random
from tree_case import PRODUCTS, TreeCase, entry, snapshot

DONE, REFUSED, UNAVAILABLE, GUARD = 0, 3, 4, 8
SERIALS = [f"202101{day:02}" for day in range(1, 11)]
KINDS = [(release, arch) for release in list(RELEASES)[:5] for arch in ("amd64", "arm64")]


class DeletionCase(TreeCase):
    def setUp(self):
        super().setUp()
        self.server = self.enterContext(self.served())

    def fill(self, kinds, serials):
        """The stream has nothing but these; all of it is mirrored."""
        self.stream.documents.clear()
        for release, arch in kinds:
            for serial in serials:
                self.add_to_stream(release, arch, serial)
        self.stream.write()
        self.assertEqual(self.run_with().status, DONE)
        self.assertEqual(len(self.images()), len(kinds) * len(serials))

    def add_to_stream(self, release, arch, serial, **options):
        self.stream.add_version(release, arch, serial, {"disk1.img": 1000}, writer=write_random, **options)

    def run_with(self, arguments=(), **keys):
        keys = {"max": len(SERIALS), "item_filters": ["ftype=disk1.img"], "keep": False, **keys}
        return self.sync(entry(self.server.url, **keys), arguments=arguments)

    def assert_nothing_goes(self, run, status):
        self.assertEqual(run.status, status, f"{run.out}{run.err}")
        self.assertEqual([line for line in run.lines() if line.startswith("removing")], [])
        now = self.items()
        self.assertEqual([path for path, held in self.before.items() if now.get(path) != held], [])

    def items(self):
        return {path: held for path, held in snapshot(self.target).items() if path.endswith(".img")}


class LostVersions(DeletionCase):
    """Of each product the source keeps the oldest of ten versions, and nothing has replaced the others."""

    def setUp(self):
        super().setUp()
        self.fill(KINDS[:2], SERIALS)
        self.before = self.items()
        for kind in KINDS[:2]:
            for serial in SERIALS[1:]:
                del self.stream.product(product_name(*kind))["versions"][serial]
        self.stream.write()

    def test_the_loss_of_most_versions_removes_nothing(self):
        for _ in range(2):
            run = self.run_with()
            self.assert_nothing_goes(run, GUARD)
            for word in ("18 of the 20", content_id("released"), "--max-delete"):
                self.assertIn(word, run.last_words())

    def test_a_plan_says_so_too(self):
        run = self.program.run(
            "plan", "-c", self.configure(entry(self.server.url, max=10, item_filters=[], keep=False))
        )
        self.assertEqual(run.status, GUARD, run.err)
        self.assertEqual([line for line in run.lines() if line.startswith("remove")], [])

    def test_what_is_new_comes_all_the_same(self):
        self.add_to_stream(*KINDS[2], SERIALS[0])
        self.stream.write()
        run = self.run_with()
        self.assertEqual(run.status, GUARD, run.err)
        self.assertEqual(set(self.before) - set(self.items()), set())
        self.assertEqual(len(self.items()), len(self.before) + 1)

    def test_who_asks_for_it_by_hand_gets_it_once(self):
        run = self.run_with(arguments=["--max-delete", "100%"])
        self.assertEqual(run.status, DONE, run.err)
        self.assertEqual(len([line for line in run.lines() if line.startswith("removing")]), 18)
        self.assertEqual(len(self.images()), 2)

    def test_a_number_of_versions_can_be_asked_for_as_well(self):
        self.assert_nothing_goes(self.run_with(arguments=["--max-delete", "17"]), GUARD)
        self.assertEqual(self.run_with(arguments=["--max-delete", "18"]).status, DONE)
        self.assertEqual(len(self.images()), 2)

    def test_nothing_goes_with_keep(self):
        self.assert_nothing_goes(self.run_with(keep=True), DONE)

    def test_nothing_goes_when_the_signature_is_bad(self):
        path = self.stream.root / PRODUCTS
        path.write_bytes(path.read_bytes().replace(b'"arch"', b'"Arch"', 1))
        self.assert_nothing_goes(self.run_with(arguments=["--max-delete", "100%"]), REFUSED)

    def test_nothing_goes_when_a_document_is_missing(self):
        (self.stream.root / PRODUCTS).unlink()
        run = self.run_with(arguments=["--max-delete", "100%"])
        self.assert_nothing_goes(run, run.status)

    def test_nothing_goes_when_an_item_can_not_be_had(self):
        self.add_to_stream(*KINDS[0], "20210201")
        self.stream.file(product_name(*KINDS[0]), "20210201", "disk1.img").unlink()
        self.stream.write()
        self.assert_nothing_goes(self.run_with(arguments=["--max-delete", "100%"]), 1)


class LostProducts(DeletionCase):
    """Nine of ten products are gone."""

    def setUp(self):
        super().setUp()
        self.fill(KINDS, SERIALS[:1])
        self.before = self.items()
        for kind in KINDS[1:]:
            del self.stream.documents[content_id("released")]["products"][product_name(*kind)]
        self.stream.write()

    def test_lost_products_stay(self):
        self.assert_nothing_goes(self.run_with(), DONE)

    def test_nor_are_most_of_them_removed_where_lost_ones_are(self):
        run = self.run_with(remove_vanished=True)
        self.assert_nothing_goes(run, GUARD)
        self.assertIn("9 of the 10", run.last_words())

    def test_who_asks_for_it_by_hand_gets_it_once(self):
        run = self.run_with(remove_vanished=True, arguments=["--max-delete", "100%"])
        self.assertEqual(run.status, DONE, run.err)
        self.assertEqual(len(self.images()), 1)

    def test_filters_that_let_little_through_remove_as_little(self):
        """It may be a slip of the pen."""
        self.stream.documents.clear()
        for kind in KINDS:
            self.add_to_stream(*kind, SERIALS[0])
        self.stream.write()
        self.before = self.items()
        run = self.run_with(remove_vanished=True, item_filters=["release=focal", "arch=amd64"])
        self.assertEqual(run.status, GUARD, run.err)
        self.assertEqual([line for line in run.lines() if line.startswith("removing")], [])


class EmptySources(DeletionCase):
    """A source that has nothing at all is one that is broken, whatever was asked for."""

    def setUp(self):
        super().setUp()
        self.fill(KINDS[:2], SERIALS[:2])
        self.before = self.items()
        self.document = self.stream.documents[content_id("released")]

    def assert_it_keeps_all(self):
        self.stream.write()
        for arguments in ([], ["--max-delete", "100%"]):
            for keys in ({}, {"remove_vanished": True}):
                with self.subTest(arguments=arguments, keys=keys):
                    run = self.run_with(arguments, **keys)
                    self.assertIn(run.status, (DONE, REFUSED, UNAVAILABLE, GUARD), run.err)
                    self.assert_nothing_goes(run, run.status)

    def test_a_document_without_products(self):
        self.document["products"] = {}
        self.assert_it_keeps_all()

    def test_products_without_versions(self):
        for product in self.document["products"].values():
            product["versions"] = {}
        self.assert_it_keeps_all()

    def test_versions_without_items(self):
        for product in self.document["products"].values():
            for version in product["versions"].values():
                version["items"] = {}
        self.assert_it_keeps_all()

    def test_an_index_without_documents(self):
        self.stream.documents.clear()
        self.assert_it_keeps_all()

    def test_another_content_id(self):
        del self.stream.documents[content_id("released")]
        self.add_to_stream(*KINDS[0], SERIALS[0], stream="daily")
        self.assert_it_keeps_all()


if __name__ == "__main__":
    unittest.main()
