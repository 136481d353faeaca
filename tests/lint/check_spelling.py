#!/usr/bin/python3
"""codespell over everything but test data."""

import subprocess
import sys

import source_tree

texts = [name for name in source_tree.relative(source_tree.files()) if not name.startswith("tests/data/")]
command = ["codespell", "--ignore-words", "tests/lint/words-that-are-right", *texts]
sys.exit(subprocess.run(command, cwd=source_tree.ROOT, check=False).returncode)
