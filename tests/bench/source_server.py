"""A tree over HTTP on loopback by nginx, which does not hold its readers up.

    with Nginx(root, work) as server:
        fetch(server.url + "streams/v1/index.json")
        server.take_requests()  # [Request("GET", "/streams/v1/index.json", 200, 412)]
"""

import os
import secrets
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import anonymous_http

PATIENCE = 10

# One process: what serves the tree may read what we may read. The kernel moves the bytes.
CONFIGURATION = """
daemon off;
master_process off;
pid pid;
error_log stderr crit;
events {{}}
http {{
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    log_format requests '$request_method $request_uri $status $body_bytes_sent';
    access_log requests requests;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{port};
        root "{root}";
    }}
}}
"""


def find():
    """None where there is no nginx."""
    # sbin is not everybody's.
    return shutil.which("nginx", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin")


def version():
    said = subprocess.run([find(), "-v"], stderr=subprocess.PIPE, check=True, text=True).stderr
    return said.strip().rpartition(" ")[2]


@dataclass(frozen=True)
class Request:
    """`size` is that of the body that was sent."""

    method: str
    path: str
    status: int
    size: int

    def __str__(self):
        return f"{self.method} {self.path} {self.status}"


class Nginx:
    """`home` is a directory that is made for it."""

    def __init__(self, root, home):
        self._root = Path(root).resolve()
        self._home = Path(home).resolve()
        self._log = self._home / "requests"
        self._taken = 0

    def __enter__(self):
        self._home.mkdir()
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/"
        configuration = self._home / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(port=port, root=self._root), encoding="utf-8")
        command = [find(), "-p", str(self._home), "-c", str(configuration), "-e", "stderr"]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            self._wait_for_start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()

    def take_requests(self):
        """Each request since the last time."""
        # nginx answers first and writes then; behind a request of our own all is written.
        mark = f"/{secrets.token_hex(8)}"
        anonymous_http.get(self.url.removesuffix("/") + mark)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            lines = self._log.read_text(encoding="utf-8").splitlines()
            end = next((place for place, line in enumerate(lines) if mark in line), None)
            if end is not None:
                taken, self._taken = lines[self._taken : end], end + 1
                return [_request(line) for line in taken]
            time.sleep(0.01)
        raise AssertionError(f"{self._log} does not show our own request")

    def _wait_for_start(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            if anonymous_http.get(self.url).status:
                self.take_requests()
                return
            time.sleep(0.01)
        raise OSError(f"nginx does not serve {self.url}; see what it said above")


def _request(line):
    method, path, status, size = line.split()
    return Request(method, path, int(status), int(size))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
