#!/usr/bin/python3
"""The same expectations of Juju's own packages as of juju_lookup.py, over the same small trees.

Where Juju leaves its answer to chance juju_lookup.py fails; here both answers are shown to come.
"""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import test_juju_lookup  # noqa: E402
from juju_package import JujuPackage, Unavailable  # noqa: E402
from test_juju_lookup import FOCAL, JAMMY, NEWER, item  # noqa: E402

# Go begins to read a map of two entries at one of eight places, of which one leads to the second first. That this
# does not come in that many tries: once in 10^11 runs.
TRIES = 200


class JujuItself:
    """Instead of juju_lookup.py."""

    def look_into(self, root, region, endpoint, products):
        return package.lookup(root, region, endpoint, products)

    def assert_found(self, ids, result):
        self.assertEqual(("", sorted(ids)), (result.problem, result.image_ids))

    def assert_fails(self, step, result):
        self.assertEqual([], result.image_ids)
        # It has no word for items that do not match.
        self.assertEqual(step != "match", bool(result.problem), result.problem)

    def answers(self, *products):
        """The different answers of many lookups, each a tuple of ids."""
        return {tuple(self.lookup(*products).image_ids) for _ in range(TRIES)}


class JujuItselfFinds(JujuItself, test_juju_lookup.JujuFinds):
    pass


class JujuItselfFails(JujuItself, test_juju_lookup.JujuFails):
    def test_at_an_index_that_does_not_name_the_product(self):
        self.entry["products"] = []
        self.assert_found([], self.lookup())

    def test_at_two_entries_with_the_same_product(self):
        self.add_entry("twin", FOCAL, "id-twin")
        self.assertEqual({(NEWER,), ("id-twin",)}, self.answers(FOCAL))

    def test_at_two_entries_with_a_wanted_product_each(self):
        self.add_entry("jammy", JAMMY, "id-jammy")
        self.assertEqual({(NEWER,), ("id-jammy",)}, self.answers(FOCAL, JAMMY))

    def test_at_two_images_of_one_kind(self):
        self.newest["items"]["uefi1.img"] = item("id-uefi")
        self.assert_found([NEWER, "id-uefi"], self.lookup())


if __name__ == "__main__":
    try:
        with JujuPackage() as package:
            unittest.main()
    except Unavailable as reason:
        print(f"skipped: Juju's own packages, {reason}")
