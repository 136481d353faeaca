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
}
SERVICE_TYPES = {"keystone": "identity", "glance": "image", "swift-proxy": "object-store"}
PATIENCE = 10


class CloudLog:
    @classmethod
    def of_environment(cls, cloud):
        """None when the logs are not at hand."""
        folder = Path(os.environ.get("CLOUD_DIR", "")) / "log"
        return cls(folder, cloud) if all((folder / f"{name}.log").exists() for name in LINES) else None

    def __init__(self, folder, cloud):
        self._files = {name: folder / f"{name}.log" for name in LINES}
        self._urls = {name: cloud.endpoint(service_type) for name, service_type in SERVICE_TYPES.items()}
        self._requests = {}

    def __enter__(self):
        self._sizes = {name: path.stat().st_size for name, path in self._files.items()}
        self._begin = self._mark()
        return self

    def __exit__(self, *_):
        end = self._mark()
        for name in LINES:
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
