"""Names that a source made up reach no terminal and no line of ours as they are (threats-and-faults.md T22)."""

import json
import unicodedata
import unittest

from clearsigned import parts
from stream_tree import content_id, product_name
from tree_case import INDEX, NEW, TreeCase, entry

# Sets the title of a terminal, ends a line, ends a string, goes up a line by a control character of Latin-1.
HOSTILE = "a\x1b]0;title\x07\n\"b'\\ $(c) `d`\r\t\x7f\u009b1A\u0085"
LONG = "n" * 300
FAILED_ALONE, REFUSED, UNAVAILABLE, TARGET_REFUSES = 1, 3, 4, 5


def control_characters(text, allowed="\n"):
    return sorted({hex(ord(c)) for c in text if unicodedata.category(c) == "Cc" and c not in allowed})


class Names(TreeCase):
    """Two products of such names, one good and one that fails."""

    def setUp(self):
        super().setUp()
        products = self.stream.documents[content_id("released")]["products"]
        for release, suffix in (("bionic", "good"), ("focal", "bad")):
            product = products.pop(product_name(release, "amd64"))
            product["versions"] = {f"{NEW}{HOSTILE}": product["versions"][NEW]}
            version = product["versions"][f"{NEW}{HOSTILE}"]
            version["items"] = {f"disk1.img{HOSTILE}": version["items"]["disk1.img"]}
            version["pubname"] = version["label"] = HOSTILE
            product["release_title"] = f"LTS {HOSTILE}"
            product["aliases"] = HOSTILE
            products[f"{suffix}{HOSTILE}{LONG}"] = product
        self.good, self.bad = products
        self.items = {name: next(iter(p["versions"].values()))["items"] for name, p in products.items()}
        next(iter(self.items[self.bad].values()))["sha256"] = HOSTILE
        self.stream.write()
        self.server = self.enterContext(self.served())
        self.everything = entry(self.server.url, item_filters=["ftype=disk1.img"])

    def assert_clean(self, run, allowed="\n"):
        self.assertEqual(control_characters(run.out, allowed), [])
        self.assertEqual(control_characters(run.err), [])

    def test_what_a_run_prints(self):
        for arguments in ([], ["--log-level", "trace"], ["--log-format", "json"], ["--output", "json"]):
            with self.subTest(arguments):
                run = self.sync(self.everything, arguments=arguments)
                self.assertEqual(run.status, FAILED_ALONE, run.err)
                self.assert_clean(run)
                self.assertIn("bad", run.last_words())

    def test_what_a_plan_prints(self):
        for arguments in ([], ["--output", "json"]):
            with self.subTest(arguments):
                run = self.program.run("plan", "-c", self.configure(self.everything), *arguments)
                self.assert_clean(run)
                self.assertIn("bad", run.out)

    def test_bars_hold_no_escapes_but_our_own(self):
        run = self.sync(self.everything, arguments=["--progress", "always"])
        self.assertNotIn("\x1b]", run.err)
        self.assertEqual(control_characters(run.err, "\n\x1b"), [])

    def test_log_lines_of_json_are_json(self):
        run = self.sync(self.everything, arguments=["--log-format", "json"])
        said = [json.loads(line) for line in run.err.splitlines()]
        self.assertTrue(any("bad" in line["message"] for line in said), run.err)

    def test_the_report_has_the_names_and_no_raw_control_characters(self):
        self.sync(self.everything, arguments=["--report", self.work / "report"])
        for path in (self.work / "report", self.program.state / "last-run.json"):
            with self.subTest(path.name):
                text = path.read_text(encoding="utf-8")
                self.assertEqual(control_characters(text), [])
                self.assertEqual({self.good, self.bad}, {a["product_name"] for a in json.loads(text)["actions"]})

    def test_a_query_prints_a_line_an_item(self):
        query = ("query", "--keyring", self.keyring, self.stream.root, "ftype=disk1.img")
        run = self.program.run(*query)
        self.assertEqual(run.status, 0, run.err)
        self.assert_clean(run, "\n\t")
        self.assertEqual([5, 5], [line.count("\t") for line in run.lines()])
        run = self.program.run(*query, "--format", "%(product_name)s %(release_title)s")
        self.assert_clean(run)
        self.assertEqual(2, run.out.count("\n"))
        run = self.program.run(*query, "--output", "json")
        self.assert_clean(run)
        self.assertEqual({self.good, self.bad}, {item["product_name"] for item in json.loads(run.out)})

    def test_the_record_of_a_tree_knows_the_names_again(self):
        self.sync(self.everything)
        self.assertIn(self.path("bionic", NEW), self.images())
        run = self.sync(self.everything)
        self.assertEqual((FAILED_ALONE, ""), (run.status, run.out), run.err)

    def test_a_content_id_like_that_is_a_file_below_our_directory(self):
        for name in (HOSTILE, "../../x", "/etc/x", "..", "%2e%2e"):
            with self.subTest(name):
                self.setUp()
                self.rename_stream(name)
                beside = set(self.work.iterdir()) | {self.target}
                run = self.sync(self.everything)
                self.assert_clean(run)
                self.assertEqual(set(self.work.iterdir()) - beside, {self.program.state, self.work / "config.yaml"})
                self.assertEqual({"server", "streams", ".data"}, {path.name for path in self.target.iterdir()})
                self.assertEqual(run.status, 0, run.err)
                self.assertEqual(self.sync(self.everything).out, "")

    def test_a_content_id_that_is_too_long_for_a_file_is_named_as_the_reason(self):
        self.rename_stream(LONG)
        run = self.sync(self.everything)
        self.assertIn(run.status, (REFUSED, TARGET_REFUSES), run.err)
        self.assertIn(LONG[:100], run.last_words())
        self.assertEqual(self.images(), set())

    def rename_stream(self, name):
        document = self.stream.documents.pop(content_id("released"))
        self.stream.documents["x"] = document
        document["content_id"] = name
        del document["products"][self.bad]
        self.stream.write()
        index = json.loads(parts((self.stream.root / INDEX).read_bytes())[1])
        index["index"][name] = index["index"].pop("x")
        (self.stream.root / INDEX).write_bytes(self.key.clearsign(json.dumps(index, indent=1).encode()))

    def test_a_refusal_quotes_its_reason_cleanly(self):
        next(iter(self.items[self.bad].values()))["path"] = f"../{HOSTILE}"
        self.stream.write()
        run = self.sync(self.everything)
        self.assertEqual(run.status, REFUSED, run.err)
        self.assert_clean(run)

    def test_what_a_server_says_is_printed_as_cleanly(self):
        with self.served(statuses={f"/{INDEX}": 404}) as server:
            run = self.sync(entry(server.url, name=f"mirror{HOSTILE}".replace("/", "")))
            self.assertEqual(run.status, UNAVAILABLE, run.err)
            self.assert_clean(run)


if __name__ == "__main__":
    unittest.main()
