#!/usr/bin/python3
"""An HTTP(S) server on loopback that misbehaves as it is told.

    scripted_server.py [--root DIR] [--script FILE] [--log FILE] [--until-stdin-closes]
                       [--cert PEM [--key PEM] [--tls 1.0|1.1|1.2|1.3]] [--address ADDRESS]

Binds a free port of 127.0.0.1, prints its port as one line on stdout and serves until it is terminated, with
--until-stdin-closes also until its stdin is at its end. Then it takes no more connections, lets
those that it has come to their end, and exits, so that the log is complete.

Behaviour
---------
What a request is answered with is a set of settings. They come from the first rule of the script
that matches the request, and are overridden by those in the query of the requested URL (what is no
setting there is ignored). A script is

    {"rules": [{"path": "/images/*",      shell pattern for the decoded path; default: any
                "method": "GET",          default: any
                "skip": 1, "times": 2,    only its 2nd and 3rd match; default: every one
                "within": 0.5,            only those that come sooner than so many seconds after one
                                          that it left alone
                "status": 503, ...}]}     settings

and a URL is /some/path?status=503&retry_after=2. Switches are set by 1 or true. Settings:

content, the first that is set; else the file of that path below the root, else 404
    body=TEXT               this text
    size=N                  N bytes; the byte at offset i is i % 251
    file=PATH               another file below the root
    echo=1                  what was asked, as JSON: method, target, headers with secrets
answer
    status=CODE             default 200, of an upload 201, of a redirect 302, of CONNECT 405; with an
                            error status and no content a short text is sent
    header=NAME:VALUE       adds one; a script may have a list of them, a URL several
    retry_after=VALUE       short for header=Retry-After:VALUE
    redirect=URL            Location
    hops=N                  in the URL: redirects to itself until N is 0
    content_length=N        says so, whatever is sent
    no_length=1             no Content-Length: the body ends with the connection
    chunked=1               chunked transfer coding
    trailers=N              N of them behind a chunked body, of a thousand bytes each
    raw=TEXT                sends exactly this, then closes; \\r and \\n are escapes
conditions
    require_header=NAME:VALUE   else 401
    require_user=NAME:PASSWORD  Basic authentication, else 401
    etag=TEXT               default for files: by content; for others none. If-None-Match: 304
    last_modified=DATE      default for files: their time; for others none. If-Modified-Since: 304
    ignore_range=1          a Range is answered with 200 and all of it; default: 206 or 416, and
                            If-Range is heeded
    ignore_if_range=1       but not then
    range_shift=N           Content-Range says a start that is N too high
faults
    drop=1                  closes without an answer
    reset=1                 every close of this answer is by RST
    delay=SECONDS           waits before the answer, after an upload was read
    close_after=N           closes after N bytes of the body
    stall_after=N           sends nothing more after N bytes of the body, until the client closes
    rate=N                  sends N bytes of the body a second
    flip=N                  inverts the byte at offset N of the content
uploads (bodies of PUT, POST and PATCH; read to their end and digested)
    read_only=N             reads N bytes, answers, and closes without reading the rest, so that what
                            is still sent is met by RST, which may overtake the answer
    linger=1                with read_only: closes only when the client has

The server is no proxy, but requests in absolute form are taken, so it can be asked as if it were;
the log says so by the target.

Log
---
JSON lines, each written by one write(2), in this order for one request:

    {"id": 1, "event": "request", "moment": 12.5, "method": "PUT", "path": "/a", "target": "/a?status=413",
     "peer": 40000, "headers": {"host": "…", "authorization": "<secret>"}}
    {"id": 1, "event": "body", "bytes": 42, "sha256": "…", "complete": true}     uploads only
    {"id": 1, "event": "answer", "status": 413, "bytes": 0, "complete": true}
    {"event": "closed", "peer": 40000}                                     end of a connection

"request" is written before anything is answered, "body" when all that will be read was read,
"answer" when the body's last byte was handed to the kernel. "moment" is in seconds, by a clock that
nobody sets. "bytes" counts bodies, "peer" is the
client's port. Names of headers are in lower case; values of headers that hold secrets are never
written.
"""

import argparse
import base64
import contextlib
import email.utils
import fnmatch
import functools
import hashlib
import http.server
import json
import math
import os
import pathlib
import re
import select
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse
import warnings

