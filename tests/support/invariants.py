"""What holds of a mirrored tree after any fault: the invariants I1 to I6 of threats-and-faults.md §2.

Each function gives what is wrong, as lines that begin with the invariant's name; none when nothing is.

    new = read_generation(source)
    violations(target, keyring, new, old)       # I1 to I3, at any moment
    kept = kept_bytes(target, new)              # what need not come again
    ...                                         # a run without the fault
    changes(undisturbed, tree_files(target))    # I5
    litter(target, new) + unfinished(state)     # I4
    refetched(new, kept, server.bytes_sent())   # I6
"""

import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

INDEX = "streams/v1/index.sjson"
RECORDS = ".data/"
PART = ".part"
# A file goes on from any byte, so what comes twice is at most what one page of it had.
BLOCK = 4096


@dataclass(frozen=True)
class Item:
    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Generation:
    """What a source served at one moment: its documents, and the items that a mirror selects of them."""

    root: Path
    index: str
    newest: int
    documents: dict  # path -> bytes, detached signatures among them
    items: dict  # path -> Item


def read_generation(root, index=INDEX, newest=1):
    """The `newest` versions of each product; 0 for all of them."""
    root = Path(root)
    found = _Reader(root, index, newest)
    if found.problems:
        raise ValueError(found.problems)
    return Generation(root, index, newest, found.documents, found.items)


# --- I1 to I3: at any moment -------------------------------------------------------------------


def violations(root, keyring, new, old=None):
    """Of a tree that is to become a mirror of the generation `new` and was one of `old`, or empty."""
    root = Path(root)
    if not (root / new.index).exists():
        gone = [f"I3: {new.index} is gone"] if old else []
        return gone + _half_visible(root, new, old)
    reader = _Reader(root, new.index, new.newest)
    return [
        *(f"I1: {problem}" for problem in reader.problems),
        *(
            f"I1: {path} does not verify"
            for path in reader.documents
            if not _verifies(root, path, keyring) and not _is_between(reader.documents, path, new, old)
        ),
        *_of_one_generation(reader.documents, new, old),
        *(f"I2: {problem}" for problem in map(lambda item: _fault_of(root, item), reader.items.values()) if problem),
        *_half_visible(root, new, old),
        *_no_longer_readable(root, reader.documents, new, old),
    ]


def _of_one_generation(documents, new, old):
    """Their names are the source's and the same each time, so products are ahead of the index while they are
    replaced; an index is never ahead of them (F10)."""
    known = [generation for generation in (new, old) if generation]
    of = {
        path: next((one for one in known if one.documents.get(path) == text), None)
        for path, text in documents.items()
    }
    lines = [f"I1: {path} is of no generation" for path, one in of.items() if one is None]
    if of[new.index] is new:
        signature = f"{new.index}.gpg" if _is_between(documents, new.index, new, old) else None
        lines += [
            f"I1: {path} is older than {new.index}"
            for path, one in of.items()
            if one is not new and one and path != signature
        ]
    return lines


def _half_visible(root, new, old):
    """An item that has its name is whole, named or not."""
    items = [item for one in (new, old) if one for item in one.items.values() if (root / item.path).exists()]
    faults = {item.path: [] for item in items}
    for item in items:
        faults[item.path].append(_fault_of(root, item))
    return [f"I2: {lines[0]}" for lines in faults.values() if all(lines)]


def _no_longer_readable(root, documents, new, old):
    if old is None or documents[new.index] == new.documents[new.index]:
        return []
    # An item of both, with other bytes in the new one, can't be both.
    stay = [item for path, item in old.items.items() if new.items.get(path, item) == item]
    faults = [_fault_of(root, item) for item in stay]
    return [f"I3: {fault}, which the old index names" for fault in faults if fault]


def _fault_of(root, item):
    path = root / item.path
    if not path.exists():
        return f"{item.path} is not there"
    if path.stat().st_size != item.size:
        return f"{item.path} has {path.stat().st_size} of {item.size} bytes"
    return None if _sha256(path) == item.sha256 else f"{item.path} has other bytes"


