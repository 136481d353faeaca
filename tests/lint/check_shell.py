#!/usr/bin/python3
"""shellcheck over every shell script."""

import subprocess
import sys

import source_tree

scripts = {*source_tree.scripts("bash", ".sh"), *source_tree.scripts("/bin/sh", ".sh")}
command = ["shellcheck", "--external-sources", "--source-path=SCRIPTDIR", *source_tree.relative(scripts)]
sys.exit(subprocess.run(command, cwd=source_tree.ROOT, check=False).returncode)
