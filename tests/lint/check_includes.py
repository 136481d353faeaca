#!/usr/bin/python3
"""Who may include whom, as docs/architecture.md has it."""

import re
import sys
from pathlib import PurePath

import source_tree

# What a folder may include besides itself. The nearest folder that is named here decides.
MAY_INCLUDE = {
    "base": [],
    "streams": ["base"],
    "keystone": ["base"],
    "filters": ["streams", "base"],
    "glance": ["streams", "keystone", "base"],
    "swift": ["objects", "streams", "keystone", "base"],
    "objects": ["streams", "base"],
    "s3": ["objects", "streams", "base"],
    "directory": ["streams", "base"],
    "sync": ["filters", "streams", "base"],
    "sync/cli": [
        "sync", "base", "streams", "filters", "keystone", "glance", "swift", "objects", "s3", "directory",
    ],  # fmt: skip
    "tests/support": ["base", "streams", "keystone", "glance", "swift", "objects", "s3"],
    "tests": [
        "base", "streams", "filters", "keystone", "glance", "swift", "objects", "s3", "directory", "sync",
        "sync/cli",
        "tests/support",
    ],  # fmt: skip
}

ANY = ("",)
# Where the headers of a library may be included, by the beginning of the including file's path.
# Headers of ours include only those of EVERYWHERE.
LIBRARIES = {
    "curl/": ("base/http/",),
    "gpgme.h": ("base/crypto/",),
    "openssl/": ("base/crypto/",),
    "sodium.h": ("base/crypto/",),
    "rapidjson/": ("streams/", "glance/", "swift/", "keystone/", "sync/", "tests/"),
    "yaml-cpp/": ("keystone/credentials.cpp", "sync/"),
    "re2/": ("filters/",),
    "CLI/": ("sync/cli/",),
    "catch2/": ("tests/",),
    "fmt/": ANY,
}
EVERYWHERE = ("fmt/", "catch2/")
# Headers inside a folder that wrap a library for it.
WRAPPERS = {"sync/yaml_map.h": "yaml-cpp/"}
POSIX = re.compile(
    r"(sys|netinet|arpa|linux)/\w+\.h"
    r"|(dirent|fcntl|fnmatch|glob|grp|netdb|poll|pthread|pwd|signal|spawn|syslog|termios|unistd)\.h"
)
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def folder_of(name):
    """The folder of MAY_INCLUDE that a path lies in."""
    parents = [str(parent) for parent in PurePath(name).parents]
    return next((parent for parent in parents if parent in MAY_INCLUDE), None)


def includes(text):
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1], match[2]


def judge_own(name, header):
    """What is wrong with including our `header` in `name`; None when nothing is."""
    source, target = folder_of(name), folder_of(header)
    if target is None:
        return f'"{header}" is no path from the top of the repository'
    if target != source and target not in MAY_INCLUDE[source]:
        return f"{source} must not include {target}"
    return None


def judge_library(name, header):
    """The same for a header in angle brackets."""
    if folder_of(header):
        return f'ours: write "{header}"'
    if "." not in header and "/" not in header or POSIX.fullmatch(header):
        return None
    library = next((prefix for prefix in LIBRARIES if header.startswith(prefix)), None)
    if library is None:
        return f"<{header}>: no library that check_includes.py knows"
    if not name.startswith(LIBRARIES[library]):
        return f"<{header}> belongs into {' '.join(LIBRARIES[library])}"
    if name.endswith(".h") and library not in EVERYWHERE and WRAPPERS.get(name) != library:
        return f"<{header}> belongs into a .cpp file"
    return None


def findings(name, text):
    """What is wrong in a file, as lines for people. `name` is its path from the top."""
    if folder_of(name) is None:
        yield f"{name}: its folder is not in the table of check_includes.py"
        return
    if name.endswith(".h") and "#pragma once" not in text:
        yield f"{name}: no #pragma once"
    for number, bracket, header in includes(text):
        fault = (judge_own if bracket == '"' else judge_library)(name, header)
        if fault:
            yield f"{name}:{number}: {fault}"


def main():
    faults = []
    for path in source_tree.with_suffix(".h", ".cpp"):
        name = str(path.relative_to(source_tree.ROOT))
        faults += findings(name, path.read_text(encoding="utf-8"))
    print(*faults, sep="\n", file=sys.stderr, end="\n" if faults else "")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
