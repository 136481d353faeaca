"""An HTTP proxy on loopback that remembers what went through it.

    with RecordingProxy({"images.example": server_port}) as proxy:
        fetch("http://images.example/a", through=proxy.url)
    proxy.requests  # [ProxyRequest("GET", "http://images.example/a", None)]

It takes requests in absolute form and CONNECT, one a connection. Hosts that it is given are at ports of
127.0.0.1, whatever port is asked for; no name server knows them, so only the proxy leads there. With
`credentials`, "name:password", it asks for them; the first `busy` requests it sends away. `heard` is all that
clients have said to it.
"""

import base64
import contextlib
import select
import socket
import socketserver
import threading
import urllib.parse
from dataclasses import dataclass

BLOCK = 64 * 1024
PATIENCE = 60
WHO_ARE_YOU = (
    b"HTTP/1.1 407 Who are you?\r\nProxy-Authenticate: Basic realm=proxy\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
LATER = b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class ProxyRequest:
    method: str
    target: str
    authorization: str  # what Proxy-Authorization said, None without one

    def host(self):
        url = self.target if "://" in self.target else f"//{self.target}"
        return urllib.parse.urlsplit(url).hostname


class RecordingProxy:
    def __init__(self, hosts=None, credentials=None, busy=0):
        self.hosts = hosts or {}
        self.busy = busy
        self.authorization = None
        if credentials:
            self.authorization = "Basic " + base64.b64encode(credentials.encode()).decode()
        self.requests = []
        self.heard = bytearray()

    def __enter__(self):
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Connection)
        self._server.proxy = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def hosts_asked(self):
        return {request.host() for request in self.requests}

    def address(self, host, port):
        return ("127.0.0.1", self.hosts[host]) if host in self.hosts else (host, port)


class _Connection(socketserver.StreamRequestHandler):
    rbufsize = 0  # what follows the head is left in the socket

    def handle(self):
        with contextlib.suppress(OSError):
            method, target, version = self._line().split()
            fields = list(iter(self._line, ""))
            said = self._record(method, target, fields)
            if self.server.proxy.authorization not in (None, said):
                self.connection.sendall(WHO_ARE_YOU)
            elif len(self.server.proxy.requests) <= self.server.proxy.busy:
                self.connection.sendall(LATER)
            elif method == "CONNECT":
                self._tunnel(target)
            else:
                self._forward(method, target, version, fields)

    def _line(self):
        line = self.rfile.readline()
        self.server.proxy.heard += line
        return line.decode("latin-1").rstrip("\r\n")

    def _record(self, method, target, fields):
        name = "proxy-authorization:"
        said = [field[len(name) :].strip() for field in fields if field.lower().startswith(name)]
        request = ProxyRequest(method, target, said[0] if said else None)
        self.server.proxy.requests.append(request)
        return request.authorization

    def _tunnel(self, target):
        host, _, port = target.rpartition(":")
        with self._connect(host, int(port)) as origin:
            self.connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            self._splice(origin)

    def _forward(self, method, target, version, fields):
        url = urllib.parse.urlsplit(target)
        path = urllib.parse.urlunsplit(("", "", url.path or "/", url.query, ""))
        kept = [field for field in fields if not field.lower().startswith(("proxy-", "connection:"))]
        head = [f"{method} {path} {version}", *kept, "Connection: close", "", ""]
        with self._connect(url.hostname, url.port or 80) as origin:
            origin.sendall("\r\n".join(head).encode("latin-1"))
            self._splice(origin)

    def _connect(self, host, port):
        try:
            return socket.create_connection(self.server.proxy.address(host, port), timeout=PATIENCE)
        except OSError:
            self.connection.sendall(b"HTTP/1.1 502 No such host\r\nContent-Length: 0\r\n\r\n")
            raise

    def _splice(self, origin):
        """Both ways, until either side has closed."""
        other = {self.connection: origin, origin: self.connection}
        while True:
            ready, _, _ = select.select(list(other), [], [], PATIENCE)
            if not ready:
                return
            for side in ready:
                data = side.recv(BLOCK)
                if not data:
                    return
                if side is self.connection:
                    self.server.proxy.heard += data
                other[side].sendall(data)
