"""A service of the test cloud behind a server of ours on loopback, which spoils the answers that it is told.

    with ServiceFront("http://127.0.0.1:9292") as front:
        front.lose("PUT", "/file")              # the service does it, and its answer reaches nobody
        front.answer("POST", "/images", 503)    # the service is not asked
        ...  # through front.url

A rule holds for the next request whose method it names and whose path ends as it says, or for `times` of them.
`requests` has (method, path without query) of all that came.
"""

import contextlib
import select
import socket
import socketserver
import threading
import urllib.parse
from dataclasses import dataclass

BLOCK = 64 * 1024
PATIENCE = 60


@dataclass
class _Rule:
    method: str
    path_end: str
    times: int
    reply: bytes  # None: what the service says gets lost


class ServiceFront:
    def __init__(self, service_url):
        service = urllib.parse.urlsplit(service_url)
        self.service = (service.hostname, service.port)
        self.requests = []
        self._rules = []
        self._lock = threading.Lock()

    def lose(self, method, path_end, times=1):
        self._rules.append(_Rule(method, path_end, times, None))

    def answer(self, method, path_end, status, times=1, length=True):
        """At once, whatever is still being sent; without `length` the answer ends with the connection."""
        body = b"so it is told"
        head = f"HTTP/1.1 {status} Told\r\nConnection: close\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n" if length else "\r\n"
        self._rules.append(_Rule(method, path_end, times, head.encode() + body))

    def pending(self):
        """Of the rules, those that have not been heeded as often as they should be."""
        return [(rule.method, rule.path_end) for rule in self._rules if rule.times > 0]

    def __enter__(self):
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Connection)
        self._server.daemon_threads = True
        self._server.front = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take_rule(self, method, path):
        with self._lock:
            self.requests.append((method, path))
            for rule in self._rules:
                if rule.times > 0 and rule.method == method and path.endswith(rule.path_end):
                    rule.times -= 1
                    return rule
        return None


class _Connection(socketserver.StreamRequestHandler):
    """Of one request."""

    rbufsize = 0  # what follows the head is left in the socket

    def handle(self):
        with contextlib.suppress(OSError):
            lines = list(iter(self._line, ""))
            method, target, _ = lines[0].split()
            rule = self.server.front.take_rule(method, target.partition("?")[0])
            if rule and rule.reply:
                self._reply(rule.reply)
            else:
                self._forward(lines, is_lost=rule is not None)

    def _line(self):
        return self.rfile.readline().decode("latin-1").rstrip("\r\n")

    def _reply(self, reply):
        self.connection.sendall(reply)
        self.connection.shutdown(socket.SHUT_WR)
        # Else what is still being sent meets RST, which may overtake the answer.
        self.connection.settimeout(PATIENCE)
        while self.connection.recv(BLOCK):
            pass

    def _forward(self, lines, is_lost):
        kept = [line for line in lines if not line.lower().startswith("connection:")]
        with socket.create_connection(self.server.front.service, timeout=PATIENCE) as service:
            service.sendall("\r\n".join([*kept, "Connection: close", "", ""]).encode("latin-1"))
            self._splice(service, is_lost)

    def _splice(self, service, is_lost):
        """Until the service has closed; a client that closes is closed to the service."""
        while True:
            ready, _, _ = select.select([self.connection, service], [], [], PATIENCE)
            if self.connection in ready:
                sent = self.connection.recv(BLOCK)
                if not sent:
                    return
                service.sendall(sent)
            if service in ready:
                said = service.recv(BLOCK)
                if not said:
                    return
                if not is_lost:
                    self.connection.sendall(said)
