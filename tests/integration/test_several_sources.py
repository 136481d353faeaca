"""Sources that are slow, or that do not answer, beside others that are and do."""

import itertools
import time
import unittest

from stream_tree import StreamTree, write_random
from tree_case import NEW, TreeCase, entry
from tree_server import TreeServer

DONE, ITEMS_FAILED, SOURCE_UNAVAILABLE = 0, 1, 4
ITEMS = "/server/*"


class Turns(TreeCase):
    """Two jobs, and a source whose items are larger and do not come (ADR 0028)."""

    def make_stream(self, name):
        return self.make_sized(name, 20_000)

    def make_sized(self, name, size):
        tree = StreamTree(self.work / name, self.key)
        for release in ("bionic", "focal"):
            tree.add_version(release, "amd64", NEW, {"disk1.img": size}, writer=write_random)
        tree.write()
        return tree

    def entries(self, slow, fast):
        return [entry(slow.url, name="slow"), entry(fast.url, name="fast")]

    def test_the_slow_one_keeps_no_other_waiting(self):
        larger = self.make_sized("larger", 500_000)
        rule = {"path": ITEMS, "stall_after": 1000}
        with TreeServer(larger.root, rules=[rule]) as slow, self.served() as fast:
            config = self.configure(*self.entries(slow, fast), jobs=2)
            process = self.program.start("sync", "-c", config)
            try:
                for release in ("bionic", "focal"):
                    fast.wait_for(self.path(release, NEW))
            finally:
                process.terminate()
                process.communicate()

    def test_the_rate_is_that_of_the_whole_process(self):
        """Of all jobs and sources together; what came last is not waited for."""
        sizes, limit = (3 << 20, 4 << 20), 4 << 20
        first, second = (self.make_sized(f"of {size}", size) for size in sizes)
        with self.served(first) as one, self.served(second) as other:
            begin = time.monotonic()
            run = self.sync(*self.entries(one, other), jobs=4, limit_rate=limit)
            duration = time.monotonic() - begin
        self.assertEqual(DONE, run.status, run.err)
        self.assertLess(2 * sum(sizes) / duration, 1.2 * limit)

    def test_the_same_server_in_two_entries_has_one_turn(self):
        larger = self.make_sized("stream/larger", 500_000)
        third = self.make_sized("third", 10_000)
        rule = {"path": f"/larger{ITEMS}", "stall_after": 1000}
        with TreeServer(self.stream.root, rules=[rule]) as server, self.served(third) as other:
            entries = [entry(f"{server.url}larger/", name="large"), *self.entries(server, other)]
            config = self.configure(*entries, jobs=2)
            process = self.program.start("sync", "-c", config)
            try:
                for release in ("bionic", "focal"):
                    other.wait_for(self.path(release, NEW))
            finally:
                process.terminate()
                process.communicate()
            self.assertFalse([path for path in server.paths() if path == f"/{self.path('focal', NEW)}"])


class Silent(TreeCase):
    """A source that takes requests and does not answer them (ADR 0030). Hosts are told apart by name."""

    IMPATIENT = {
        "jobs": 1,
        "timeouts": {"first_byte": "1s"},
        "retries": {"attempts": 2, "budget": "3s"},
    }
    SERIALS = [str(20210701 + day) for day in range(6)]
    VERSIONS = tuple(itertools.product(("bionic", "focal"), SERIALS))
    WHY = "not asked: 127.0.0.1 has not answered for as long as retries.budget lets it (3 s)"

    def make_stream(self, name):
        tree = StreamTree(self.work / name, self.key)
        for version in self.VERSIONS:
            self.add(tree, *version)
        tree.write()
        return tree

    def silent_to(self, paths):
        return self.enterContext(TreeServer(self.stream.root, rules=[{"path": paths, "delay": 3600}]))

    def sync_all(self, *servers):
        first, *others = (server.url for server in servers)
        return self.sync(entry(first, max=len(self.SERIALS), mirrors=others), **self.IMPATIENT)

    def asked(self, server):
        """Of the items, each once."""
        return {path.lstrip("/") for path in server.paths()} & self.items()

    def items(self):
        return {self.path(*version) for version in self.VERSIONS}

    def test_is_asked_for_few_items_and_each_is_told(self):
        server = self.silent_to(ITEMS)
        run = self.sync_all(server)
        self.assertEqual(ITEMS_FAILED, run.status, run.err)
        asked = self.asked(server)
        self.assertTrue(0 < len(asked) <= 3, asked)
        failed = [line for line in run.err.splitlines() if line.startswith("error") and self.WHY in line]
        for path in self.items() - asked:
            self.assertTrue(any(path in line for line in failed), f"{path}: {run.err}")

    def test_the_next_base_is_asked_at_once(self):
        first = self.silent_to(ITEMS)
        second = self.enterContext(TreeServer(self.stream.root, address="127.0.0.2"))
        run = self.sync_all(first, second)
        self.assertEqual(DONE, run.status, run.err)
        self.assertTrue(0 < len(self.asked(first)) <= 3, self.asked(first))
        self.assertEqual(self.items(), self.asked(second))
        self.assertEqual(self.items(), self.images())
        for path in self.items():
            passed_by = f"warning: {path}: asking {second.url}{path} instead: "
            self.assertTrue(any(line.startswith(passed_by) for line in run.err.splitlines()), run.err)

    def test_its_documents_are_not_asked_for_either(self):
        server = self.silent_to("*")
        entries = [entry(f"{server.url}{name}/", name=name) for name in ("one", "two", "three", "four")]
        run = self.sync(*entries, **self.IMPATIENT)
        self.assertEqual(SOURCE_UNAVAILABLE, run.status, run.err)
        self.assertFalse([path for path in server.paths() if path.startswith("/four/")])
        self.assertIn(self.WHY, run.err)


if __name__ == "__main__":
    unittest.main()
