#!/usr/bin/python3
"""The maker of faults in system calls, seen from a program that has them."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import syscall_faults  # noqa: E402
from syscall_faults import Call, Fault  # noqa: E402

# Two threads that take turns, a child, a pipe and a file that is only read.
PROGRAM = """
import os, subprocess, threading
def write(name):
    file = os.open(name, os.O_WRONLY | os.O_CREAT)
    try:
        os.write(file, b"x")
        print(name)
    except OSError as error:
        print(name, error.errno)
    os.close(file)
for name in "abcd":
    thread = threading.Thread(target=write, args=(name,))
    thread.start()
    thread.join()
os.close(os.open("a", os.O_RDONLY))
subprocess.run(["sh", "-c", "echo >child"])
"""


@unittest.skipIf(syscall_faults.why_not(), syscall_faults.why_not())
class Faults(unittest.TestCase):
    def setUp(self):
        self.work = Path(self.enterContext(tempfile.TemporaryDirectory())).resolve()
        self.log = self.work / "log"
        self.command = [sys.executable, "-S", "-B", "-c", PROGRAM]

    def run_with(self, fault):
        """(status, what it said, its calls)"""
        run = subprocess.run(
            syscall_faults.launcher(self.log, fault, self.command), cwd=self.work, stdout=subprocess.PIPE, check=False
        )
        return run.returncode, run.stdout.decode().splitlines(), syscall_faults.read(self.log)

    def calls(self, names):
        return [Call(call, str(self.work / name)) for name in names for call in ("openat", "write")]

    def test_without_one_all_is_counted_and_nothing_else(self):
        self.assertEqual((0, list("abcd"), self.calls("abcd")), self.run_with(Fault()))
        self.assertTrue((self.work / "child").exists())

    def test_killed_before_the_nth_of_all_threads(self):
        status, _, calls = self.run_with(Fault(nth=6))
        *before, last = self.calls("abc")
        self.assertEqual((-9, [*before, Call(last.name, last.path, struck=True)]), (status, calls))
        self.assertEqual((b"x", b""), ((self.work / "b").read_bytes(), (self.work / "c").read_bytes()))

    def test_signalled(self):
        status, _, _ = self.run_with(Fault(nth=1, then="TERM"))
        self.assertEqual(-15, status)
        self.assertLess(syscall_faults.seconds_to_end(self.log), 10)

    def test_failed_once_or_again(self):
        for times, said in ((1, ["a", "b 28", "c", "d"]), (2, ["a", "b 28", "c 28", "d"]), (0, ["a", "b 28", "c 28", "d 28"])):
            with self.subTest(times):
                fault = Fault(nth=2, then="ENOSPC", calls=("write",), times=times)
                self.assertEqual((0, said), self.run_with(fault)[:2])

    def test_of_some_calls_on_some_files(self):
        said = self.run_with(Fault(nth=1, then="EIO", calls=("write",), path="*/c"))[1]
        self.assertEqual(["a", "b", "c 5", "d"], said)
        self.assertEqual(list("abcd"), self.run_with(Fault(nth=1, then="EIO", calls=("fsync",)))[1])


    def test_the_names_of_files(self):
        program = """
import os
os.close(os.open("a", os.O_CREAT))
os.mkdir("d", dir_fd=os.open(".", os.O_RDONLY))
os.link("a", "d/b")
os.rename("a", "c")
os.unlink("c")
"""
        self.command = [sys.executable, "-S", "-B", "-c", program]
        _, _, calls = self.run_with(Fault())
        names = [str(Path(call.path).relative_to(self.work)) for call in calls]
        self.assertEqual(["a", "d", "d/b", "a", "c"], names)


if __name__ == "__main__":
    unittest.main()
