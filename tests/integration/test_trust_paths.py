"""Where a source may lead us (threats-and-faults.md T13), and what somebody planted in the tree (T14)."""

import json
import os
import unittest
from pathlib import Path

from clearsigned import parts
from stream_tree import content_id, product_name
from tree_case import INDEX, ITEM_SIZE, NEW, NEWEST, PRODUCTS, TreeCase, differences, entry, snapshot

BIONIC = product_name("bionic", "amd64")

REFUSED, TARGET_REFUSES = 3, 5

HOSTILE = {
    "up": "../x.img",
    "up and no further": "..",
    "up at the end": "a/..",
    "up and down": "a/../b.img",
    "up twice": "a/../../b.img",
    "up with a letter before": "a/b/../../../c.img",
    "the same place": "a/./b.img",
    "only the same place": ".",
    "the same place first": "./x.img",
    "the same place last": "a/.",
    "from the root": "/etc/x.img",
    "another host": "//host.example/x.img",
    "three slashes": "///x.img",
    "a scheme": "http://host.example/x.img",
    "a file": "file:///etc/passwd",
    "a scheme without slashes": "gopher:x",
    "a drive": "C:/x.img",
    "an empty segment": "a//x.img",
    "an empty name": "a/",
    "up, encoded": "%2e%2e/x.img",
    "up, encoded in upper case": "%2E%2E%2Fx.img",
    "up, half encoded": ".%2e/x.img",
    "up, encoded inside": "a/%2e%2e/%2e%2e/x.img",
    "a slash, encoded": "..%2fx.img",
    "the root, encoded": "%2fetc%2fx.img",
    "a backslash": "a\\x.img",
    "up by backslashes": "..\\..\\x.img",
    "up by encoded backslashes": "..%5c..%5cx.img",
    "NUL": "a\0.img",
    "NUL, encoded": "a%00.img",
    "a newline": "a\nx.img",
    "a newline, encoded": "a%0ax.img",
    "a carriage return": "a\rx.img",
    "a tab": "a\tx.img",
    "an escape": "a\x1b[2Jx.img",
    "DEL": "a\x7fx.img",
    "a control character of Latin-1": "a\u009bx.img",
    "bytes that are no UTF-8, encoded": "a%ffx.img",
    "an encoding that is none": "a%zzx.img",
    "an encoding cut off": "x.img%2",
    "a long name": "a" * 256 + "/x.img",
    "a long path": "a/" * 2498 + "x.img",
    "a query": "x.img?y",
    "a fragment": "x.img#y",
    "our record": ".data/x.img",
    "our record in upper case": ".DATA/x.img",
    "our record, encoded": ".%64ata/x.img",
    "our record further down": "a/.data/x.img",
    "our own directory": ".streamsync/x.img",
    "our partial file": "x.img.part",
    "our partial file, encoded": "x.img%2Epart",
    "our partial file as a directory": "x.part/x.img",
}

# Names that are odd and lead nowhere else: they are taken. Of those that T13 names, CON means something to
# Windows alone, and we make no trees there; `.state` is a name like others as long as our own state is not
# kept below it, which is another test.
HARMLESS = [
    "CON",
    "...",
    "..a/x..",
    "-rf/--help",
    "~/x",
    "$HOME/$(x)/`x`/*",
    "with blanks/ x ",
    "a/b:c",
    "@host.example/x",
    "'\"/x",
    "\u00fc/\u65e5\u672c",
    "a" * 250 + "/x",
]


