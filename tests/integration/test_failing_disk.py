"""Calls that fail with what a disk says: full, over quota, broken, read-only (threats-and-faults.md F11)."""

import errno
import os
import unittest

import durability
from disk_fault_case import DONE, DiskFaultCase, spread
from invariants import changes
from syscall_faults import MAKINGS, NAMINGS, REMOVALS, SYNCS, WRITES, Fault

MISCONFIGURED, REFUSED, NO_ROOM = 2, 5, 6
STATUSES = {"ENOSPC": NO_ROOM, "EDQUOT": NO_ROOM, "EIO": REFUSED, "EROFS": REFUSED}


class FailingDisk(DiskFaultCase):
    def assert_survives(self, error, calls, **options):
        """Wherever it fails first: the status says so, and the next run makes all good."""
        self.for_each(error, calls, self.assert_told_and_mended, **options)

    def for_each(self, error, calls, judge, path="*", times=1):
        """Calls `judge` with each run that had the fault, all of its calls and the first one that failed."""
        fault = Fault(None, error, calls, path, times)
        count = sum(fault.concerns(call) for call in self.begin())
        self.assertGreater(count, 0)
        points, failed = spread(count), 0
        for nth in points:
            self.restore()
            run, made = self.run_with(Fault(nth, error, calls, path, times))
            struck = next((call for call in made if call.struck), None)
            # Threads do not take turns alike each time, so that the last calls may not come.
            if struck:
                failed += 1
                with self.subTest(f"{error} {nth}: {struck.name} {struck.path}"):
                    judge(error, run, made, struck)
        self.assertGreaterEqual(2 * failed, len(points), "most faults did not come")

    def assert_told_and_mended(self, error, run, _, struck):
        if run.status == DONE:
            # What a run keeps for itself may fail when its work is done.
            self.assertFalse(struck.path.startswith(str(self.target)), "not told")
            self.assertEqual([], changes(self.undisturbed, self.files()))
        else:
            self.assertIn(run.status, self.statuses(error, struck), run.err)
            self.assertIn(os.strerror(getattr(errno, error)), run.last_words())
        self.assert_converges()

    def statuses(self, error, struck):
        if STATUSES[error] != NO_ROOM and struck.path == str(self.program.state):
            return [MISCONFIGURED, STATUSES[error]]
        return [STATUSES[error]]


class NoRoom(FailingDisk):
    """From some call on there is none."""

    CALLS = (*WRITES, *MAKINGS, *NAMINGS, *SYNCS)

    def test_on_the_disk(self):
        self.assert_survives("ENOSPC", self.CALLS, times=0)

    def test_in_the_quota(self):
        self.assert_survives("EDQUOT", self.CALLS, times=0)

    def test_on_the_disk_for_another_generation(self):
        self.serve_another_generation()
        self.assert_survives("ENOSPC", self.CALLS, times=0)


class Broken(FailingDisk):
    CALLS = (*WRITES, *MAKINGS, *NAMINGS)

    def test_once(self):
        self.assert_survives("EIO", self.CALLS)

    def test_once_under_another_generation(self):
        self.serve_another_generation()
        self.assert_survives("EIO", self.CALLS)

    def test_at_a_removal(self):
        self.serve_another_generation()
        self.assert_survives("EIO", REMOVALS, path=f"{self.target}/*.img*")

    def test_and_read_only_from_then_on(self):
        self.assert_survives("EROFS", (*self.CALLS, *REMOVALS), times=0)


class FailedSync(FailingDisk):
    """Nobody knows what is on the disk then, and the kernel does not tell a second time."""

    def assert_lost(self, error, run, made, _):
        self.assertEqual([], durability.violations(self.target, made))
        self.assertEqual(STATUSES[error], run.status, run.err)
        self.assert_holds(self.new, self.old)
        next_run, made_next = self.run_with(Fault())
        self.assertEqual(DONE, next_run.status, next_run.err)
        self.assertEqual([], durability.violations(self.target, made, made_next), "trusted by the next run")
        self.assert_converges()

    def test_of_the_first_run(self):
        self.for_each("EIO", SYNCS, self.assert_lost, path=f"{self.target}*")

    def test_of_a_run_that_replaces(self):
        self.serve_another_generation()
        self.for_each("EIO", SYNCS, self.assert_lost, path=f"{self.target}*")


if __name__ == "__main__":
    unittest.main()
