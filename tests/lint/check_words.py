#!/usr/bin/python3
"""What must not stand in the repository: paths of somebody's machine, work left open, tests that
were switched off."""

import re
import sys

import source_tree

FORBIDDEN = {
    r"/(work|root|home/\w+)/": "a path of one machine",
    r"\b(TODO|FIX[M]E|HACK)\b|\bXX[X]\b": "work left open",
    r"\[!(mayfail|shouldfail)\]|\bDISABLED_": "a test that cannot fail",
    r"<<<<<<< |>>>>>>> ": "an unresolved merge",
}
# The rule itself, and data that others wrote.
EXEMPT = ("tests/lint/check_words.py", "tests/lint/test_lint.py", "tests/data/")


def findings(name, text):
    if name.startswith(EXEMPT):
        return
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, meaning in FORBIDDEN.items():
            match = re.search(pattern, line)
            if match:
                yield f"{name}:{number}: {match[0]}: {meaning}"


def main():
    failed = False
    for path in source_tree.files():
        name = str(path.relative_to(source_tree.ROOT))
        for finding in findings(name, path.read_text(encoding="utf-8", errors="replace")):
            failed = True
            print(finding, file=sys.stderr)
    sys.exit(failed)


if __name__ == "__main__":
    main()
