#!/usr/bin/python3
"""measured.py: what commands take is what it says."""

import sys
import tempfile
import unittest

import measured

MEBIBYTE = 1 << 20
# A child of nobody: its parent ends at once.
ORPHAN = "( ( {} ) & )"


class MeasuredTest(unittest.TestCase):
    def setUp(self):
        # On a disk: what is written into memory does not count.
        work = tempfile.TemporaryDirectory(dir="/var/tmp")
        self.addCleanup(work.cleanup)
        self.work = work.name

    def run_shell(self, script):
        return measured.run(["sh", "-c", script], self.work)

    def run_python(self, program):
        return measured.run([sys.executable, "-I", "-S", "-c", program], self.work)

    def test_a_command_that_fails_is_no_figure(self):
        with self.assertRaisesRegex(measured.Failed, "ended with 3: sorry"):
            self.run_shell("echo sorry; exit 3")

    def test_memory_is_the_peak_of_the_largest_process(self):
        small = self.run_python("pass").peak_bytes
        large = self.run_python("bytearray(100 << 20)").peak_bytes
        self.assertGreater(large - small, 80 * MEBIBYTE)

    def test_the_memory_of_whoever_measures_does_not_count(self):
        ours = bytearray(b"x" * (200 * MEBIBYTE))
        self.assertLess(self.run_shell("true").peak_bytes, 20 * MEBIBYTE)
        del ours

    def test_processes_that_were_left_alone_count(self):
        busy = f"{sys.executable} -I -S -c 'x = bytearray(100 << 20); sum(range(5000000))'"
        alone = self.run_shell(ORPHAN.format(busy))
        self.assertGreater(alone.peak_bytes, 100 * MEBIBYTE)
        self.assertGreater(alone.cpu_seconds, 0.02)

    def test_time_ends_with_the_command_and_not_with_what_it_left(self):
        left = self.run_shell(ORPHAN.format("sleep 3"))
        self.assertLess(left.seconds, 3)

    def test_what_is_written_counts_though_it_is_deleted(self):
        quiet = self.run_shell("true").written_bytes
        wrote = self.run_shell("head -c 10485760 /dev/zero >file; rm file").written_bytes
        self.assertGreaterEqual(wrote - quiet, 10 * MEBIBYTE)


if __name__ == "__main__":
    unittest.main()
