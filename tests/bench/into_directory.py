"""Rivals that bring the items of a source into a directory."""

import hashlib
import json
import shutil

import measured
import peers
from made_source import INDEX, entry
from streamsync_program import Program


class Mirror:
    """Has a tree below a directory of its own. `name` is what figures call it."""

    def __init__(self, source):
        self.source = source
        self.work = source.work / type(self).__name__
        self.tree = self.work / "tree"
        self.work.mkdir()

    def measure(self):
        """Its figures, from nothing to all."""
        figures = self.fill()
        self.clear()
        return figures

    def fill(self):
        self.prepare()
        figures = self.run()
        self._assert_mirrored()
        return figures

    def prepare(self):
        """What the clock has no part in."""
        self.tree.mkdir()

    def clear(self):
        shutil.rmtree(self.tree)

    def _assert_mirrored(self):
        """Who does not have the same bytes was not faster."""
        for item in self.source.items:
            with open(self.tree / item["path"], "rb") as content:
                if hashlib.file_digest(content, "sha256").hexdigest() != item["sha256"]:
                    raise measured.Failed(f"{self.name} has other bytes than the source: {item['path']}")

    def _write_urls(self, lines):
        (self.work / "urls").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


class Streamsync(Mirror, Program):
    name = "streamsync"

    def __init__(self, source):
        Mirror.__init__(self, source)
        Program.__init__(self, self.work)
        self._config = self.work / "config.yaml"
        settings = {
            "mirror_list": [entry(source.server)],
            "images": str(self.tree),
            "keyring_path": str(source.keyring),
        }
        self._config.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML

    def run(self):
        return measured.run(self.command("sync", "-c", self._config), self.work, self._environment)

    def clear(self):
        super().clear()
        shutil.rmtree(self.state)


class CurlTeeOpenssl(Mirror):
    """One item after the other; a digest comes out beside each file."""

    name = "curl+openssl"
    _SCRIPT = """
        set -euo pipefail
        while read -r url file; do
            curl -q --noproxy '*' --silent --show-error --fail "$url" | tee "$file" | openssl dgst -sha256 -r
        done <urls >digests
    """

    @staticmethod
    def programs():
        return [peers.find("bash"), peers.find("curl"), peers.find("openssl")]

    def __init__(self, source):
        super().__init__(source)
        self._files = [self.tree / item["path"] for item in source.items]

    def prepare(self):
        super().prepare()
        for file in self._files:
            file.parent.mkdir(parents=True, exist_ok=True)
        self._write_urls(f"{url} {file}" for url, file in zip(self.source.urls(), self._files, strict=True))

    def run(self):
        return measured.run(["bash", "-c", self._SCRIPT], self.work)

    def fill(self):
        figures = super().fill()
        lines = (self.work / "digests").read_text(encoding="ascii").splitlines()
        if [line.split()[0] for line in lines] != [item["sha256"] for item in self.source.items]:
            raise measured.Failed("openssl gave other digests than the document has")
        return figures


class CurlAlone(Mirror):
    """All items by one curl, which hashes nothing: what it takes to receive and to write."""

    name = "curl -o"

    @staticmethod
    def programs():
        return [peers.find("curl")]

    def prepare(self):
        super().prepare()
        pairs = zip(self.source.urls(), self.source.items, strict=True)
        self._write_urls(f'url = "{url}"\noutput = "{self.tree / item["path"]}"' for url, item in pairs)

    def run(self):
        options = ["-q", "--noproxy", "*", "--silent", "--show-error", "--fail", "--create-dirs"]
        return measured.run(["curl", *options, "--config", "urls"], self.work)


class Aria2(Mirror):
    """Five items at once, as it is delivered. It reads each file again for its digest."""

    name = "aria2c"

    @staticmethod
    def programs():
        return [peers.find("aria2c")]

    def prepare(self):
        super().prepare()
        pairs = zip(self.source.urls(), self.source.items, strict=True)
        self._write_urls(
            f"{url}\n out={item['path']}\n checksum=sha-256={item['sha256']}" for url, item in pairs
        )

    def run(self):
        options = ["--no-conf", "--quiet", "--file-allocation=none", "--check-integrity"]
        return measured.run(["aria2c", *options, "--dir", self.tree, "--input-file", "urls"], self.work)


class Wget(Mirror):
    """One connection that is kept; no digests."""

    name = "wget"

    @staticmethod
    def programs():
        return [peers.find("wget")]

    def prepare(self):
        super().prepare()
        self._write_urls(self.source.urls())

    def run(self):
        options = ["--no-config", "--no-proxy", "--no-hsts", "--no-verbose", "--output-file", "log"]
        where = ["--force-directories", "--no-host-directories", "--directory-prefix", self.tree]
        return measured.run(["wget", *options, *where, "--input-file", "urls"], self.work)


class SstreamMirror(Mirror):
    """The tool of python3-simplestreams."""

    name = "sstream-mirror"

    @staticmethod
    def programs():
        return [peers.python_tool("sstream-mirror")]

    def command(self):
        (program,) = self.programs()
        return [program, "--keyring", self.source.keyring, "--path", INDEX, self.source.server.url, self.tree]

    def environment(self):
        return peers.python_environment(*self.programs(), self.work)

    def run(self):
        return measured.run(self.command(), self.work, self.environment())
