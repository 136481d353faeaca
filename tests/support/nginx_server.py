"""A directory behind nginx with TLS, as an operator would serve a published tree, on loopback.

with NginxServer(directory, certificates.server) as server:
    fetch(server.url + "streams/v1/index.json")
"""

import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

PROGRAM = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
TRIES = 5
# What it says first at this level is that it listens, or why it does not.
CONFIGURATION = """
daemon off;
master_process off;
pid {work}/pid;
error_log stderr notice;
events {{ worker_connections 256; }}
http {{
    error_log {work}/errors.log;
    access_log off;
    client_body_temp_path {work}/body;
    proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi;
    scgi_temp_path {work}/scgi;
    keepalive_requests 1000000;
    types {{ application/json json; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
        # LXD takes nothing below 1.3, which nginx 1.22 does not have by itself.
        ssl_protocols TLSv1.2 TLSv1.3;
        root {root};
    }}
}}
"""


def why_not():
    """Why there can be none here; None where there can."""
    return None if PROGRAM else "nginx is not installed (tests/cloud/install --with tls)"


class NginxServer:
    """The certificate is a file that has its key too. The directory need not be there yet."""

    def __init__(self, root, certificate):
        self._root = Path(root)
        self._certificate = Path(certificate)

    def __enter__(self):
        self._work = tempfile.TemporaryDirectory()
        try:
            self._start()
        except BaseException:
            self._work.cleanup()
            raise
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.communicate()
        self._work.cleanup()

    def _start(self):
        for _ in range(TRIES):
            port = _free_port()
            said = self._start_at(port)
            if "[emerg]" not in said:
                self.url = f"https://localhost:{port}/"
                return
            self._process.communicate()
        raise RuntimeError(f"nginx does not start: {said}")

    def _start_at(self, port):
        work = self._work.name
        configuration = Path(work, "nginx.conf")
        configuration.write_text(
            CONFIGURATION.format(work=work, port=port, certificate=self._certificate, root=self._root),
            encoding="utf-8",
        )
        self._process = subprocess.Popen(
            [PROGRAM, "-p", work, "-c", configuration, "-e", "stderr"], stderr=subprocess.PIPE
        )
        return self._process.stderr.readline().decode()


def _free_port():
    """It may be taken by the time that it is used."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
