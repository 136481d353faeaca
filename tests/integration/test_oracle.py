#!/usr/bin/python3
"""The judge of selection, judged by documents small enough to follow by hand."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import oracle  # noqa: E402


def document(versions, **top):
    return {"content_id": "c", "products": {"p": {"arch": "amd64", "versions": versions}}, **top}


def selected(source, *filters, max_versions=None):
    """(version, item) of what is selected."""
    chosen = oracle.select(source, [oracle.Filter(text) for text in filters], max_versions)
    return [(tags["version_name"], tags["item_name"]) for tags in chosen]


class Oracle(unittest.TestCase):
    def accepts(self, expression, **tags):
        return oracle.Filter(expression).accepts(tags)

    def test_operators(self):
        self.assertTrue(self.accepts("a=b", a="b"))
        self.assertFalse(self.accepts("a=b", a="bb"))
        self.assertTrue(self.accepts("a!=b", a="bb"))
        self.assertTrue(self.accepts("a~b", a="abc"))
        self.assertFalse(self.accepts("a!~b", a="abc"))
        self.assertTrue(self.accepts("a!~^b", a="abc"))

    def test_a_missing_tag_is_empty(self):
        for expression, expected in (
            ("x=", 1),
            ("x!=y", 1),
            ("x~^$", 1),
            ("x~y", 0),
            ("x=y", 0),
            ("x!~y", 1),
            ("x!=", 0),
        ):
            self.assertEqual(bool(expected), self.accepts(expression), expression)

    def test_grammar(self):
        self.assertTrue(self.accepts("a =  b", a="b"))
        self.assertTrue(self.accepts("a=b ", a="b "))
        self.assertTrue(self.accepts("a==b", a="=b"))
        self.assertTrue(self.accepts("a=~b", a="~b"))
        self.assertTrue(self.accepts("combined_disk1-img_sha256=1", **{"combined_disk1-img_sha256": "1"}))
        for wrong in (" a=b", "a.b=c", "a", "=b", "a>b", ""):
            with self.subTest(wrong), self.assertRaises(ValueError):
                oracle.Filter(wrong)

    def test_the_nearest_level_wins(self):
        source = document(
            {"1": {"label": "v", "items": {"i": {"label": "i"}, "j": {}}}}, label="top", arch="top"
        )
        self.assertEqual([("1", "i")], selected(source, "label=i", "arch=amd64", "content_id=c"))
        self.assertEqual([("1", "j")], selected(source, "label=v", "product_name=p", "item_name=j"))

    def test_values_are_spelt_as_python_does(self):
        tags = {"t": True, "f": 1.5, "n": 100, "null": None, "list": ["x"], "object": {}}
        source = document({"1": {"items": {"i": tags}}}, null="top", list="top")
        self.assertEqual([("1", "i")], selected(source, "t=True", "f=1.5", "n=100", "object="))
        self.assertEqual(
            [("1", "i")], selected(source, "null=top", "list=top"), "what is no scalar is invisible"
        )

    def test_aliases_override_at_any_depth(self):
        source = document(
            {"1": {"items": {"i": {"crsn": "one", "region": "mine"}, "j": {"crsn": "two"}}}},
            _aliases={"crsn": {"one": {"region": "RegionOne"}, "two": {"region": "RegionTwo"}}},
        )
        self.assertEqual([("1", "i")], selected(source, "region=RegionOne", "crsn=one"))
        self.assertEqual([("1", "j")], selected(source, "region=RegionTwo"))

    def test_an_unknown_alias_is_an_error(self):
        source = document({"1": {"items": {"i": {"crsn": "three"}}}}, _aliases={"crsn": {"one": {}}})
        with self.assertRaises(KeyError):
            selected(source)

    def test_max_counts_versions_by_their_bytes_after_the_filters(self):
        items = {"i": {"ftype": "a"}}
        source = document(
            {
                "9": {"items": items},
                "10": {"items": items},
                "99": {"items": {}},
                "98": {},
                "97": {"items": {"j": {}}},
            }
        )
        self.assertEqual([("9", "i")], selected(source, "ftype=a", max_versions=1))
        self.assertEqual([("9", "i"), ("10", "i")], selected(source, "ftype=a", max_versions=2))
        self.assertEqual([("97", "j")], selected(source, max_versions=1))

    def test_every_item_of_a_chosen_version_is_taken(self):
        source = document({"1": {"items": {"b": {}, "a": {}}}, "2": {"items": {"d": {}, "c": {}}}})
        self.assertEqual([("2", "d"), ("2", "c")], selected(source, max_versions=1))


if __name__ == "__main__":
    unittest.main()
