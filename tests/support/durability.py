"""What a power cut may take from a tree: what was written and not synced.

    violations(tree, calls)

`calls` are those of a run, as syscall_faults.read gives them. A file may have its name when its bytes are on the
disk; a document may have its name when all that it may name has; and what it replaces may go when it has
(threats-and-faults.md F10). A sync that failed is none, and nothing mends what it left but to begin that file anew
(F11); with the calls of several runs, what one of them left unsynced is for the next one to know.
"""

import os

from syscall_faults import NAMINGS, REMOVALS, SYNCS, WRITES

PART = ".part"
DOCUMENTS = "streams"
CHANGES = (*WRITES, "truncate", "ftruncate")


def violations(tree, *runs):
    cut = _PowerCut(str(tree))
    for calls in runs:
        cut.lost.clear()
        for call in calls:
            cut.see(call)
    return cut.violations


class _PowerCut:
    def __init__(self, tree):
        self.tree = tree
        self.unsynced = set()  # files with bytes, and directories with names
        self.lost = set()  # files
        self.made = set()  # directories; who comes second is told that it is there
        self.violations = []

    def see(self, call):
        path = os.path.relpath(call.path, self.tree)
        if path.startswith("../"):
            return
        if call.struck:
            self.failed(call.name, path)
        elif call.name in CHANGES:
            self.unsynced.add(path)
        elif call.name == "syncfs":
            self.unsynced.clear()
        elif call.name in SYNCS:
            self.unsynced.discard(path)
        elif call.name in ("mkdir", "mkdirat") and path != "." and path not in self.made:
            self.made.add(path)
            self.unsynced.add(_directory(path))
        elif call.name in NAMINGS:
            self.named(path)
        elif call.name in REMOVALS:
            self.removed(path)

    def failed(self, name, path):
        if name in SYNCS:
            self.lost |= self.unsynced if name == "syncfs" else {path}

    def named(self, path):
        needed = self.unsynced if path.startswith(DOCUMENTS) else self.unsynced & {path}
        self.violations += [f"{other} is not synced when {path} gets its name" for other in sorted(needed)]
        if path in self.lost:
            self.violations.append(f"{path} gets its name though it could not be synced")
        self.unsynced.discard(path)
        self.unsynced.add(_directory(path))

    def removed(self, path):
        self.unsynced.discard(path)
        self.lost.discard(path)
        self.made.discard(path)
        if not path.endswith(PART):
            needed = sorted(other for other in self.unsynced if other.startswith(DOCUMENTS))
            self.violations += [f"{other} is not synced when {path} goes" for other in needed]


def _directory(path):
    return os.path.dirname(path) or "."
