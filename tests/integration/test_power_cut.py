"""What a power cut may take is nothing that a name leads to (threats-and-faults.md F10).

A killed run leaves what the kernel knows, a machine without power what was synced: so the order of the calls counts.
"""

import unittest
from dataclasses import replace

import durability
from disk_fault_case import DiskFaultCase, spread
from syscall_faults import SYNCS, Call, Fault


class PowerCut(DiskFaultCase):
    def assert_synced(self):
        calls = self.begin()
        self.assertEqual([], durability.violations(self.target, calls))
        # Without the syncs the judge would object, else it saw nothing.
        without = [call for call in calls if call.name not in SYNCS]
        self.assertNotEqual([], durability.violations(self.target, without))

    def test_what_has_a_name_was_synced(self):
        self.assert_synced()

    def test_what_replaces_another_generation_was_synced(self):
        self.serve_another_generation()
        self.assert_synced()

    def test_what_a_killed_run_did_not_sync_the_next_one_does(self):
        self.serve_another_generation()
        fault = Fault(calls=SYNCS, path=f"{self.target}*")
        for nth in spread(sum(map(fault.concerns, self.begin()))):
            self.restore()
            _, killed = self.run_with(replace(fault, nth=nth))
            _, calls = self.run_with(Fault())
            with self.subTest(f"killed before {killed[-1].name} {killed[-1].path}"):
                self.assertEqual([], durability.violations(self.target, killed, calls))


class Judge(unittest.TestCase):
    """By sequences that are short enough to follow by hand."""

    ITEM = [("write", "a/i.part"), ("fdatasync", "a/i.part"), ("renameat", "a/i.part"), ("fsync", "a")]
    INDEX = [("write", "streams/x.part"), ("fsync", "streams/x.part"), ("rename", "streams/x.part")]

    def found(self, *steps):
        return durability.violations("/t", self.calls(*steps))

    @staticmethod
    def calls(*steps):
        return [Call(name, f"/t/{path}", *struck) for name, path, *struck in steps]

    def test_the_right_order(self):
        self.assertEqual([], self.found(*self.ITEM, *self.INDEX, ("fsync", "streams"), ("unlinkat", "b/old")))
        batch = [("write", "a/i.part"), ("write", "a/j.part"), ("syncfs", "."), ("renameat", "a/i.part")]
        batch += [("renameat", "a/j.part"), ("syncfs", ".")]
        self.assertEqual([], self.found(*batch, *self.INDEX))

    def test_each_sync_that_is_missing(self):
        whole = [("mkdirat", "a"), ("fsync", "."), *self.ITEM, *self.INDEX, ("fsync", "streams"), ("unlinkat", "b/old")]
        for at, (name, path) in enumerate(whole):
            if name in SYNCS:
                with self.subTest(f"{name} {path}"):
                    self.assertEqual(1, len(self.found(*whole[:at], *whole[at + 1 :])))

    def test_a_write_after_the_sync(self):
        late = [("write", "a/i.part"), ("fdatasync", "a/i.part"), ("write", "a/i.part"), ("renameat", "a/i.part")]
        self.assertEqual(["a/i.part is not synced when a/i.part gets its name"], self.found(*late))

    def test_a_sync_that_failed_is_none_and_not_made_good_by_another(self):
        write, failed, sync, name, remove = (
            ("write", "a/i.part"),
            ("fdatasync", "a/i.part", True),
            ("fdatasync", "a/i.part"),
            ("renameat", "a/i.part"),
            ("unlinkat", "a/i.part"),
        )
        unsynced = "a/i.part is not synced when a/i.part gets its name"
        lost = "a/i.part gets its name though it could not be synced"
        self.assertEqual([unsynced, lost], self.found(write, failed, name))
        self.assertEqual([lost], self.found(write, failed, sync, name))
        self.assertEqual([lost], self.found(write, ("syncfs", ".", True), ("syncfs", "."), name))
        self.assertEqual([], self.found(write, failed, remove, write, sync, name))

    def test_what_one_run_left_unsynced_is_so_in_the_next_one(self):
        first = self.calls(*self.ITEM[:-1], ("fsync", "a", True))
        self.assertEqual([], durability.violations("/t", first))
        second = self.calls(*self.INDEX)
        self.assertEqual(
            ["a is not synced when streams/x.part gets its name"], durability.violations("/t", first, second)
        )
        second = self.calls(("fsync", "a"), *self.INDEX)
        self.assertEqual([], durability.violations("/t", first, second))

    def test_other_trees_do_not_count(self):
        self.assertEqual([], durability.violations("/t", [Call("write", "/s/a.part"), Call("rename", "/s/a.part")]))


if __name__ == "__main__":
    unittest.main()
