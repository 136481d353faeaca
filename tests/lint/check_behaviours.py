#!/usr/bin/python3
"""docs/behaviours.md: each test that it names is there, and each threat T1 to T23 has one.

Its cells read "`FILE`: NAME; NAME; `FILE`", with words before a file where they help. FILE lies below tests/.
NAME is a test case's: of C++ as it is written there, of Python as a function or in words. None means the file.
"""

import re
import sys

import source_tree

DOCUMENT = "docs/behaviours.md"
THREATS = [f"T{number}" for number in range(1, 24)]
FILE = re.compile(r"`([\w./-]+\.(?:py|cpp))`(?:: *(.+))?$")
CPP_CASE = re.compile(r'\b(?:TEST_CASE|SECTION)\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
CPP_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
PYTHON_CASE = re.compile(r"^ +def (test_\w+)\(", re.MULTILINE)


def rows(text):
    """The number of each line that is a row, and its cells."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("|") and not line.startswith("|--"):
            yield number, [cell.strip() for cell in line.strip("|").split("|")]


def references(cell):
    """(file, name of a test case or None) for each test that a cell names; (None, words) for what names none."""
    file = None
    for part in filter(None, (part.strip() for part in cell.split(";"))):
        match = FILE.search(part)
        if match:
            file = match[1]
            yield file, match[2]
        else:
            yield file, part


def cases(file, text):
    """The names of the test cases in a file."""
    if file.endswith(".py"):
        return set(PYTHON_CASE.findall(text))
    return {
        re.sub(r"\\(.)", r"\1", "".join(CPP_LITERAL.findall(literals))) for literals in CPP_CASE.findall(text)
    }


def as_written(file, name):
    """How the name of a test case stands in the file."""
    if file.endswith(".py") and not name.startswith("test_"):
        return "test_" + re.sub(r"\W+", "_", name.lower().replace("'", "")).strip("_")
    return name


def fault(file, name, read):
    """What is wrong with a reference; None when nothing is. `read` gives the text of a file below tests/."""
    if file is None:
        return f"'{name}' is in no file"
    text = read(file)
    if text is None:
        return f"there is no tests/{file}"
    if name is not None and as_written(file, name) not in cases(file, text):
        return f"tests/{file} has no test '{name}'"
    return None


def findings(text, read):
    """What is wrong in the document, as lines for people."""
    held = {}
    for number, cells in rows(text):
        if cells[-1] in ("tests", "*none yet*"):
            tested = False
        else:
            named = list(references(cells[-1]))
            faults = [found for found in (fault(*reference, read) for reference in named) if found]
            yield from (f"{DOCUMENT}:{number}: {found}" for found in faults)
            tested = len(faults) < len(named)
        if cells[0] in THREATS:
            held[cells[0]] = tested
            if "none yet" in cells[-1].lower():
                yield f"{DOCUMENT}:{number}: {cells[0]} has no test yet"
            elif not tested:
                yield f"{DOCUMENT}:{number}: {cells[0]} names no test"
    yield from (f"{DOCUMENT}: {threat} has no row" for threat in THREATS if threat not in held)


def test_text(file):
    path = source_tree.ROOT / "tests" / file
    return path.read_text(encoding="utf-8") if path.is_file() else None


def main():
    faults = list(findings((source_tree.ROOT / DOCUMENT).read_text(encoding="utf-8"), test_text))
    print(*faults, sep="\n", file=sys.stderr, end="\n" if faults else "")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
