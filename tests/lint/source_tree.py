"""The files that lint looks at."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def files(root=ROOT):
    """Every file of the source tree, by path; not what builds and tools leave there."""
    for directory, folders, names in os.walk(root):
        folders[:] = [
            name
            for name in folders
            if name not in (".git", "__pycache__")
            and not (directory == str(root) and (name == "build" or name.startswith("build-")))
        ]
        for name in sorted(names):
            path = Path(directory, name)
            if not path.is_symlink():
                yield path


def with_suffix(*suffixes):
    return [path for path in files() if path.suffix in suffixes]


def scripts(language, suffix):
    """Files in a language, by name or by what the first line says."""
    return [path for path in files() if path.suffix == suffix or language in _interpreter(path)]


def _interpreter(path):
    with open(path, "rb") as content:
        first = content.readline(80)
    # The second form is how a file that is only sourced tells shellcheck.
    if first.startswith((b"#!", b"# shellcheck shell=")):
        return first.decode(errors="replace")
    return ""


def relative(paths):
    """Paths from the top, for messages."""
    return sorted(str(path.relative_to(ROOT)) for path in paths)
