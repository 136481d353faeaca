#!/usr/bin/python3
"""clang-format over every C++ file; `check_format.py --fix` formats them."""

import subprocess
import sys

import source_tree

FORMAT = "clang-format-14"


def differs(path):
    source = path.read_bytes()
    done = subprocess.run([FORMAT, str(path)], capture_output=True, check=True)
    return done.stdout != source


def main():
    sources = source_tree.with_suffix(".cpp", ".h")
    if sys.argv[1:] == ["--fix"]:
        subprocess.run([FORMAT, "-i", *sources], check=True)
        return
    wrong = source_tree.relative(filter(differs, sources))
    for name in wrong:
        print(f"{name}: not as {FORMAT} has it; tests/lint/check_format.py --fix", file=sys.stderr)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
