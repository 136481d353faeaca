"""A directory over HTTP on loopback, by scripted_server.py, and what was asked for.

with TreeServer(directory) as server:
    fetch(server.url + "streams/v1/index.json")
    server.requests()  # [Request("GET", "/streams/v1/index.json", 200)]
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PROGRAM = Path(__file__).resolve().parent / "scripted_server.py"
PATIENCE = 60


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    status: int


class TreeServer:
    """`statuses` maps paths to a status that is answered instead of the file; `rules` are those of
    scripted_server.py. With a certificate, a file that has its key too, it is one of HTTPS; `tls` is the
    only version of TLS then. `address` is one of this machine, else 127.0.0.1."""

    def __init__(self, root, statuses=None, rules=(), certificate=None, tls=None, address="127.0.0.1"):
        self._root = Path(root)
        self._address = address
        self._tls = ["--cert", certificate] if certificate else []
        self._tls += ["--tls", tls] if tls else []
        self._rules = [{"path": path, "status": status} for path, status in (statuses or {}).items()]
        self._rules += rules
        self._taken = 0

    def __enter__(self):
        self._work = tempfile.TemporaryDirectory()
        self._log = Path(self._work.name, "log")
        script = Path(self._work.name, "script")
        script.write_text(json.dumps({"rules": self._rules}), encoding="utf-8")
        command = [sys.executable, PROGRAM, "--address", self._address, "--root", self._root]
        command += ["--script", script, "--log", self._log]
        self._process = subprocess.Popen(
            [*map(str, command + self._tls), "--until-stdin-closes"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        port = self._process.stdout.readline().decode().strip()
        self.url = f"{'https' if self._tls else 'http'}://{self._address}:{port}/"
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._work.cleanup()

    def requests(self):
        """All that came since the last `take_requests`, in the order of their coming."""
        entries = self._read()
        statuses = {entry["id"]: entry["status"] for entry in entries if entry["event"] == "answer"}
        asked = [entry for entry in entries if entry["event"] == "request"][self._taken :]
        return [Request(entry["method"], entry["path"], statuses[entry["id"]]) for entry in asked]

    def take_requests(self):
        """The same, and the next ones are counted from here."""
        taken = self.requests()
        self._taken += len(taken)
        return taken

    def bytes_sent(self):
        """path -> bytes of bodies that were sent for it since the last `take_requests`."""
        entries = self._read()
        asked = [entry for entry in entries if entry["event"] == "request"][self._taken :]
        sent = {entry["id"]: entry["bytes"] for entry in entries if entry["event"] == "answer"}
        total = {}
        for entry in asked:
            path = entry["path"].lstrip("/")
            total[path] = total.get(path, 0) + sent[entry["id"]]
        return total

    def paths(self):
        return [request.path for request in self.requests()]

    def headers(self, path):
        """Of each request for `path`, names in lower case; the values of those with secrets are not told."""
        return [entry["headers"] for entry in self._entries() if entry["event"] == "request" and entry["path"] == path]

    def moments(self, path):
        """When each request for `path` came, in seconds by a clock that nobody sets."""
        return [entry["moment"] for entry in self._read() if entry["event"] == "request" and entry["path"] == path]

    def answers(self, path):
        """(bytes of the body that were sent, whether all were) of each answer to a request for `path`, in the
        order of the requests."""
        entries = self._read()
        ids = {entry["id"] for entry in entries if entry["event"] == "request" and entry["path"] == path}
        ended = [entry for entry in entries if entry["event"] == "answer" and entry["id"] in ids]
        # One that was cut off may end after the one that came next.
        ended.sort(key=lambda entry: entry["id"])
        return [(entry["bytes"], entry["complete"]) for entry in ended]

    def exchanges(self, path):
        """(headers, status, bytes of the body that were sent) of each request for `path` ever, by one look at the log."""
        entries = self._read()
        answers = {entry["id"]: entry for entry in entries if entry["event"] == "answer"}
        asked = [entry for entry in entries if entry["event"] == "request" and entry["path"] == path]
        return [(each["headers"], answers[each["id"]]["status"], answers[each["id"]]["bytes"]) for each in asked]

    def wait_for(self, part):
        """Until a path with `part` in it was asked for, answered or not."""
        deadline = time.monotonic() + PATIENCE
        while not any(part in entry["path"] for entry in self._entries() if entry["event"] == "request"):
            if time.monotonic() > deadline:
                raise AssertionError(f"{part} was not asked for")
            time.sleep(0.01)

    def _entries(self):
        text = self._log.read_text(encoding="utf-8") if self._log.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line.endswith("}")]

    def _read(self):
        """All entries, once each request has its answer: the client may have it a moment before the log has."""
        deadline = time.monotonic() + PATIENCE
        while True:
            entries = self._entries()
            answered = {entry["id"] for entry in entries if entry["event"] == "answer"}
            waiting = [each for each in entries if each["event"] == "request" and each["id"] not in answered]
            if not waiting:
                return entries
            if time.monotonic() > deadline:
                raise AssertionError(f"no answer to {waiting}")
            time.sleep(0.01)
