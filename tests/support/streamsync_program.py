"""The program under test, run in a home of its own."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import measured
import syscall_faults


@dataclass(frozen=True)
class Run:
    status: int
    out: str
    err: str

    def lines(self):
        return self.out.splitlines()

    def last_words(self):
        return (self.err.splitlines() or [""])[-1]


def is_instrumented():
    """Whether $STREAMSYNC was built with a sanitizer, which takes memory of its own."""
    marks = ["-e", "__asan_init", "-e", "__tsan_init"]
    return subprocess.run(["grep", "-q", *marks, os.environ["STREAMSYNC"]], check=False).returncode == 0


class Program:
    """$STREAMSYNC with its home and state below `work`; nothing of the user's own is read.

    `environment` is what differs from ours; None takes a variable away.
    """

    def __init__(self, work, **environment):
        if "STREAMSYNC" not in os.environ:
            sys.exit("set STREAMSYNC to the streamsync binary")
        self._binary = str(Path(os.environ["STREAMSYNC"]).resolve())
        self.work = Path(work)
        self.state = self.work / "state"
        inherited = {key: value for key, value in os.environ.items() if not key.upper().endswith("_PROXY")}
        home = self.work / "home"
        home.mkdir(parents=True, exist_ok=True)
        changed = {"HOME": str(home), "XDG_CONFIG_HOME": "", "NO_COLOR": "1", **environment}
        self._environment = {
            key: str(value) for key, value in {**inherited, **changed}.items() if value is not None
        }

    @property
    def environment(self):
        return dict(self._environment)

    def command(self, name, *arguments):
        return [self._binary, name, "--state-dir", str(self.state), *map(str, arguments)]

    def run(self, name, *arguments, timeout=300):
        return self._run(self.command(name, *arguments), timeout)

    def run_measured(self, name, *arguments, timeout=300):
        """The same, and the most memory that it had, in bytes."""
        figures = self.work / "figures.json"
        figures.unlink(missing_ok=True)
        launched = self._run(measured.launcher(figures, self.command(name, *arguments)), timeout)
        taken = measured.read(figures)
        return Run(taken.status, launched.out, launched.err), taken.peak_bytes

    def run_with_fault(self, fault, name, *arguments, timeout=300):
        """The same, and the calls by which it changed files, with a fault in one of them."""
        log = self.work / "calls"
        launched = self._run(syscall_faults.launcher(log, fault, self.command(name, *arguments)), timeout)
        return launched, syscall_faults.read(log)

    def start(self, name, *arguments, **options):
        """`options` are more of those of Popen."""
        return self._start(self.command(name, *arguments), **options)

    def _run(self, command, timeout):
        # In a session of its own, so that nothing of it is left when its time is over.
        process = self._start(command, start_new_session=True)
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                raise AssertionError(f"{command} still ran after {timeout} s\n{err.decode()}") from None
            raise
        return Run(process.returncode, out.decode(), err.decode())

    def _start(self, command, **options):
        return subprocess.Popen(
            command,
            env=self._environment,
            cwd=self.work,
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                **options,
            },
        )
