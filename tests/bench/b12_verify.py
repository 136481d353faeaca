"""A mirror of four items of 256 MB read again: against sha256sum and openssl dgst, one file after the other."""

import into_directory
import made_source
import measured
import peers
from harness import Bar

BARS = {"sha256sum": Bar("<=", 0.25), "openssl dgst": Bar("<=", 0.60)}


class Verify:
    name = "streamsync"

    def __init__(self, mirror):
        self._mirror = mirror

    def measure(self):
        arguments = [self._mirror.tree, "--keyring", self._mirror.source.keyring]
        command = self._mirror.command("verify", *arguments)
        return measured.run(command, self._mirror.work, self._mirror.environment)


class Digests:
    """All files by one process, compared with what the document says."""

    def __init__(self, mirror):
        self._mirror = mirror
        self._items = mirror.source.items

    def measure(self):
        files = [self._mirror.tree / item["path"] for item in self._items]
        into_file = ["sh", "-c", 'exec "$@" >digests', "sh"]
        figures = measured.run([*into_file, *self.command, *files], self._mirror.work)
        lines = (self._mirror.work / "digests").read_text(encoding="utf-8").splitlines()
        if [line.split()[0] for line in lines] != [item["sha256"] for item in self._items]:
            raise measured.Failed(f"{self.name} gave other digests than the document has")
        return figures


class Sha256sum(Digests):
    name = "sha256sum"
    command = ("sha256sum",)

    @staticmethod
    def programs():
        return [peers.find("sha256sum")]


class Openssl(Digests):
    name = "openssl dgst"
    command = ("openssl", "dgst", "-sha256", "-r")

    @staticmethod
    def programs():
        return [peers.find("openssl")]


def measure(bench):
    size = bench.sized(256 * 10**6, quick=16 * 10**6)
    source = made_source.large_items(bench.work / "source", bench.key, size)
    with source.server:
        mirror = into_directory.Streamsync(source)
        mirror.fill()
    rivals = [Verify, *peers.installed(Sha256sum, Openssl)]
    comparison = bench.compare(source.what, [rival(mirror) for rival in rivals], source.gigabytes)
    bench.judge_times(source.what, comparison, BARS)