class Paths(TreeCase):
    def setUp(self):
        super().setUp()
        self.server = self.enterContext(self.served())

    def entry_for(self, name, index):
        """An entry of a run, with an index of its own."""
        path = f"streams/v1/{name}.index.sjson"
        self.sign(path, index)
        return entry(self.server.url, name=name, path=path)

    def index_naming(self, path):
        index = json.loads(parts((self.stream.root / INDEX).read_bytes())[1])
        index["index"][content_id("released")]["path"] = path
        return index

    def entry_with_products(self, name):
        """The same, whose products document is as the stream's is now."""
        path = f"streams/v1/{name}.products.sjson"
        self.sign(path, self.stream.documents[content_id("released")])
        return self.entry_for(name, self.index_naming(path))

    def assert_each_refused(self, entries):
        """For its path, with nothing fetched but documents and nothing new anywhere around."""
        config, report = self.configure(*entries), self.work / "report"
        report.touch()
        before = self.around()
        run = self.program.run("sync", "-c", config, "--report", report)
        self.assert_refused(self.server, run)
        for mirror in json.loads(report.read_bytes())["mirrors"]:
            with self.subTest(mirror["name"]):
                self.assertEqual(mirror["status"], "refused")
                self.assertIn("unsafe path", mirror["error"]["message"])
        allowed = {f"/{path.relative_to(self.stream.root)}" for path in self.stream.root.glob("streams/v1/*")}
        self.assertTrue(set(self.server.paths()) <= allowed, self.server.paths())
        self.assertFalse(self.target.exists())
        self.assertEqual(differences(before, self.around()), [str(report)])

    def around(self):
        """All that lies beside the target, but for the state, which has a test of its own."""
        return {path: held for path, held in snapshot(self.work).items() if not path.startswith(str(self.program.state))}

    def sign(self, path, document):
        text = json.dumps(document, indent=1).encode()
        # GnuPG breaks longer lines.
        assert max(map(len, text.splitlines())) < 19000
        (self.stream.root / path).write_bytes(self.key.clearsign(text + b"\n"))

    def test_a_hostile_path_of_an_item_refuses_its_document(self):
        entries = []
        for name, path in HOSTILE.items():
            self.stream.item(BIONIC, NEW, "disk1.img")["path"] = path
            entries.append(self.entry_with_products(name))
        self.assert_each_refused(entries)

    def test_a_hostile_path_of_a_document_refuses_the_index(self):
        self.assert_each_refused(
            [self.entry_for(name, self.index_naming(path)) for name, path in HOSTILE.items()]
        )

    def test_what_is_refused_for_a_path_does_not_replace_what_was_accepted(self):
        """In the state, which is what a run goes by when the source can't be read."""
        self.assertEqual(self.sync(entry(self.server.url)).status, 0)
        before = snapshot(self.program.state)
        self.stream.item(BIONIC, NEW, "disk1.img")["path"] = "../x.img"
        self.stream.write()
        self.assertEqual(self.sync(entry(self.server.url)).status, REFUSED)
        self.assertEqual(differences(before, snapshot(self.program.state)), [])

    def test_a_hostile_path_is_refused_though_nobody_wants_its_item(self):
        self.stream.item(BIONIC, NEW, "disk1.img").update(path="../x.img", ftype="manifest")
        self.assert_each_refused([self.entry_with_products("unwanted")])

    def test_a_hostile_path_is_refused_where_items_inherit_it(self):
        del self.stream.item(BIONIC, NEW, "disk1.img")["path"]
        entries = []
        for name, level in (("version", self.stream.version(BIONIC, NEW)), ("product", self.stream.product(BIONIC))):
            level["path"] = "../x.img"
            entries.append(self.entry_with_products(name))
            del level["path"]
        self.assert_each_refused(entries)

    def test_harmless_paths_are_taken_as_they_are(self):
        for number, path in enumerate(HARMLESS):
            self.stream.add_item(BIONIC, NEW, f"odd{number}", path, size=100, ftype="disk1.img")
        self.stream.write()
        around = set(os.listdir(self.work))
        run = self.sync(entry(self.server.url))
        self.assertEqual(run.status, 0, run.err)
        for path in HARMLESS:
            self.assertEqual((self.target / path).read_bytes(), (self.stream.root / path).read_bytes(), path)
        self.assertEqual(set(os.listdir(self.work)) - around, {"images", "state", "config.yaml"})

    def test_no_item_goes_into_our_own_state(self):
        """An operator who keeps it inside the tree is told to take it elsewhere."""
        self.program.state = self.target / "server/.state"
        for number, name in enumerate(("x.img", "lock", "verified/x.img", "last-run.json")):
            self.stream.add_item(BIONIC, NEW, f"own{number}", f"server/.state/{name}", size=10, ftype="disk1.img")
        self.stream.write()
        run = self.sync(entry(self.server.url))
        self.assertEqual(run.status, 2, run.err)
        self.assertIn("state directory", run.last_words())
        self.assertFalse(self.target.exists())


