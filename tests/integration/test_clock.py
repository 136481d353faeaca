"""The wall clock jumps (threats-and-faults.md F14): what waits does not notice, and what trusts says so."""

import datetime
import time
import unittest

import wall_clock
from invariants import read_generation
from stream_tree import SigningKey, clock_at
from streamsync_program import Program
from tree_case import NEWEST, TreeCase, differences, entry, snapshot
from tree_server import TreeServer

DONE, REFUSED = 0, 3
PATIENCE = 10
JUMPS = ({"days": -30}, {"days": 30})
NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
LONG_AGO = NOW - datetime.timedelta(days=60)
LONGER_AGO = NOW - datetime.timedelta(days=200)


def for_gnupg(time):
    return time.strftime("%Y%m%dT%H%M%S")


class KeyOfOld(SigningKey):
    """One that was made and used long ago."""

    def __init__(self, home):
        super().__init__(home, made=for_gnupg(LONGER_AGO))

    def clearsign(self, text, *options):
        return super().clearsign(text, *clock_at(for_gnupg(LONG_AGO)), *options)


@unittest.skipIf(wall_clock.why_not(), wall_clock.why_not())
class ClockCase(TreeCase):
    @classmethod
    def make_key(cls, home):
        return KeyOfOld(home)

    def setUp(self):
        super().setUp()
        self.stream.write(LONG_AGO)
        self.clock = self.enterContext(wall_clock.WallClock())
        self.program = Program(self.work, **self.clock.environment)

    def serve(self, *rules):
        return self.enterContext(TreeServer(self.stream.root, rules=rules))

    def start(self, server, **keys):
        """A run that has asked for an item, and is waiting for more of it."""
        process = self.program.start("sync", "-c", self.configure(entry(server.url), jobs=1, **keys))
        server.wait_for(".img")
        return process

    def assert_done(self, process):
        _, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(DONE, process.returncode, err.decode())
        self.assertEqual(2, len(self.images()))
        self.assert_holds(read_generation(self.stream.root))


class Timers(ClockCase):
    def seconds_between_tries(self, server):
        """Of the item that was asked for first."""
        first, second = server.moments(next(path for path in server.paths() if path.endswith(".img")))
        return second - first

    def test_a_stall_is_as_long_as_ever(self):
        for jump in JUMPS:
            with self.subTest(jump):
                self.setUp()
                server = self.serve({"path": "*.img", "times": 1, "stall_after": 1000})
                process = self.start(server, timeouts={"stall": "2s"})
                self.clock.set(**jump)
                self.assert_done(process)
                self.assertGreater(self.seconds_between_tries(server), 1)

    def test_a_wait_for_another_try_is_as_long_as_ever(self):
        for jump in JUMPS:
            with self.subTest(jump):
                self.setUp()
                server = self.serve({"path": "*.img", "times": 1, "status": 503, "retry_after": "2"})
                process = self.start(server)
                self.clock.set(**jump)
                self.assert_done(process)
                self.assertGreaterEqual(self.seconds_between_tries(server), 2)

    def test_so_is_the_budget_of_retries(self):
        server = self.serve({"path": "*.img", "times": 1, "status": 503, "retry_after": "2"})
        process = self.start(server, retries={"budget": "1h"})
        self.clock.set(days=30)
        self.assert_done(process)


class Trust(ClockCase):
    def test_a_run_judges_by_the_time_of_its_beginning(self):
        """Within max_age when it began; T7 has it so."""
        server = self.serve({"path": "*.img", "times": 1, "stall_after": 1000})
        process = self.program.start(
            "sync", "-c", self.configure(entry(server.url, max_age="70d"), timeouts={"stall": "1s"})
        )
        server.wait_for(".img")
        self.clock.set(days=30)
        self.assert_done(process)
        # The next one begins too late.
        run = self.sync(entry(server.url, max_age="70d"))
        self.assertEqual(REFUSED, run.status, run.err)
        self.assertIn("max_age", run.last_words())

    def test_a_clock_that_went_back_behind_the_documents_says_so(self):
        self.assert_refused_at(days=-90)

    def test_a_clock_that_went_back_behind_the_keys_says_so(self):
        """Of a machine without a battery."""
        self.assert_refused_at(days=-20000)

    def test_a_clock_that_went_back_behind_the_last_run_says_so(self):
        server = self.serve()
        self.assertEqual(DONE, self.sync(entry(server.url)).status)
        self.clock.set(days=-10)
        run = self.sync(entry(server.url))
        self.assertEqual(DONE, run.status, run.err)
        self.assertIn("warning", run.err)
        self.assertIn("clock", run.err)

    def assert_refused_at(self, **ahead):
        server = self.serve()
        self.assertEqual(DONE, self.sync(entry(server.url)).status)
        before = snapshot(self.target, self.program.state)
        self.add(self.stream, "focal", NEWEST)
        self.stream.write(LONG_AGO + datetime.timedelta(seconds=1))
        self.clock.set(**ahead)
        run = self.sync(entry(server.url))
        self.assertEqual(REFUSED, run.status, run.err)
        self.assertIn("clock", run.last_words())
        self.assertEqual([], differences(before, snapshot(self.target, self.program.state)))


if __name__ == "__main__":
    unittest.main()
