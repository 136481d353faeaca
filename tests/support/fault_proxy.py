"""A proxy before the services of a cloud that remembers every request, and spoils one of them.

    with FaultProxy({"image": "http://127.0.0.1:19292"}) as proxy:
        proxy.spoil(7, unanswered)
        something(proxy.url("image"))  # its 7th request is carried out, and never answered
        proxy.restore()
        proxy.take_exchanges()

It stands where clients look for the service itself. A fault is a function that does with one request
whatever it does instead of passing it on and answering it.
"""

import contextlib
import http.client
import http.server
import itertools
import select
import socket
import struct
import sys
import threading
import urllib.parse
from dataclasses import dataclass

PATIENCE = 60
BLOCK = 64 * 1024
# Of one connection and not of the message (RFC 9110, 7.6.1), or said anew by who passes it on.
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "expect"}


@dataclass
class Exchange:
    service: str
    method: str
    target: str  # path with query
    fields: list
    body: bytes
    passed_on: bytes = None  # what the service got of the body; None: nothing, not even the head
    status: int = None  # what the service answered; None: it was not asked, or said nothing
    answer: bytes = b""

    def path(self):
        return self.target.partition("?")[0]

    def __str__(self):
        return f"{self.service}: {self.method} {self.target} {self.status}"


@dataclass
class Answer:
    head: bytes
    body: bytes


# --- faults ---------------------------------------------------------------------------------------


def unsent(client, exchange):
    """The connection dies before the request is passed on."""
    del exchange
    client.reset()


def half_sent(client, exchange):
    """The connection dies in the middle of the request's body."""
    client.pass_on_half(exchange)
    client.reset()


def unanswered(client, exchange):
    """The connection dies when the service has answered."""
    client.pass_on(exchange)
    client.reset()


def cut_off(client, exchange):
    """The same, and nothing more gets through from then on: what a client leaves that dies there."""
    client.pass_on(exchange)
    client.server.proxy.cut_off()
    client.reset()


