"""An item's bytes are those that the source signed for (threats-and-faults.md T11), and an item whose tags are
no use fails alone (T20)."""

import hashlib
import json
import unittest

from stream_tree import product_name
from tree_case import ITEM_SIZE, NEW, TreeCase, entry

FAILED_ALONE, REFUSED = 1, 3
BIONIC = product_name("bionic", "amd64")


class Items(TreeCase):
    """Bionic's item is spoilt, Focal's is not."""

    def setUp(self):
        super().setUp()
        self.bad, self.good = self.path("bionic", NEW), self.path("focal", NEW)
        self.server = self.enterContext(self.served())

    def item(self):
        return self.stream.item(BIONIC, NEW, "disk1.img")

    def with_tags(self, **tags):
        """A run after the item has got these tags; None takes one away."""
        self.item().update(tags)
        for name in [name for name, value in self.item().items() if value is None]:
            del self.item()[name]
        self.stream.write()
        self.server.take_requests()
        return self.sync(entry(self.server.url))

    def assert_failed_alone(self, run):
        self.assertEqual(run.status, FAILED_ALONE, run.err)
        self.assertIn("bionic", run.last_words().lower().replace(BIONIC, "bionic"))
        self.assertEqual(self.images(), {self.good})
        self.assertEqual([path for path in self.files() if path.endswith(".part")], [])


class Digests(Items):
    def test_a_good_md5_does_not_make_up_for_a_wrong_sha256(self):
        run = self.with_tags(sha256=hashlib.sha256(b"other").hexdigest())
        self.assertIn("/" + self.bad, self.server.paths())
        self.assert_failed_alone(run)

    def test_a_good_sha256_does_not_make_up_for_a_wrong_sha512(self):
        self.assert_failed_alone(self.with_tags(sha512=hashlib.sha512(b"other").hexdigest()))

    def test_digests_may_be_in_upper_case(self):
        item = self.item()
        run = self.with_tags(sha256=item["sha256"].upper(), md5=item["md5"].upper())
        self.assertEqual(run.status, 0, run.err)
        self.assertEqual(self.images(), {self.bad, self.good})

    def test_a_digest_that_is_none_is_not_passed_over_for_a_weaker_one(self):
        good = self.item()["sha256"]
        for name, digest in {
            "empty": "",
            "short": good[:-2],
            "long": good + "00",
            "no hex": "g" + good[1:],
            "an md5": self.item()["md5"],
            "blanks": f" {good}",
            "a prefix": f"sha256:{good}",
            "wide digits": "\uff11" + good[1:],
            "a number": 1,
            "true": True,
        }.items():
            with self.subTest(name):
                run = self.with_tags(sha256=digest)
                self.assertNotIn("/" + self.bad, self.server.paths())
                self.assert_failed_alone(run)

    def test_an_item_without_a_digest_is_not_asked_for(self):
        run = self.with_tags(sha256=None, md5=None)
        self.assertNotIn("/" + self.bad, self.server.paths())
        self.assert_failed_alone(run)

    def test_two_digests_for_one_path_refuse_both(self):
        focal = self.stream.item(product_name("focal", "amd64"), NEW, "disk1.img")
        run = self.with_tags(path=focal["path"])
        self.assertEqual(run.status, REFUSED, run.err)
        self.assertIn("two different digests", run.last_words())
        self.assertNotIn("/" + self.good, self.server.paths())
        self.assertEqual(self.images(), set())

    def test_two_items_may_share_a_path_and_a_digest(self):
        focal = self.stream.item(product_name("focal", "amd64"), NEW, "disk1.img")
        run = self.with_tags(**focal)
        self.assertEqual(run.status, 0, run.err)
        self.assertEqual(self.images(), {self.good})


class Sizes(Items):
    # As JSON has them; Python could not write them all.
    NO_SIZES = {
        "negative": "-1",
        "beyond all numbers": "1e400",
        "with a fraction": "20000.5",
        "with an exponent": "2e4",
        "2^53 and one": str(2**53 + 1),
        "2^63": str(2**63),
        "2^64 and what is right": str(2**64 + ITEM_SIZE),
        "a boolean": "true",
        "a list": f"[{ITEM_SIZE}]",
        "null": "null",
        "underscores": '"20_000"',
        "hexadecimal": '"0x4E20"',
        "a blank before": '" 20000"',
        "a sign": '"+20000"',
        "nothing": '""',
        "words": '"large"',
        "wide digits": '"\uff12\uff10\uff10\uff10\uff10"',
    }

    def with_size(self, text):
        self.item()["size"] = "the size"
        self.stream.write()
        self.server.take_requests()
        for path in (self.stream.root / "streams/v1").glob("*:*.json"):
            document = path.read_text(encoding="utf-8").replace('"the size"', text)
            path.with_suffix(".sjson").write_bytes(self.key.clearsign(document.encode()))
        return self.sync(entry(self.server.url))

    def test_a_size_that_is_none_fails_its_item_alone(self):
        for name, size in self.NO_SIZES.items():
            with self.subTest(name):
                run = self.with_size(size)
                self.assertNotIn("/" + self.bad, self.server.paths())
                self.assert_failed_alone(run)

    def test_a_size_may_be_a_string(self):
        for size in (str(ITEM_SIZE), json.dumps(str(ITEM_SIZE))):
            with self.subTest(size):
                self.assertEqual(self.with_size(size).status, 0)
                self.assertEqual(self.images(), {self.bad, self.good})

    def test_a_size_that_is_wrong_fails_its_item_alone(self):
        for size in (ITEM_SIZE - 1, ITEM_SIZE + 1, 0, 2**53):
            with self.subTest(size):
                self.assert_failed_alone(self.with_size(str(size)))


if __name__ == "__main__":
    unittest.main()
