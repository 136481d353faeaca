"""A run into a directory that goes wrong where it changes files, and the runs after it.

$STREAMSYNC_FAULT_POINTS is how many of the calls that may go wrong each test tries, spread evenly, or `all`.
"""

import os
import shutil
import unittest

import syscall_faults
from invariants import read_generation, tree_files
from stream_tree import StreamTree, write_random
from streamsync_program import Program
from syscall_faults import Fault
from tree_case import INDEX, NEW, NEWEST, OLD, TreeCase, entry

POINTS = os.environ.get("STREAMSYNC_FAULT_POINTS", "10")
DONE = 0
# More than one piece on the way from the network to the disk.
LARGE, SMALL = 600_000, 20_000


def spread(count):
    """Some of the numbers from 1 to `count`, the first and the last among them."""
    wanted = count if POINTS == "all" else min(int(POINTS), count)
    return [1 + at * (count - 1) // max(wanted - 1, 1) for at in range(wanted)]


@unittest.skipIf(syscall_faults.why_not(), syscall_faults.why_not())
class DiskFaultCase(TreeCase):
    """Bionic stays; of Focal a version with two items is replaced by a newer one."""

    def setUp(self):
        super().setUp()
        self.scratch_files = self.work / "tmp"
        self.scratch_files.mkdir()
        self.program = Program(self.work, TMPDIR=self.scratch_files)
        self.server = self.enterContext(self.served())
        self.index = INDEX
        self.old = None

    def make_stream(self, name):
        tree = StreamTree(self.work / name, self.key)
        self.add(tree, "bionic", OLD)
        self.add(tree, "focal", NEW)
        tree.write()
        return tree

    def add(self, tree, release, serial, **options):
        items = {"disk1.img": LARGE, "uefi1.img": SMALL} if release == "focal" else {"disk1.img": SMALL}
        tree.add_version(release, "amd64", serial, items, writer=write_random)

    @property
    def config(self):
        return self.configure(entry(self.server.url, path=self.index))

    def run_once(self):
        return self.program.run("sync", "-c", self.config)

    def run_with(self, fault):
        return self.program.run_with_fault(fault, "sync", "-c", self.config)

    # --- scenes ----------------------------------------------------------------------------------

    def serve_another_generation(self):
        """The first one is there, a second one is served."""
        run = self.run_once()
        self.assertEqual(DONE, run.status, run.err)
        self.old = read_generation(self.stream.root, self.index)
        self.add(self.stream, "focal", NEWEST)
        self.stream.write()

    def begin(self):
        """What is there now is the beginning of every run to come. Gives the calls of one without a fault."""
        for directory in (self.target, self.program.state):
            directory.mkdir(exist_ok=True)
            directory.rename(self.beginning_of(directory))
        self.restore()
        run, calls = self.run_with(Fault())
        self.assertEqual(DONE, run.status, run.err)
        self.new = read_generation(self.stream.root, self.index)
        self.assert_holds(self.new)
        self.undisturbed = self.files()
        return calls

    def restore(self):
        for directory in (self.target, self.program.state):
            shutil.rmtree(directory, ignore_errors=True)
            if any(self.beginning_of(directory).iterdir()):
                shutil.copytree(self.beginning_of(directory), directory)

    def beginning_of(self, directory):
        return self.work / f"beginning of {directory.name}"

    def assert_converges(self):
        """After a run with a fault: all invariants, and a further run has nothing to do."""
        self.assert_recovers(self.server, self.new, self.undisturbed, self.run_once, self.old)
        self.assertEqual({}, tree_files(self.scratch_files), "left in the temporary directory")
        self.assertEqual("", self.run_once().out, "a further run has nothing to do")
