"""Regular expressions take linear time, whoever wrote them (threats-and-faults.md T21)."""

import time
import unittest

from tree_case import NEW, TreeCase, entry

USAGE = 2
# GnuPG breaks lines that are longer.
LONG = "a" * 18000
RUNS = 3


class Filters(TreeCase):
    def setUp(self):
        super().setUp()
        for document in self.stream.documents.values():
            for product in document["products"].values():
                for number in range(20):
                    product["versions"][NEW][f"long{number}"] = LONG + "!"
        self.stream.write()

    def shortest(self, *filters):
        """Of some runs; what each of them says must be the same."""
        took, said = [], set()
        for _ in range(RUNS):
            begin = time.monotonic()
            run = self.program.run("query", "--keyring", self.keyring, self.stream.root, *filters, timeout=60)
            took.append(time.monotonic() - begin)
            self.assertEqual(run.status, 0, run.err)
            said.add(run.out)
        self.assertEqual(len(said), 1)
        return min(took), said.pop()

    def test_an_expression_that_ruins_backtracking_takes_no_longer_than_a_plain_one(self):
        """By backtracking, one of them takes 2^18000 steps a value."""
        plain, found = self.shortest(f"version_name={NEW}", *(f"long{number}~b" for number in range(20)))
        self.assertEqual(found, "")
        for pattern in ("(a+)+$", "^(a|a)*$", "(.*)*x$", "(a|aa)+$", "^(([a-z])+.)+[A-Z]([a-z])+$"):
            with self.subTest(pattern):
                ruinous, found = self.shortest(
                    f"version_name={NEW}", *(f"long{number}~{pattern}" for number in range(20))
                )
                self.assertEqual(found, "")
                self.assertLess(ruinous, 5 * plain)

    def test_an_expression_that_finds_something_is_as_fast(self):
        plain, all_items = self.shortest()
        ruinous, found = self.shortest(*(f"long{number}~(a+)+!$" for number in range(20)), f"version_name={NEW}")
        self.assertEqual(found.splitlines(), [line for line in all_items.splitlines() if NEW in line])
        self.assertLess(ruinous, 5 * plain)

    def test_what_can_not_be_linear_is_an_error_that_names_it(self):
        for pattern, feature in {
            "(?=x)": "(?=",
            "(?!x)": "(?!",
            "(?<=x)y": "(?<",
            "(?<!x)y": "(?<",
            "(a)\\1": "\\1",
            "(?P<n>a)(?P=n)": "(?P=n",
            "(?>a)": "(?>",
        }.items():
            with self.subTest(pattern), self.served() as server:
                run = self.sync(entry(server.url, item_filters=[f"arch~{pattern}"]))
                self.assertEqual((run.status, server.requests()), (USAGE, []), run.err)
                for word in ("item_filters", feature):
                    self.assertIn(word, run.last_words())

    def test_an_expression_that_is_endless_itself_is_an_error(self):
        for pattern in ("a" * 100_000, "((((a{100}){100}){100}){100})"):
            with self.subTest(pattern[:20]), self.served() as server:
                run = self.sync(entry(server.url, item_filters=[f"arch~{pattern}"]))
                self.assertEqual((run.status, server.requests()), (USAGE, []), run.err)


if __name__ == "__main__":
    unittest.main()