class PlantedLinks(TreeCase):
    """A victim outside the tree, and a link to it where the next run will write."""

    def setUp(self):
        super().setUp()
        self.victim = self.work / "victim"
        self.victim.mkdir()
        (self.victim / "file").write_text("precious", encoding="ascii")
        self.server = self.enterContext(self.served())
        self.item = self.path("bionic", NEW)

    def plant(self, place, towards):
        path = self.target / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(towards)

    def assert_victim_untouched(self, statuses=(REFUSED,)):
        before = snapshot(self.victim)
        run = self.sync(entry(self.server.url))
        self.assertEqual(differences(before, snapshot(self.victim)), [])
        self.assertIn(run.status, statuses, run.err)
        return run

    def test_links_to_a_directory(self):
        for place in ("server", "server/releases/bionic", "streams", "streams/v1", ".data"):
            with self.subTest(place):
                self.setUp()
                self.plant(place, self.victim)
                run = self.assert_victim_untouched()
                self.assertIn("link", run.last_words())

    def test_links_to_a_file(self):
        record = f".data/{content_id('released')}"
        for place in (self.item, INDEX, PRODUCTS, record):
            for name in (place, f"{place}.part"):
                with self.subTest(name):
                    self.setUp()
                    self.plant(name, self.victim / "file")
                    self.assert_victim_untouched()

    def test_links_to_a_file_that_is_not_there_yet(self):
        for name in (self.item, f"{self.item}.part", INDEX, f"{INDEX}.part"):
            with self.subTest(name):
                self.setUp()
                self.plant(name, self.victim / "new")
                self.assert_victim_untouched()

    def test_a_link_that_stays_inside_the_tree_is_not_followed_either(self):
        self.plant("server", self.target / "elsewhere")
        (self.target / "elsewhere").mkdir()
        run = self.sync(entry(self.server.url))
        self.assertEqual(run.status, REFUSED, run.err)
        self.assertEqual(list((self.target / "elsewhere").iterdir()), [])

    def test_another_name_of_a_file_is_no_place_to_write(self):
        """A hard link needs no following."""
        for name in (f"{self.item}.part", f"{INDEX}.part"):
            with self.subTest(name):
                self.setUp()
                path = self.target / name
                path.parent.mkdir(parents=True)
                path.hardlink_to(self.victim / "file")
                self.assert_victim_untouched()

    def test_a_pipe_does_not_hold_the_run_up(self):
        for name in (self.item, f"{self.item}.part"):
            with self.subTest(name):
                self.setUp()
                path = self.target / name
                path.parent.mkdir(parents=True)
                os.mkfifo(path)
                self.assert_victim_untouched((REFUSED, TARGET_REFUSES))

    def test_a_link_that_comes_between_two_runs_is_not_followed_by_a_removal(self):
        self.sync(entry(self.server.url))
        self.stream.remove_version(BIONIC, NEW)
        self.add(self.stream, "bionic", NEWEST)
        self.stream.write()
        old = (self.target / self.item).parent
        old.rename(self.victim / "moved")
        old.symlink_to(self.victim / "moved")
        self.assert_victim_untouched()
        self.assertEqual((self.victim / "moved" / Path(self.item).name).stat().st_size, ITEM_SIZE)

    def test_the_tree_itself_may_be_a_link(self):
        """That one the operator has made."""
        place = self.work / "disk"
        place.mkdir()
        self.target.symlink_to(place)
        run = self.sync(entry(self.server.url))
        self.assertEqual(run.status, 0, run.err)
        self.assertEqual((place / self.item).stat().st_size, ITEM_SIZE)

    def test_the_state_directory_is_as_careful(self):
        self.sync(entry(self.server.url))
        kept = self.program.state / "verified"
        kept.rename(self.victim / "verified")
        kept.symlink_to(self.victim / "verified")
        self.add(self.stream, "bionic", NEWEST)
        self.stream.write()
        before = snapshot(self.victim)
        run = self.sync(entry(self.server.url))
        self.assertEqual(differences(before, snapshot(self.victim)), [])
        self.assertEqual(run.status, REFUSED, run.err)


if __name__ == "__main__":
    unittest.main()
