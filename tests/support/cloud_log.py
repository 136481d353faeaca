"""What the services of the test cloud were asked, from their own logs below $CLOUD_DIR.

    with CloudLog(folder, cloud) as log:
        something()
    log.requests("glance")

A service writes its log a little after it has answered. So a marked request of ours stands at either
end.
"""

import os
import re
import secrets
import time
from pathlib import Path

import anonymous_http

# Swift logs requests between its own parts too, without a client's address.
LINES = {
    "keystone": re.compile(r"\] (\w+) (/v3\S*) => .*\(HTTP/\S+ (\d+)\)"),
    "glance": re.compile(r'"(\w+) (/\S*) HTTP/\S+" (\d+)'),
    "swift-proxy": re.compile(r"proxy-server: \d\S+ \S+ \S+ (\w+) (\S+) HTTP/\S+ (\d+)"),
    "radosgw": re.compile(r'"(\w+) (/\S*) HTTP/\S+" (\d+)'),
}
SERVICE_TYPES = {
    "keystone": "identity",
    "glance": "image",
    "swift-proxy": "object-store",
    "radosgw": "object-store",
}
USUAL = ("keystone", "glance", "swift-proxy")
PATIENCE = 10


class CloudLog:
    @classmethod
    def of_environment(cls, cloud, names=USUAL):
        """None when the logs are not at hand."""
        folder = Path(os.environ.get("CLOUD_DIR", "")) / "log"
        at_hand = all((folder / f"{name}.log").exists() for name in names)
        return cls(folder, cloud, names) if at_hand else None

    def __init__(self, folder, cloud, names=USUAL):
        self._files = {name: folder / f"{name}.log" for name in names}
        self._urls = {name: cloud.endpoint(SERVICE_TYPES[name]) for name in names}
        self._requests = {}

    def __enter__(self):
        self._sizes = {name: path.stat().st_size for name, path in self._files.items()}
        self._begin = self._mark()
        return self

    def __exit__(self, *_):
        end = self._mark()
        for name in self._files:
            self._requests[name] = self._read(name, end)

    def requests(self, service):
        """(method, path with query, status) in their order, without the services' own checks of tokens."""
        return self._requests[service]

    def _mark(self):
        mark = f"mark-{secrets.token_hex(8)}"
        for url in self._urls.values():
            anonymous_http.get(f"{url}/{mark}")
        return mark

    def _read(self, name, end):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with open(self._files[name], "rb") as log:
                log.seek(self._sizes[name])
                _, began, rest = log.read().decode(errors="replace").partition(self._begin)
            if began and end in rest:
                between = LINES[name].findall(rest.partition("\n")[2])
                paths = [path for _, path, _ in between]
                until = next(place for place, path in enumerate(paths) if end in path)
                return [
                    (m, path, int(status))
                    for m, path, status in between[:until]
                    if self._is_of_others(m, path)
                ]
            time.sleep(0.02)
        raise AssertionError(f"{self._files[name]} does not show our own requests")

    def _is_of_others(self, method, path):
        return self._begin not in path and not (method == "GET" and path.startswith("/v3/auth/tokens"))
