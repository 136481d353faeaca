"""Disks that are too small: for the tree, for the state, for what a run keeps meanwhile (threats-and-faults.md F11).

Each of them is a file system in memory, which needs the right to mount.
"""

import shutil
import unittest

import private_mounts
from disk_fault_case import DONE, LARGE, SMALL, DiskFaultCase, spread

NO_ROOM = 6
PAGE = 4096
PLENTY = 16 << 20
# More than a run writes at such a place.
TREE, FILES = LARGE + 6 * SMALL, 20 * PAGE


@unittest.skipIf(private_mounts.why_not(), private_mounts.why_not())
class FullDisk(DiskFaultCase):
    def use_disk(self, directory):
        """What is at the directory, and comes there, is on a file system of its own from now on."""
        kept = directory.with_name(f"{directory.name} before")
        if directory.exists():
            directory.rename(kept)
        private_mounts.mount(directory, PLENTY)
        self.addCleanup(private_mounts.unmount, directory)
        if kept.exists():
            shutil.copytree(kept, directory, dirs_exist_ok=True)

    def assert_converges_with_any_room(self, directory, enough):
        """On a disk that has room for what is there and for up to `enough` more bytes."""
        self.begin()
        for place in (self.target, self.program.state):
            place.mkdir(exist_ok=True)
        self.use_disk(directory)
        self.restore_on_disk()
        statuses = set()
        for pages in spread(enough // PAGE):
            with self.subTest(f"{pages} of {enough // PAGE} pages"):
                self.restore_on_disk()
                with private_mounts.fill(directory, pages * PAGE):
                    run = self.run_once()
                statuses.add(run.status)
                self.assertIn(run.status, (DONE, NO_ROOM), run.err)
                if run.status == NO_ROOM:
                    self.assertIn("No space left on device", run.last_words())
                self.assert_converges()
        self.assertEqual({DONE, NO_ROOM}, statuses)

    def restore_on_disk(self):
        """As `restore`, but a disk is emptied and not removed."""
        for directory in (self.target, self.program.state, self.scratch_files):
            for path in directory.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for directory in (self.target, self.program.state):
            shutil.copytree(self.beginning_of(directory), directory, dirs_exist_ok=True)

    def test_of_the_first_tree(self):
        self.assert_converges_with_any_room(self.target, TREE)

    def test_of_a_tree_that_changes(self):
        self.serve_another_generation()
        self.assert_converges_with_any_room(self.target, TREE)

    def test_of_the_state(self):
        self.assert_converges_with_any_room(self.program.state, FILES)

    def test_that_it_will_not_do_is_told_before_anything_is_fetched(self):
        self.target.mkdir()
        self.use_disk(self.target)
        with private_mounts.fill(self.target, LARGE):
            plan = self.program.run("plan", "-c", self.config)
        self.assertEqual(DONE, plan.status, plan.err)
        self.assertIn("are to come, and there is room for", plan.err)
        self.assertNotIn("there is room for", self.program.run("plan", "-c", self.config).err)

    def test_what_was_carried_there_needs_no_room(self):
        self.target.mkdir()
        self.use_disk(self.target)
        shutil.copytree(self.stream.root, self.target, dirs_exist_ok=True)
        with private_mounts.fill(self.target, LARGE // 2):
            plan = self.program.run("plan", "-c", self.config)
        self.assertEqual(DONE, plan.status, plan.err)
        self.assertNotIn("there is room for", plan.err)

    def test_of_temporary_files(self):
        self.assert_converges_with_any_room(self.scratch_files, FILES)


if __name__ == "__main__":
    private_mounts.enter()
    unittest.main()
