"""An item of 1 GB into a directory, cut at its half: what is fetched again."""

import contextlib
import json
import signal
import subprocess
import time

import made_source
import measured
import peers
from harness import Bar
from streamsync_program import Program
from tree_server import TreeServer

MEBIBYTE = 1 << 20
# Beyond the half that had not come.
BAR_MEGABYTES = Bar("<=", 4 * MEBIBYTE / 10**6)
PATIENCE = 60


class Cut:
    """A server that ends an item at its half the first time, and a tree for it."""

    def __init__(self, work, source, fault):
        work.mkdir()
        self.work = work
        self.tree = work / "tree"
        self.keyring = source.keyring
        (item,) = source.items
        self._path, self._size = item["path"], item["size"]
        self.half = self._size // 2
        rule = {"path": f"/{self._path}", "times": 1, fault: self.half}
        self.server = TreeServer(source.root, rules=[rule])

    def fetched_again(self):
        """Bytes that were sent beyond one whole item. All of it must be there."""
        if (self.tree / self._path).stat().st_size != self._size:
            raise measured.Failed("the item did not become whole")
        return sum(size for size, _ in self.server.answers(f"/{self._path}")) - self._size


class Streamsync(Program):
    def __init__(self, cut):
        super().__init__(cut.work)
        self._cut = cut
        self._config = self.work / "config.yaml"
        settings = {
            "mirror_list": [made_source.entry(cut.server)],
            "images": str(cut.tree),
            "keyring_path": str(cut.keyring),
        }
        self._config.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML

    def sync(self):
        run = self.run("sync", "-c", self._config)
        if run.status != 0:
            raise measured.Failed(f"streamsync ended with {run.status}: {run.last_words()}")

    def sync_and_be_killed(self):
        """As soon as the half that is sent lies on disk."""
        process = self.start("sync", "-c", self._config)
        try:
            self._wait_for_half(process)
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()

    def _wait_for_half(self, process):
        wanted = self._cut.half - MEBIBYTE  # what may still be in the pipe
        deadline = time.monotonic() + PATIENCE
        while self._bytes_on_disk() < wanted:
            if process.poll() is not None or time.monotonic() > deadline:
                raise measured.Failed("the first half did not come")
            time.sleep(0.01)

    def _bytes_on_disk(self):
        with contextlib.suppress(FileNotFoundError):  # renamed meanwhile
            return sum(part.stat().st_size for part in self._cut.tree.rglob("*.part"))
        return 0


def cut_off(work, source):
    """The connection breaks, the run goes on."""
    cut = Cut(work, source, "close_after")
    with cut.server:
        Streamsync(cut).sync()
        return cut.fetched_again()


def killed(work, source):
    cut = Cut(work, source, "stall_after")
    with cut.server:
        program = Streamsync(cut)
        program.sync_and_be_killed()
        program.sync()
        return cut.fetched_again()


def sstream_mirror_cut_off(work, source):
    """The connection breaks, the run fails, the next one goes on."""
    cut = Cut(work, source, "close_after")
    program = peers.python_tool("sstream-mirror")
    with cut.server:
        options = ["--keyring", cut.keyring, "--path", made_source.INDEX]
        command = [program, *options, cut.server.url, cut.tree]
        environment = peers.python_environment(program, work)
        subprocess.run(command, env=environment, check=False, capture_output=True)
        subprocess.run(command, env=environment, check=True, capture_output=True)
        return cut.fetched_again()


def measure(bench):
    source = made_source.large_items(bench.work / "source", bench.key, bench.sized(10**9, quick=10**8), 1)
    what = f"fetched again, MB: {source.what}"
    cases = {"connection cut": cut_off, "run killed": killed}
    for name, case in cases.items():
        again = case(bench.work / case.__name__, source)
        bench.judge(f"{what}, {name}", again / 10**6, BAR_MEGABYTES)
    if peers.python_tool("sstream-mirror"):
        again = sstream_mirror_cut_off(bench.work / "sstream-mirror", source)
        bench.tell(f"{what}, connection cut, sstream-mirror", again / 10**6)
