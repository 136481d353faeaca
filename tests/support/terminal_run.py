"""A run of the program on a terminal, and what it drew there."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading

UP = re.compile(r"\x1b\[(\d+)F\x1b\[J")


class TerminalRun:
    """stderr is a terminal of so many rows, stdout is not looked at. `environment` is what differs from that of
    somebody who wants bars."""

    def __init__(self, program, *command, rows=24, columns=100, environment=None):
        inherited = {name: value for name, value in program.environment.items() if name != "NO_COLOR"}
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        chunks = []
        reader = threading.Thread(target=_read_all, args=(ours, chunks))
        with subprocess.Popen(
            program.command(*command),
            env={**inherited, "TERM": "xterm", **(environment or {})},
            cwd=program.work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
        ) as process:
            os.close(theirs)
            reader.start()
            self.status = process.wait(timeout=120)
        reader.join()
        os.close(ours)
        self.text = b"".join(chunks).decode().replace("\r", "")

    def heights(self):
        """So many lines each drawing had that was wiped out again."""
        return [int(lines) for lines in UP.findall(self.text)]

    def lines(self):
        return UP.sub("", self.text).splitlines()


def _read_all(terminal, chunks):
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # the last one who had the other side has closed it
            return
        if not chunk:
            return
        chunks.append(chunk)
