"""Commands and what they take."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

MEASURE = Path(__file__).resolve().parent / "measure"
LIMIT_SECONDS = 1800


@dataclass(frozen=True)
class Figures:
    status: int
    seconds: float
    user_seconds: float
    system_seconds: float
    peak_bytes: int
    written_bytes: int

    @property
    def cpu_seconds(self):
        return self.user_seconds + self.system_seconds


class Failed(Exception):
    """A command that had to end well did not."""


def launcher(file, command):
    """The command that runs `command` and writes its Figures to `file`."""
    # Isolated and without site: the less memory it has, the lower a peak can be seen.
    return [sys.executable, "-I", "-S", str(MEASURE), str(file), *map(str, command)]


def run(command, work, environment=None):
    """Runs the command in `work` to its end; that must be 0."""
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        file, log = Path(scratch, "figures"), Path(scratch, "log")
        with open(log, "wb") as out:
            _wait(
                subprocess.Popen(
                    launcher(file, command),
                    env=environment,
                    cwd=work,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )
        said = log.read_text(encoding="utf-8", errors="replace").strip()
        if not file.exists():
            raise Failed(f"{command[0]} could not be run: {said}")
        figures = read(file)
    if figures.status != 0:
        raise Failed(f"{command[0]} ended with {figures.status}: {said}")
    return figures


def read(file):
    return Figures(**json.loads(Path(file).read_bytes()))


def _wait(process):
    """The command must not outlive its time, nor us when we are interrupted."""
    try:
        process.wait(LIMIT_SECONDS)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
