#!/usr/bin/python3
"""Does every Python file compile?"""

import sys

import source_tree

failed = False
for path in source_tree.scripts("python3", ".py"):
    try:
        compile(path.read_bytes(), str(path), "exec")
    except SyntaxError as error:
        failed = True
        print(f"{path}:{error.lineno}: {error.msg}", file=sys.stderr)
sys.exit(failed)
