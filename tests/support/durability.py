"""What a power cut may take from a tree: what was written and not synced.

    violations(calls, tree)

`calls` are those of a run, as syscall_faults.read gives them. A file may have its name when its bytes are on the
disk; a document may have its name when all that it may name has; and what it replaces may go when it has
(threats-and-faults.md F10). Each function of the kernel's that syncs is taken at its word.
"""

import os

from syscall_faults import NAMINGS, REMOVALS, WRITES

PART = ".part"
DOCUMENTS = "streams/"


def violations(calls, tree):
    found = []
    tree = str(tree)
    unsynced = set()  # files with bytes, and directories with names
    for call in calls:
        inside = os.path.relpath(call.path, tree)
        if inside.startswith("../"):
            continue
        if call.name in WRITES or call.name in ("truncate", "ftruncate"):
            unsynced.add(inside)
        elif call.name in ("fsync", "fdatasync"):
            unsynced.discard(inside)
        elif call.name == "syncfs":
            unsynced.clear()
        elif call.name in ("mkdir", "mkdirat") and inside != ".":
            unsynced.add(os.path.dirname(inside) or ".")
        elif call.name in NAMINGS:
            found += [f"{other} is not synced when {inside} gets its name" for other in _needed(inside, unsynced)]
            unsynced.discard(inside)
            unsynced.add(os.path.dirname(inside) or ".")
        elif call.name in REMOVALS and not inside.endswith(PART):
            documents = sorted(path for path in unsynced if path.startswith(DOCUMENTS.rstrip("/")))
            found += [f"{path} is not synced when {inside} goes" for path in documents]
    return found


def _needed(inside, unsynced):
    """What has to be on the disk before a file gets its name."""
    if inside.startswith(DOCUMENTS):
        return sorted(unsynced)
    return [inside] if inside in unsynced else []
