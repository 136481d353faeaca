"""Sources that are slow, or that do not answer, beside others that are and do."""

import time
import unittest

from stream_tree import StreamTree, write_random
from tree_case import NEW, TreeCase, entry
from tree_server import TreeServer

DONE = 0
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


if __name__ == "__main__":
    unittest.main()
