"""kill -9 before any call by which a run changes files (threats-and-faults.md F10)."""

import unittest

from disk_fault_case import DONE, DiskFaultCase, spread
from syscall_faults import NAMINGS, Fault

KILLED = -9
DETACHED = "streams/v1/index.json"


class Killed(DiskFaultCase):
    def test_in_the_first_run(self):
        self.assert_converges_wherever_it_is_killed()

    def test_in_the_run_after_one_that_was_killed(self):
        before_the_first_item_has_its_name = Fault(1, calls=NAMINGS, path="*.img.part")
        run, _ = self.run_with(before_the_first_item_has_its_name)
        self.assertEqual(KILLED, run.status, run.err)
        self.assertTrue(list(self.target.rglob("*.img.part")))
        self.assert_converges_wherever_it_is_killed()

    def test_in_a_run_that_replaces(self):
        self.serve_another_generation()
        self.assert_converges_wherever_it_is_killed()

    def test_in_a_run_that_replaces_what_has_detached_signatures(self):
        self.index = DETACHED
        self.serve_another_generation()
        self.assert_converges_wherever_it_is_killed()

    def assert_converges_wherever_it_is_killed(self):
        calls = self.begin()
        points = spread(len(calls))
        print(f"{len(points)} of {len(calls)} calls", flush=True)
        killed = 0
        for point in points:
            self.restore()
            run, calls = self.run_with(Fault(point))
            with self.subTest(f"{point}: {calls[-1]}"):
                self.assertIn(run.status, (KILLED, DONE), run.err)
                killed += run.status == KILLED
                self.assert_converges()
        # Threads do not take turns alike each time, so that the last calls may not come.
        self.assertGreater(killed, len(points) // 2)


if __name__ == "__main__":
    unittest.main()
