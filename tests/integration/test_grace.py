#!/usr/bin/python3
"""`grace`: what metadata does not name any more stays for a while."""

import json
import unittest

import wall_clock
from streamsync_program import Program
from tree_case import NEW, NEWEST, TreeCase, differences, entry, snapshot

DONE, SOURCE_GONE = 0, 4
GRACE = "2h"


@unittest.skipIf(wall_clock.why_not(), wall_clock.why_not())
class Grace(TreeCase):
    def setUp(self):
        super().setUp()
        self.clock = self.enterContext(wall_clock.WallClock())
        self.program = Program(self.work, **self.clock.environment)
        self.server = self.enterContext(self.served())

    def sync_at(self, status=DONE, **ahead):
        self.clock.set(**ahead)
        run = self.sync(entry(self.server.url), grace=GRACE)
        self.assertEqual(status, run.status, run.err)
        return run

    def sync_idle_at(self, **ahead):
        before = snapshot(self.target, self.program.state)
        run = self.sync_at(**ahead)
        self.assertEqual("", run.out)
        self.assertEqual([], differences(before, snapshot(self.target, self.program.state)))

    def supersede(self):
        """The path of an image that is superseded from now on, and that of its successor."""
        self.sync_at()
        self.add(self.stream, "focal", NEWEST)
        self.stream.write()
        return self.path("focal", NEW), self.path("focal", NEWEST)

    def reason_of(self, path):
        report = json.loads((self.program.state / "last-run.json").read_bytes())
        (action,) = [action for action in report["actions"] if action["name"] == path]
        self.assertEqual("keep", action["action"])
        return action["reason"]

    def test_a_superseded_file_stays_until_grace_is_over(self):
        old, new = self.supersede()
        self.sync_at(hours=1)
        self.assertLessEqual({old, new}, self.images())
        self.assertRegex(self.reason_of(old), r"superseded; stays until \S+Z \(grace\)")
        self.sync_idle_at(hours=1)
        self.sync_idle_at(hours=2, minutes=55)
        run = self.sync_at(hours=3, minutes=5)
        self.assertEqual([f"removing {old}: {old}"], run.out.splitlines())
        self.assertNotIn(old, self.images())
        self.sync_idle_at(hours=3, minutes=5)

    def test_without_its_state_grace_begins_anew(self):
        old, _ = self.supersede()
        self.sync_at()
        state = self.program.state / "superseded.json"
        for damage in (state.unlink, lambda: state.write_bytes(b"{")):
            damage()
            run = self.sync_at(hours=3)
            self.assertIn(old, self.images())
            self.sync_idle_at(hours=4)
        self.assertIn("grace begins anew", run.err)
        self.sync_at(hours=6)
        self.assertNotIn(old, self.images())

    def test_a_state_that_cannot_be_kept_stops_no_target(self):
        both = [str(self.target), str(self.work / "second")]
        source = entry(self.server.url)
        self.assertEqual(DONE, self.sync(source, grace=GRACE, images=both).status)
        self.add(self.stream, "focal", NEWEST)
        self.stream.write()
        (self.program.state / "superseded.json" / "in the way").mkdir(parents=True)
        run = self.sync(source, grace=GRACE, images=both)
        self.assertEqual(DONE, run.status, run.err)
        self.assertIn("superseded.json", run.err)
        new = self.path("focal", NEWEST)
        for target in both:
            self.assertIn(new, self.files(target))
        report = json.loads((self.program.state / "last-run.json").read_bytes())
        kept = [action for action in report["actions"] if "(grace)" in action.get("reason", "")]
        self.assertEqual(2, len(kept), "the second target comes to its removals, too")

    def test_a_plan_tells_of_it_and_remembers_nothing(self):
        old, _ = self.supersede()
        before = snapshot(self.program.state)
        config = self.configure(entry(self.server.url), grace=GRACE)
        run = self.program.run("plan", "--config", config)
        self.assertEqual(DONE, run.status, run.err)
        (line,) = [line for line in run.lines() if old in line]
        self.assertRegex(line, r"^keep .*stays until \S+Z \(grace\)")
        self.assertEqual([], differences(before, snapshot(self.program.state)))


if __name__ == "__main__":
    unittest.main()