SECRET_HEADERS = {
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-auth-token",
    "x-storage-token",
    "x-subject-token",
}
NUMBERS = {
    "size", "status", "hops", "content_length", "range_shift", "close_after", "stall_after", "rate",
    "flip", "read_only", "skip", "times", "trailers",
}  # fmt: skip
SWITCHES = {"echo", "no_length", "chunked", "ignore_range", "ignore_if_range", "drop", "reset", "linger"}
LISTS = {"header"}
UPLOADS = ("PUT", "POST", "PATCH")
TEXTS = {
    "path", "method", "body", "file", "retry_after", "redirect", "raw", "require_header",
    "require_user", "etag", "last_modified", "delay", "within",
}  # fmt: skip
SETTINGS = NUMBERS | SWITCHES | LISTS | TEXTS
BLOCK = 64 * 1024


class ScriptError(Exception):
    """A setting that does not exist."""


def settings_from(pairs):
    """Settings with values of the right type, from (name, value) pairs."""
    settings = {}
    for name, value in pairs:
        if name in NUMBERS:
            settings[name] = int(value)
        elif name in SWITCHES:
            settings[name] = str(value).lower() in ("1", "true")
        elif name in LISTS:
            settings.setdefault(name, []).extend(value if isinstance(value, list) else [value])
        elif name in TEXTS:
            settings[name] = str(value)
        else:
            raise ScriptError(f"unknown setting: {name}")
    return settings


class Rule:
    def __init__(self, settings):
        self.settings = settings
        self._matches = 0
        self._left_alone = -math.inf
        self._lock = threading.Lock()

    def applies_to(self, method, path):
        if method != self.settings.get("method", method):
            return False
        if not fnmatch.fnmatchcase(path, self.settings.get("path", "*")):
            return False
        with self._lock:
            self._matches += 1
            first = self.settings.get("skip", 0) + 1
            last = first + self.settings.get("times", sys.maxsize) - 1
            return first <= self._matches <= last and self._comes_too_soon()

    def _comes_too_soon(self):
        if "within" not in self.settings:
            return True
        if time.monotonic() - self._left_alone < float(self.settings["within"]):
            return True
        self._left_alone = time.monotonic()
        return False


class Script:
    def __init__(self, file):
        document = json.loads(pathlib.Path(file).read_text("utf-8")) if file else {}
        self._rules = [Rule(settings_from(rule.items())) for rule in document.get("rules", [])]

    def settings(self, method, path):
        for rule in self._rules:
            if rule.applies_to(method, path):
                return dict(rule.settings)
        return {}


class Log:
    def __init__(self, file):
        self._fd = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) if file else None
        self._lock = threading.Lock()
        self._last_id = 0

    def new_id(self):
        with self._lock:
            self._last_id += 1
            return self._last_id

    def write(self, **entry):
        if self._fd is not None:
            os.write(self._fd, json.dumps(entry, separators=(",", ":")).encode() + b"\n")


