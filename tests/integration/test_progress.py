"""Progress bars, as somebody at a terminal sees them."""

import itertools
import re
import unittest

from stream_tree import StreamTree, item_path, write_random
from streamsync_program import Program
from terminal_run import TerminalRun
from tree_case import NEW, TreeCase, entry
from tree_server import TreeServer

DONE, NO_TARGET = 0, 5
MB = 1_000_000
MEBIBYTE = 1 << 20
JOBS = 4
UNITS = {"B": 1, "kB": 1000, "MB": MB}
TOTAL = re.compile(r"\] ([\d.]+) (\w+) of ")
RATE = re.compile(r", ([\d.]+) (\w+)/s, \d+ s left")
LEFT = re.compile(r"/s, (\d+) s left")


def found(pattern, run, *, below=""):
    """What each total said, in bytes, where the line before it has that."""
    lines = ["", *run.lines()]
    totals = [line for before, line in itertools.pairwise(lines) if below in before]
    return [float(number) * UNITS[unit] for line in totals for number, unit in pattern.findall(line)]


class Progress(TreeCase):
    def make_stream(self, name):
        return StreamTree(self.work / name, self.key)

    def add_items(self, release, items):
        self.stream.add_version(release, "amd64", NEW, items, writer=write_random)

    def begin(self, target, size):
        """As a run leaves it that is killed when so much has come."""
        path = self.path("focal", NEW)
        part = target / f"{path}.part"
        part.parent.mkdir(parents=True)
        part.write_bytes((self.stream.root / path).read_bytes()[:size])

    def watched(self, *rules, rows=24, environment=None, arguments=(), **keys):
        self.stream.write()
        with TreeServer(self.stream.root, rules=rules) as server:
            config = self.configure(entry(server.url, item_filters=[]), **keys)
            run = TerminalRun(self.program, "sync", "-c", config, *arguments, rows=rows, environment=environment)
        self.assertEqual(DONE, run.status, run.text)
        return run

    def test_what_has_ended_has_no_bar(self):
        """Also while what comes before it in the plan has not."""
        self.add_items("bionic", {"big.img": 3 * MB // 2})
        self.add_items("focal", {f"{number:02}.img": 2000 for number in range(30)})
        run = self.watched({"path": "*big.img", "rate": MB}, jobs=JOBS)
        self.assertTrue(run.heights())
        self.assertLessEqual(max(run.heights()), JOBS + 1, run.text)

    def test_there_are_as_many_bars_as_fit(self):
        self.add_items("focal", {f"{number:02}.img": 3 * MB // 2 for number in range(12)})
        run = self.watched({"path": "*.img", "rate": MB}, jobs=12, rows=8)
        self.assertTrue(run.heights())
        self.assertLess(max(run.heights()), 8, run.text)
        self.assertIn("more", [line.split()[-1] for line in run.lines() if line.startswith("and ")])

    def drawn_with(self, **environment):
        """What a run wrote that copied an item."""
        self.target = self.work / str(environment)
        run = self.watched(environment=environment)
        self.assertIn("copied ", run.text)
        return run.text

    def test_no_escapes_for_who_wants_none(self):
        self.add_items("focal", {"disk1.img": 2000})
        self.assertIn("\x1b", self.drawn_with(NO_COLOR=""))
        self.assertNotIn("\x1b", self.drawn_with(NO_COLOR="1"))
        self.assertNotIn("\x1b", self.drawn_with(TERM="dumb"))

    def test_no_escapes_among_lines_of_json(self):
        self.add_items("focal", {"disk1.img": 2000})
        run = self.watched(arguments=["--log-format", "json"])
        self.assertNotIn("\x1b", run.text)
        self.assertIn('"message"', run.text)

    def test_what_is_only_read_again_is_no_speed(self):
        self.add_items("focal", {"disk1.img": 8 * MEBIBYTE})
        self.begin(self.target, 6 * MEBIBYTE)
        run = self.watched({"path": "*.img", "rate": MB})
        self.assertTrue(found(RATE, run), run.text)
        self.assertLess(max(found(RATE, run)), 3 * MB, run.text)
        self.assertIn(f"copied {self.path('focal', NEW)}: 2.1 MB of 8.4 MB in ", run.text)

    def test_nor_is_what_one_target_gives_to_others(self):
        self.add_items("focal", {"disk1.img": 8 * MEBIBYTE})
        self.assert_slow_and_far_from_ready("alike", 4, 4)
        self.assert_slow_and_far_from_ready("one has less", 4, 2)
        self.assert_slow_and_far_from_ready("one has nothing", 4, 4, 0)

    def assert_slow_and_far_from_ready(self, name, *begun):
        """Of 8 MiB each target has begun so many; the last 4 take as many seconds."""
        targets = [self.work / name / str(number) for number in range(len(begun))]
        for target, mebibytes in zip(targets, begun, strict=True):
            self.begin(target, mebibytes * MEBIBYTE)
        run = self.watched({"path": "*.img", "rate": MB}, images=[str(target) for target in targets])
        with self.subTest(name):
            self.assertTrue(found(RATE, run), run.text)
            self.assertLess(max(found(RATE, run)), 3 * MB * len(targets), run.text)
            self.assertGreater(max(map(int, LEFT.findall(run.text))), 1, run.text)
            for target in targets:
                self.assertIn(f" to {target}: 4.2 MB of 8.4 MB in ", run.text)

    def test_a_total_does_not_fall_while_an_item_waits(self):
        self.add_items("bionic", {"disk1.img": 4 * MEBIBYTE})
        self.add_items("focal", {"disk1.img": 4 * MEBIBYTE + 1})
        waiting = item_path("bionic", "amd64", NEW, "disk1.img", "released")
        run = self.watched(
            {"path": f"/{waiting}", "times": 1, "close_after": 3 * MEBIBYTE, "rate": 4 * MB},
            {"path": f"/{waiting}", "times": 1, "status": 503, "retry_after": "1"},
            {"path": "*focal*", "rate": 2 * MB},
        )
        totals = found(TOTAL, run)
        self.assertGreater(len(totals), 3, run.text)
        self.assertEqual(sorted(totals), totals, run.text)

    def test_what_services_are_waited_for_is_told(self):
        """Else a run seems to hang while Keystone is started anew."""
        names = ("USERNAME", "PASSWORD", "PROJECT_NAME", "USER_DOMAIN_NAME", "PROJECT_DOMAIN_NAME")
        self.stream.write()
        with TreeServer(self.stream.root, rules=[{"path": "/v3/*", "status": 503}]) as keystone:
            environment = {f"OS_{name}": "x" for name in names} | {"OS_AUTH_URL": f"{keystone.url}v3"}
            program = Program(self.work, **environment)
            config = self.configure(
                entry(keystone.url), images="glance", retries={"attempts": 3, "max_wait": "0s"}
            )
            run = program.run("sync", "-c", config)
        self.assertEqual(NO_TARGET, run.status, run.err)
        told = [line for line in run.err.splitlines() if "status 503; trying again in 0.0 s" in line]
        self.assertEqual(2, len(told), run.err)
        self.assertTrue(all(line.startswith("warning: 127.0.0.1: ") for line in told), run.err)

    def test_what_is_put_off_has_no_bar_but_counts(self):
        self.add_items("bionic", {"disk1.img": 4 * MEBIBYTE + 1})
        self.add_items("focal", {"disk1.img": 4 * MEBIBYTE})
        missing = item_path("bionic", "amd64", NEW, "disk1.img", "released")
        run = self.watched(
            {"path": f"/{missing}", "times": 1, "close_after": 3 * MEBIBYTE, "rate": 8 * MB},
            {"path": f"/{missing}", "times": 1, "status": 404},
            {"path": "*focal*", "rate": 8 * MB},
            jobs=1,
            retries={"max_wait": "0s"},
        )
        self.assertLessEqual(max(run.heights()), 2, run.text)
        while_another_came = found(TOTAL, run, below="focal")
        self.assertTrue(while_another_came, run.text)
        self.assertGreater(min(while_another_came), 4 * MB, run.text)
        self.assertLess(max(found(TOTAL, run)), 8.5 * MB, run.text)


if __name__ == "__main__":
    unittest.main()
