"""A wall clock for one program, which jumps when a test says so; what counts seconds goes on as ever.

    with WallClock() as clock:
        program = Program(work, **clock.environment)
        clock.set(days=-30)   # also while the program runs

By libfaketime; `why_not` tells where it is missing.
"""

import datetime
import glob
import os
import tempfile

from streamsync_program import is_instrumented

LIBRARIES = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")


def why_not():
    if not LIBRARIES:
        return "no clock to jump with: libfaketime is not installed"
    return "no clock to jump with: a sanitizer's library has to be the first" if is_instrumented() else None


class WallClock:
    def __enter__(self):
        self._directory = tempfile.TemporaryDirectory()
        self._file = os.path.join(self._directory.name, "clock")
        self.set()
        self.environment = {
            "LD_PRELOAD": LIBRARIES[0],
            "FAKETIME_TIMESTAMP_FILE": self._file,
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        return self

    def __exit__(self, *_):
        self._directory.cleanup()

    def set(self, **ahead):
        """So much ahead of the true time, as timedelta has it."""
        seconds = datetime.timedelta(**ahead).total_seconds()
        new = f"{self._file}.new"
        with open(new, "w", encoding="ascii") as file:
            file.write(f"{seconds:+.0f}\n")
        os.rename(new, self._file)
