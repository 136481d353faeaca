#!/usr/bin/python3
"""clang-tidy over our sources without the tests; needs the compile_commands.json of a clang build.

    check_tidy.py BUILD-DIRECTORY            all of them
    check_tidy.py --changed BUILD-DIRECTORY  those that differ from the last commit
"""

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import source_tree

FINDING = re.compile(r"^\S+:\d+:\d+: (warning|error): ")


def changed():
    """Names of files that git knows as changed or new."""
    lines = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"],
        cwd=source_tree.ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    return {line[3:].rpartition(" -> ")[2] for line in lines}


def sources(build):
    commands = json.loads((build / "compile_commands.json").read_bytes())
    paths = (Path(command["file"]) for command in commands)
    names = {str(path.relative_to(source_tree.ROOT)) for path in paths if path.is_relative_to(source_tree.ROOT)}
    return sorted(name for name in names if not name.startswith(("tests/", "build/")))


def tidy(build, name):
    """The findings in one source and its headers, each with the lines that explain it."""
    done = subprocess.run(
        ["clang-tidy-14", "--quiet", "-p", str(build), name],
        cwd=source_tree.ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    findings = []
    for line in done.stdout.replace(f"{source_tree.ROOT}/", "").splitlines():
        if FINDING.match(line):
            findings.append(line)
        elif findings:
            findings[-1] += "\n" + line
    if done.returncode != 0 and not findings:
        findings.append(f"{name}: clang-tidy failed: {done.stderr.strip()}")
    return findings


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changed", action="store_true")
    parser.add_argument("build", type=Path)
    arguments = parser.parse_args()
    build = arguments.build.absolute()
    wanted = sources(build)
    if arguments.changed:
        wanted = [name for name in wanted if name in changed()]
    seen = set()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for findings in pool.map(lambda name: tidy(build, name), wanted):
            # A header's finding comes again with each source that includes it.
            for finding in findings:
                if finding not in seen:
                    seen.add(finding)
                    print(finding, file=sys.stderr, flush=True)
    sys.exit(bool(seen))


if __name__ == "__main__":
    main()