def half_answered(client, exchange):
    """The answer ends in the middle of its body; of its head where it has none."""
    answer = client.pass_on(exchange)
    if answer.body:
        client.say(answer.head + answer.body[: len(answer.body) // 2])
    else:
        client.say(answer.head[: len(answer.head) // 2])
    client.close_connection = True


def late(client, exchange):
    """The request is passed on when the client has given it up."""
    client.wait_until_left()
    client.pass_on(exchange)
    client.reset()


def altered_request(client, exchange):
    answer = client.pass_on(exchange, altered(exchange.body))
    client.say(answer.head + answer.body)


def altered_answer(client, exchange):
    answer = client.pass_on(exchange)
    client.say(answer.head + altered(answer.body))


def repeated(client, exchange):
    """The service gets the request twice, and the client the second answer."""
    client.pass_on(exchange)
    answer = client.pass_on(exchange)
    client.say(answer.head + answer.body)


FAULTS = (
    unsent,
    half_sent,
    unanswered,
    cut_off,
    half_answered,
    late,
    altered_request,
    altered_answer,
    repeated,
)


def altered(body):
    """With one bit in its middle turned over, so that a digit becomes another one."""
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :] if body else body


def applies(fault, exchange):
    """Whether there is something that the fault would change."""
    if fault in (half_sent, altered_request):
        return len(exchange.body) > 1
    return fault is not altered_answer or len(exchange.answer) > 0


# --- the proxy ------------------------------------------------------------------------------------


class FaultProxy:
    def __init__(self, services):
        self._origins = {name: urllib.parse.urlsplit(url) for name, url in services.items()}
        self._servers = {}
        self._threads = []
        self._change = threading.Condition()
        self._open = 0
        self._exchanges = []
        self._fault, self._is_to_be_spoiled, self._is_cut_off = None, None, False
        self.spoiled = None  # the latest exchange of which the fault had its turn

    def __enter__(self):
        for name, origin in self._origins.items():
            server = _Server(("127.0.0.1", 0), _Client)
            server.proxy, server.service, server.origin = self, name, origin
            self._servers[name] = server
            self._threads.append(threading.Thread(target=server.serve_forever, args=(0.05,)))
            self._threads[-1].start()
        return self

    def __exit__(self, *_):
        for server in self._servers.values():
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()

    def url(self, service):
        """With the path that the service's own has."""
        port = self._servers[service].server_address[1]
        return self._origins[service]._replace(netloc=f"127.0.0.1:{port}").geturl()

    def spoil(self, number, fault):
        """The number-th request from now on."""
        numbers = itertools.count(1)
        self.spoil_where(lambda _: next(numbers) == number, fault)

    def spoil_where(self, is_to_be_spoiled, fault):
        """Every request from now on of which that is so; it is asked once for each, in their order."""
        with self._change:
            self._fault, self._is_to_be_spoiled, self.spoiled = fault, is_to_be_spoiled, None

    def restore(self):
        """Nothing is spoiled any more, and what was passed on has come to its end."""
        with self._change:
            self._fault, self._is_cut_off = None, False
            if not self._change.wait_for(lambda: self._open == 0, PATIENCE):
                raise AssertionError("a request that was passed on did not come to its end")

    def cut_off(self):
        with self._change:
            self._is_cut_off = True

    def take_exchanges(self):
        """All since the last time, in the order of the requests."""
        with self._change:
            taken, self._exchanges = self._exchanges, []
            return taken

    @contextlib.contextmanager
    def exchange(self, exchange):
        """Gives what is to be done with it."""
        with self._change:
            self._open += 1
            self._exchanges.append(exchange)
            treatment = unsent if self._is_cut_off else self._treatment(exchange)
        try:
            yield treatment
        finally:
            with self._change:
                self._open -= 1
                self._change.notify_all()

    def _treatment(self, exchange):
        if self._fault is None or not self._is_to_be_spoiled(exchange):
            return _unspoiled
        self.spoiled = exchange
        return self._fault


def _unspoiled(client, exchange):
    answer = client.pass_on(exchange)
    client.say(answer.head + answer.body)


class _Server(http.server.ThreadingHTTPServer):
    def shutdown_request(self, request):
        # socketserver would shut down first, which leaves no RST to send.
        self.close_request(request)

    def handle_error(self, request, client_address):
        # That the client or the service left is nothing to tell.
        if not isinstance(sys.exc_info()[1], (OSError, http.client.HTTPException)):
            super().handle_error(request, client_address)


class _Client(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            raise AssertionError(f"{self.command} {self.path}: chunks are nothing that is known here")
        exchange = Exchange(self.server.service, self.command, self.path, self.headers.items(), body)
        with self.server.proxy.exchange(exchange) as treatment:
            treatment(self, exchange)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    # --- towards the service ----------------------------------------------------------------------

    def pass_on(self, exchange, body=None):
        """Gives the answer, that of the latest time where it is more than one."""
        exchange.passed_on = exchange.body if body is None else body
        with self._begin_to_pass_on(exchange) as connection:
            response = connection.getresponse()
            exchange.answer = response.read()
            exchange.status = response.status
        return Answer(self._head_of(response, exchange), exchange.answer)

    def pass_on_half(self, exchange):
        """Returns when the service has had enough of waiting for the rest."""
        exchange.passed_on = exchange.body[: len(exchange.body) // 2]
        with self._begin_to_pass_on(exchange) as connection:
            connection.sock.shutdown(socket.SHUT_WR)
            with contextlib.suppress(OSError):
                while connection.sock.recv(BLOCK):
                    pass

    def _begin_to_pass_on(self, exchange):
        origin = self.server.origin
        connection = http.client.HTTPConnection(origin.hostname, origin.port, timeout=PATIENCE)
        connection.putrequest(exchange.method, exchange.target, skip_host=True, skip_accept_encoding=True)
        for name, value in exchange.fields:
            if name.lower() not in HOP_BY_HOP:
                connection.putheader(name, value)
        connection.putheader("Connection", "close")
        connection.endheaders(exchange.passed_on)
        return contextlib.closing(connection)

    @staticmethod
    def _head_of(response, exchange):
        fields = {name: value for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP}
        has_body = exchange.method != "HEAD" and response.status not in (204, 304)
        if has_body and "content-length" not in map(str.lower, fields):
            fields["Content-Length"] = str(len(exchange.answer))
        lines = [f"HTTP/1.1 {response.status} {response.reason}"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    # --- towards the client -----------------------------------------------------------------------

    def say(self, data):
        self.wfile.write(data)

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def wait_until_left(self):
        ready, _, _ = select.select([self.connection], [], [], PATIENCE)
        if not ready:
            raise AssertionError(f"{self.command} {self.path}: the client waits for ever")
