"""A query of documents of 10^5 and 10^6 items: against gpgv, which only verifies, and sstream-query."""

import subprocess

import made_document
import measured
import peers
from harness import Bar
from streamsync_program import Program

TIME_BARS = {"gpgv": Bar("<=", 1.60), "sstream-query": Bar("<=", 0.15)}
FILTER = "release~^(r042|none)$"  # one in a hundred


class Query(Program):
    """`streamsync query` of the newest items that pass the filter."""

    name = "streamsync"

    def __init__(self, work, source, wanted):
        super().__init__(work / "streamsync")
        self._arguments = ["query", source.file, "--keyring", source.keyring, "--max", "1", FILTER]
        assert_found(self.name, self.run(*self._arguments).out, wanted)

    def measure(self):
        return measured.run(self.command(*self._arguments), self.work, self._environment)


class Gpgv:
    """It hashes the same text and does nothing else."""

    name = "gpgv"

    @staticmethod
    def programs():
        return [peers.find("gpgv")]

    def __init__(self, work, source, _):
        self._work = work
        self._command = ["gpgv", "--quiet", "--keyring", source.keyring, source.file]

    def measure(self):
        return measured.run(self._command, self._work)


class SstreamQuery:
    name = "sstream-query"

    @staticmethod
    def programs():
        return [peers.python_tool("sstream-query")]

    def __init__(self, work, source, wanted):
        (program,) = self.programs()
        self._work = work / self.name
        self._work.mkdir()
        self._environment = peers.python_environment(program, self._work)
        options = ["--keyring", source.keyring, "--max", "1", "--output-format", "%(path)s"]
        where = ["--path", made_document.PATH, f"{source.root}/"]
        self._command = [program, *options, *where, FILTER]
        done = subprocess.run(
            self._command, env=self._environment, check=True, capture_output=True, text=True
        )
        assert_found(self.name, done.stdout, wanted)

    def measure(self):
        return measured.run(self._command, self._work, self._environment)


def assert_found(name, said, wanted):
    """Who did not read all of it was not faster."""
    if len(said.splitlines()) != wanted:
        raise measured.Failed(f"{name} gave {len(said.splitlines())} items, not {wanted}")


def measure(bench):
    for count in bench.sized((10**5, 10**6), quick=(10**5,)):
        work = bench.work / str(count)
        document = made_document.Document(count)
        source = made_document.SignedDocument(work, bench.key, document)
        what = f"{document.items} items, {len(document.text) // 10**6} MB"
        wanted = document.newest_of_r042
        del document  # what we hold is held from the page cache
        rivals = [Query, *peers.installed(Gpgv, SstreamQuery)]
        comparison = bench.compare(what, [rival(work, source, wanted) for rival in rivals])
        bench.judge_times(what, comparison, TIME_BARS)
