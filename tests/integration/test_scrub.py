#!/usr/bin/python3
"""`scrub`: in each period every item of a tree is read again, and what is damaged is fetched anew (F12)."""

import os
import unittest

import wall_clock
from streamsync_program import Program
from tree_case import NEW, TreeCase, differences, entry, snapshot

DONE, TARGET_REFUSES = 0, 5


@unittest.skipIf(wall_clock.why_not(), wall_clock.why_not())
class Scrub(TreeCase):
    def setUp(self):
        super().setUp()
        self.clock = self.enterContext(wall_clock.WallClock())
        self.program = Program(self.work, **self.clock.environment)
        self.server = self.enterContext(self.served())
        self.source = entry(self.server.url)
        self.sync_at()
        self.whole = self.files()

    def sync_at(self, *arguments, status=DONE, **ahead):
        self.clock.set(**ahead)
        self.server.take_requests()
        run = self.sync(self.source, scrub="10h", arguments=arguments)
        self.assertEqual(status, run.status, run.err)
        return run

    def asked_for(self):
        return [path for path in self.server.paths() if path.endswith(".img")]

    def damage(self, path):
        """A bit turns over, and nothing but the bytes tells."""
        file = self.target / path
        before = file.stat()
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    def test_what_is_damaged_is_fetched_anew_within_a_period(self):
        path = self.path("focal", NEW)
        self.damage(path)
        run = self.sync_at(hours=11)
        self.assertEqual([f"created {path}: {path}"], run.out.splitlines())
        self.assertIn(path, run.err)
        self.assertEqual([path], [asked.lstrip("/") for asked in self.asked_for()])
        self.assertEqual(self.whole, self.files())

    def test_nothing_is_read_before_its_time_and_nothing_is_written(self):
        self.damage(self.path("focal", NEW))
        before = snapshot(self.target, self.program.state)
        self.assertEqual("", self.sync_at().out)
        self.assertEqual([], self.asked_for())
        self.assertEqual([], differences(before, snapshot(self.target, self.program.state)))

    def test_runs_share_the_work(self):
        """Each reads what is due since the last."""
        path = self.path("focal", NEW)
        self.damage(path)
        mended = [hour for hour in range(1, 12) if self.sync_at(hours=hour).out]
        self.assertEqual(1, len(mended))
        self.assertEqual(self.whole, self.files())

    def test_what_was_not_mended_is_read_in_each_run(self):
        path = self.path("focal", NEW)
        self.damage(path)
        away = self.stream.root / path
        away.rename(away.with_suffix(".away"))
        for _ in range(2):
            self.sync_at(hours=11, status=1)
            self.assertIn("/" + path, self.asked_for())
            self.assertTrue((self.target / path).exists())
        away.with_suffix(".away").rename(away)
        self.sync_at(hours=11)
        self.assertEqual(self.whole, self.files())
        self.sync_at(hours=11)
        self.assertEqual([], self.asked_for())

    def test_what_no_source_has_any_more_is_told_in_each_run(self):
        path = self.path("focal", NEW)
        self.damage(path)
        self.stream.remove_product("com.ubuntu.cloud:server:20.04:amd64")
        self.stream.write()
        for _ in range(2):
            run = self.sync_at(hours=11, status=TARGET_REFUSES)
            self.assertIn(path, run.last_words())
            self.assertTrue((self.target / path).exists())

    def test_a_plan_reads_nothing_and_keeps_no_time(self):
        self.damage(self.path("focal", NEW))
        before = snapshot(self.program.state)
        self.assertIn("0 to create", self.sync_at("--dry-run", hours=11).out)
        self.assertEqual([], differences(before, snapshot(self.program.state)))
        self.assertIn("created", self.sync_at(hours=11).out)

    def test_without_its_state_a_period_begins_anew(self):
        path = self.path("focal", NEW)
        state = self.program.state / "scrub.json"
        for damage in (state.unlink, lambda: state.write_bytes(b"{")):
            self.damage(path)
            damage()
            run = self.sync_at(hours=11)
            self.assertEqual("", run.out)
            self.assertEqual([f"created {path}: {path}"], self.sync_at(hours=22).out.splitlines())
            self.sync_at()
        self.assertIn("is counted anew", run.err)


if __name__ == "__main__":
    unittest.main()
