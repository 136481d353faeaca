"""What a power cut may take is nothing that a name leads to (threats-and-faults.md F10).

A killed run leaves what the kernel knows, a machine without power what was synced: so the order of the calls counts.
"""

import unittest

import durability
import syscall_faults
from syscall_faults import SYNCS, Call, Fault
from tree_case import NEWEST, TreeCase, entry


@unittest.skipIf(syscall_faults.why_not(), syscall_faults.why_not())
class PowerCut(TreeCase):
    def calls(self, server):
        run, calls = self.program.run_with_fault(Fault(), "sync", "-c", self.configure(entry(server.url)))
        self.assertEqual(0, run.status, run.err)
        return calls

    def test_what_has_a_name_was_synced(self):
        with self.served() as server:
            for generation in ("first", "second"):
                with self.subTest(generation):
                    calls = self.calls(server)
                    self.assertEqual([], durability.violations(calls, self.target))
                    # Without any one kind of sync the judge would object, else it sees nothing.
                    kinds = [name for name in SYNCS if any(call.name == name for call in calls)]
                    for kind in kinds:
                        without = [call for call in calls if call.name != kind]
                        self.assertNotEqual([], durability.violations(without, self.target), kind)
                self.add(self.stream, "focal", NEWEST)
                self.stream.write()


class Judge(unittest.TestCase):
    """By sequences that are short enough to follow by hand."""

    ITEM = [("write", "a/i.part"), ("fdatasync", "a/i.part"), ("renameat", "a/i.part"), ("fsync", "a")]
    INDEX = [("write", "streams/x.part"), ("fsync", "streams/x.part"), ("rename", "streams/x.part")]

    def found(self, *steps):
        return durability.violations([Call(name, f"/t/{path}") for name, path in steps], "/t")

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

    def test_other_trees_do_not_count(self):
        self.assertEqual([], durability.violations([Call("write", "/s/a.part"), Call("rename", "/s/a.part")], "/t"))


if __name__ == "__main__":
    unittest.main()