@functools.lru_cache(maxsize=None)
def digest_of_file(path, _modified, _size):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Content:
    """Bytes that are made or read piece by piece."""

    def __init__(self, length, read, etag=None, last_modified=None):
        self.length = length
        self.read = read  # (offset, count) -> bytes
        self.etag = etag
        self.last_modified = last_modified

    @classmethod
    def of_bytes(cls, data):
        return cls(len(data), lambda offset, count: data[offset : offset + count])

    @classmethod
    def of_pattern(cls, length):
        period = bytes(range(251)) * (BLOCK // 251 + 2)

        def read(offset, count):
            start = offset % 251
            return period[start : start + min(count, length - offset)]

        return cls(length, read)

    @classmethod
    def of_file(cls, path):
        status = path.stat()
        digest = digest_of_file(path, status.st_mtime_ns, status.st_size)

        def read(offset, count):
            with open(path, "rb") as file:
                file.seek(offset)
                return file.read(count)

        modified = email.utils.formatdate(int(status.st_mtime), usegmt=True)
        return cls(status.st_size, read, f'"{digest[:16]}"', modified)

    def flipped(self, position):
        def read(offset, count):
            data = bytearray(self.read(offset, count))
            if offset <= position < offset + len(data):
                data[position - offset] ^= 0xFF
            return bytes(data)

        return Content(self.length, read, self.etag, self.last_modified)


class Disconnect(Exception):
    """The rest of the exchange is not to happen."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "scripted"
    sys_version = ""

    # -- what http.server calls ---------------------------------------------------------------

    def handle(self):
        with contextlib.suppress(OSError):
            if isinstance(self.connection, ssl.SSLSocket):
                self.connection.do_handshake()
            super().handle()

    def log_message(self, *_):
        pass

    def exchange(self):
        self.id = self.server.log.new_id()
        self.settings = {}
        self.sent = 0
        self.status = 0
        complete = False
        try:
            self.begin()
            self.answer()
            complete = True
        except (Disconnect, OSError):
            self.close_connection = True
        finally:
            self.note("answer", status=self.status, bytes=self.sent, complete=complete)
        if complete and self.settings.get("linger"):
            self.linger()
        if self.close_connection and self.settings.get("reset"):
            # Linger of no time: close(2) sends RST instead of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = exchange
    do_COPY = do_OPTIONS = do_CONNECT = exchange

    # -- one request ----------------------------------------------------------------------------

    def begin(self):
        target = urllib.parse.urlsplit(self.path)
        self.decoded_path = self.path if self.command == "CONNECT" else urllib.parse.unquote(target.path)
        self.note(
            "request",
            moment=time.monotonic(),
            method=self.command,
            path=self.decoded_path,
            target=self.path,
            peer=self.client_address[1],
            headers={
                name.lower(): "<secret>" if name.lower() in SECRET_HEADERS else value
                for name, value in self.headers.items()
            },
        )
        self.settings = self.server.script.settings(self.command, self.decoded_path)
        try:
            query = urllib.parse.parse_qsl(target.query, keep_blank_values=True)
            self.settings.update(settings_from(pair for pair in query if pair[0] in SETTINGS))
        except ValueError as error:
            self.settings = {"status": 400, "body": f"scripted server: {error}\n"}

    def answer(self):
        self.receive_body()
        wait = float(self.settings.get("delay", 0))
        if wait > 0:
            self.idle(wait)
        if self.settings.get("drop"):
            raise Disconnect
        if "raw" in self.settings:
            text = self.settings["raw"].replace("\\r", "\r").replace("\\n", "\n")
            self.wfile.write(text.encode())
            raise Disconnect
        if not self.is_authorized():
            self.send_content(401, Content.of_bytes(b"who are you?\n"), [("WWW-Authenticate", "Basic")])
        elif self.settings.get("hops", 0) > 0 or "redirect" in self.settings:
            self.send_redirect()
        else:
            self.send_resource()

    def is_authorized(self):
        if "require_header" in self.settings:
            name, _, value = self.settings["require_header"].partition(":")
            return self.headers.get(name) == value.strip()
        if "require_user" in self.settings:
            expected = "Basic " + base64.b64encode(self.settings["require_user"].encode()).decode()
            return self.headers.get("Authorization") == expected
        return True

    def send_redirect(self):
        location = self.settings.get("redirect")
        if location is None:
            location = re.sub(r"\bhops=\d+", f"hops={self.settings['hops'] - 1}", self.path)
        content = Content.of_bytes(b"elsewhere\n")
        self.send_content(self.settings.get("status", 302), content, [("Location", location)])

    def send_resource(self):
        status = self.settings.get("status", self.default_status())
        content = self.content(status)
        if content is None:
            self.send_content(404, Content.of_bytes(b"not here\n"))
            return
        if "flip" in self.settings:
            content = content.flipped(self.settings["flip"])
        validators = self.validators(content)
        if status == 200 and self.is_known(dict(validators)):
            self.send_content(304, Content.of_bytes(b""), validators)
        elif status == 200 and "Range" in self.headers and not self.settings.get("ignore_range"):
            self.send_range(content, validators)
        else:
            self.send_content(status, content, validators)

    def default_status(self):
        if self.command == "CONNECT":
            return 405
        return 201 if self.command in UPLOADS else 200

    def content(self, status):
        """None when there is nothing under that path."""
        if "body" in self.settings:
            return Content.of_bytes(self.settings["body"].encode())
        if "size" in self.settings:
            return Content.of_pattern(self.settings["size"])
        if self.settings.get("echo"):
            asked = {"method": self.command, "target": self.path, "headers": dict(self.headers)}
            return Content.of_bytes(json.dumps(asked).encode())
        if status >= 300 and "file" not in self.settings:
            return Content.of_bytes(f"scripted status {status}\n".encode())
        if self.command in ("GET", "HEAD"):
            return self.file_content(self.settings.get("file", self.decoded_path))
        return Content.of_bytes(b"")

    def file_content(self, name):
        if self.server.root is None:
            return None
        path = (self.server.root / name.lstrip("/")).resolve()
        is_inside = path.is_relative_to(self.server.root)
        return Content.of_file(path) if is_inside and path.is_file() else None

    def validators(self, content):
        pairs = [
            ("ETag", self.settings.get("etag", content.etag)),
            ("Last-Modified", self.settings.get("last_modified", content.last_modified)),
        ]
        return [(name, value) for name, value in pairs if value]

    def is_known(self, validators):
        """RFC 9110 §13.2.2: If-None-Match decides alone where it is there."""
        if "If-None-Match" in self.headers:
            known = [tag.strip() for tag in self.headers["If-None-Match"].split(",")]
            return validators.get("ETag") in known
        since = self.headers.get("If-Modified-Since")
        return since is not None and since == validators.get("Last-Modified")

    def send_range(self, content, validators):
        if_range = self.headers.get("If-Range")
        is_heeded = if_range is not None and not self.settings.get("ignore_if_range")
        if is_heeded and if_range not in dict(validators).values():
            self.send_content(200, content, validators)
            return
        first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
        try:
            start = int(first) if first else max(content.length - int(last), 0)
            end = min(int(last), content.length - 1) if first and last else content.length - 1
        except ValueError:
            self.send_content(200, content, validators)
            return
        if start > end:
            nothing = Content.of_bytes(b"")
            self.send_content(416, nothing, [("Content-Range", f"bytes */{content.length}")])
            return
        shift = self.settings.get("range_shift", 0)
        where = f"bytes {start + shift}-{end}/{content.length}"
        part = Content(
            end + 1 - start, lambda offset, count: content.read(start + offset, min(count, end + 1 - start - offset))
        )
        self.send_content(206, part, [*validators, ("Content-Range", where)])

    def linger(self):
        self.connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while self.rfile.read1(BLOCK):
                pass

    # -- sending --------------------------------------------------------------------------------

    def send_content(self, status, content, headers=()):
        self.status = status
        self.send_response(status)
        for name, value in [*headers, *self.extra_headers()]:
            self.send_header(name, value)
        has_body = self.command != "HEAD" and status not in (204, 304)
        if self.settings.get("chunked"):
            self.send_header("Transfer-Encoding", "chunked")
        elif self.settings.get("no_length"):
            self.close_connection = True
        elif status not in (204, 304):
            self.send_header("Content-Length", str(self.settings.get("content_length", content.length)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if has_body:
            self.send_body(content)

    def extra_headers(self):
        for header in self.settings.get("header", []):
            name, _, value = header.partition(":")
            yield name, value.strip()
        if "retry_after" in self.settings:
            yield "Retry-After", self.settings["retry_after"]

    def send_body(self, content):
        for piece in self.pieces(content):
            if self.settings.get("chunked"):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            else:
                self.wfile.write(piece)
            self.sent += len(piece)
            if "rate" in self.settings:
                self.idle(len(piece) / self.settings["rate"])
        if "close_after" in self.settings:
            raise Disconnect
        if "stall_after" in self.settings:
            self.idle(None)
        if self.settings.get("chunked"):
            self.wfile.write(b"0\r\n")
            for _ in range(self.settings.get("trailers", 0)):
                self.wfile.write(b"X-Trailer: %b\r\n" % (b"x" * 1000))
            self.wfile.write(b"\r\n")
        if self.settings.get("content_length", content.length) != content.length:
            raise Disconnect

    def pieces(self, content):
        end = min(
            content.length,
            self.settings.get("close_after", content.length),
            self.settings.get("stall_after", content.length),
        )
        offset = 0
        while offset < end:
            count = min(self.settings.get("rate", BLOCK), BLOCK, end - offset)
            piece = content.read(offset, count)
            yield piece
            offset += len(piece)

    def idle(self, seconds):
        """Waits; gives up when the client has closed or the server is about to end."""
        waiting = select.poll()
        waiting.register(self.connection, select.POLLRDHUP)
        waiting.register(self.server.ending, select.POLLIN)
        if waiting.poll(None if seconds is None else seconds * 1000) or seconds is None:
            raise Disconnect

    # -- receiving ------------------------------------------------------------------------------

    def receive_body(self):
        chunked = self.headers.get("Transfer-Encoding", "").lower() == "chunked"
        if not chunked and "Content-Length" not in self.headers:
            return
        pieces = self.chunks() if chunked else self.counted(int(self.headers["Content-Length"]))
        limit = self.settings.get("read_only", sys.maxsize)
        digest, count, complete = hashlib.sha256(), 0, True
        try:
            while count < limit:
                piece = next(pieces, None)
                if piece is None:
                    break
                digest.update(piece)
                count += len(piece)
            else:
                complete, self.close_connection = False, True
        except (EOFError, OSError):
            complete = False
            raise Disconnect from None
        finally:
            self.note("body", bytes=count, sha256=digest.hexdigest(), complete=complete)

    def counted(self, length):
        while length > 0:
            piece = self.rfile.read1(min(length, BLOCK))
            if not piece:
                raise EOFError
            length -= len(piece)
            yield piece

    def chunks(self):
        while True:
            line = self.rfile.readline()
            if not line:
                raise EOFError
            length = int(line.split(b";")[0], 16)
            yield from self.counted(length)
            self.rfile.readline()
            if length == 0:
                return

    def note(self, event, **fields):
        self.server.log.write(id=self.id, event=event, **fields)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, address, root, script, log, tls):
        super().__init__((address, 0), Handler)
        self.root = pathlib.Path(root).resolve() if root else None
        self.script = script
        self.log = log
        self.tls = tls
        # Readable from the moment when the server is about to end.
        self.ending, self._end = socket.socketpair()
        self._connections = set()
        self._lock = threading.Lock()

    def get_request(self):
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls is not None:
            # The handshake is the handler's: a silent client must not hold up the others.
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._connections.add(connection)
        return connection, address

    def process_request_thread(self, request, client_address):
        super().process_request_thread(request, client_address)
        self.log.write(event="closed", peer=client_address[1])

    def shutdown_request(self, request):
        with self._lock:
            self._connections.discard(request)
        # socketserver would shut down first, which leaves no RST to send.
        self.close_request(request)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def end(self):
        self.shutdown()
        self._end.close()
        with self._lock:
            for connection in self._connections:
                # What has come is still read, then there is nothing more.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RD)
        self.server_close()


def tls_context(arguments):
    if arguments.cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if arguments.tls is not None:
        # TLS before 1.2 is deprecated, and what we are for.
        warnings.simplefilter("ignore", DeprecationWarning)
        version = getattr(ssl.TLSVersion, "TLSv" + arguments.tls.replace(".", "_").removesuffix("_0"))
        # OpenSSL 3 refuses the old versions otherwise.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    context.load_cert_chain(arguments.cert, arguments.key)
    return context


def parse_arguments():
    summary, _, rest = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", help="directory that is served")
    parser.add_argument("--script", help="JSON file with rules")
    parser.add_argument("--log", help="request log; appended to")
    parser.add_argument("--until-stdin-closes", action="store_true")
    parser.add_argument("--cert", help="serve TLS with this certificate")
    parser.add_argument("--key", help="its key, when it is not in the same file")
    parser.add_argument("--tls", choices=["1.0", "1.1", "1.2", "1.3"], help="only this version")
    parser.add_argument("--address", default="127.0.0.1", help="of this machine, in place of 127.0.0.1")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    server = Server(
        arguments.address,
        arguments.root,
        Script(arguments.script),
        Log(arguments.log),
        tls_context(arguments),
    )
    serving = threading.Thread(target=server.serve_forever, args=(0.05,))
    serving.start()
    print(server.server_port, flush=True)
    if arguments.until_stdin_closes:
        sys.stdin.buffer.read()
        server.end()
    serving.join()


if __name__ == "__main__":
    main()