def _sha256(path):
    with open(path, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _verifies(root, path, keyring):
    """By GnuPG's own verifier; a detached signature is judged with its document."""
    if path.endswith(".gpg"):
        return True
    signed = [root / path] if path.endswith(".sjson") else [root / f"{path}.gpg", root / path]
    command = ["gpgv", "--quiet", "--keyring", Path(keyring).resolve(), *signed]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _is_between(documents, path, new, old):
    """A document and its detached signature have two names, which no step replaces at once: for a moment, and
    after a kill until the next run, one is of the new generation and the other of the old one."""
    if old is None:
        return False
    pair = documents.get(path), documents.get(f"{path}.gpg")
    ways = ((new, old), (old, new))
    return pair in [(one.documents.get(path), other.documents.get(f"{path}.gpg", b"")) for one, other in ways]


class _Reader:
    """What a reader gets who begins at the index."""

    def __init__(self, root, index, newest):
        self.root = root
        self.newest = newest
        self.documents = {}
        self.items = {}
        self.problems = []
        for entry in (self._document(index) or {}).get("index", {}).values():
            document = self._document(entry["path"])
            for product in (document or {}).get("products", {}).values():
                self._select(product["versions"])

    def _document(self, path):
        try:
            text = (self.root / path).read_bytes()
            self.documents[path] = text
            if not path.endswith(".sjson"):
                signature = f"{path}.gpg"
                self.documents[signature] = (self.root / signature).read_bytes()
            return json.loads(text[text.index(b"{") : text.rindex(b"}") + 1])
        except (OSError, ValueError) as problem:
            self.problems.append(f"{path}: {problem}")
            return None

    def _select(self, versions):
        for name in sorted(versions)[-self.newest :]:
            for item in versions[name]["items"].values():
                self.items[item["path"]] = Item(item["path"], item["size"], item["sha256"])


# --- I4: one following run later ---------------------------------------------------------------


def litter(root, generation):
    """Files of a mirror of this generation that nothing names."""
    return [
        f"I4: {path} is of nothing"
        for path in tree_files(root)
        if path not in generation.documents
        and path not in generation.items
        and (not path.startswith(RECORDS) or path.endswith(PART))
    ]


def unfinished(*directories):
    """What was begun below them and not ended."""
    return [
        f"I4: {path} was left"
        for directory in map(Path, directories)
        for path in sorted(directory.rglob("*"))
        if path.name.endswith(PART)
    ]


# --- I5 and I6: by a run without the fault -----------------------------------------------------


def tree_files(root):
    """Everything below it, by path."""
    root = Path(root)
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }


def changes(undisturbed, found):
    """Between the files of a tree that never had a fault and those of one that had."""
    return [
        f"I5: {path} is {'missing' if path not in found else 'too much' if path not in undisturbed else 'another'}"
        for path in sorted(undisturbed.keys() | found.keys())
        if undisturbed.get(path) != found.get(path)
    ]


def kept_bytes(root, generation):
    """Of each item, how many bytes are there that are right: all of it, or its beginning."""
    return {path: _kept(Path(root), generation.root, item) for path, item in generation.items.items()}


def _kept(root, source, item):
    if (root / item.path).exists() and not _fault_of(root, item):
        return item.size
    part = root / f"{item.path}{PART}"
    begun = part.read_bytes() if part.exists() else b""
    return len(begun) if (source / item.path).read_bytes().startswith(begun) else 0


def refetched(generation, kept, sent):
    """`kept` before the run, `sent` in it: path -> bytes."""
    return [
        f"I6: {item.path}: {sent.get(item.path, 0)} bytes came, though {kept[item.path]} of {item.size} were there"
        for item in generation.items.values()
        if sent.get(item.path, 0) > item.size - kept[item.path] + BLOCK
    ]
