"""Documents that are made while they are sent, for those that are too large to lie around.

with GeneratedServer({"/bomb.json": lambda: itertools.repeat(b"[", 10**6)}) as server:
    fetch(server.url + "bomb.json")
"""

import contextlib
import http.server
import threading

BLOCK = 1 << 20


class GeneratedServer:
    """`documents` maps paths to functions that give the pieces of the document anew."""

    def __init__(self, documents):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.documents = documents
        self._server.asked = []
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def paths(self):
        """All that were asked for, in the order of their coming."""
        return list(self._server.asked)


class Handler(http.server.BaseHTTPRequestHandler):
    # The end of the connection is the end of the document: nobody has counted it.
    protocol_version = "HTTP/1.0"

    def do_GET(self):
        self.server.asked.append(self.path)
        make = self.server.documents.get(self.path)
        if make is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):  # the client has had enough
            for block in blocks(make()):
                self.wfile.write(block)

    def log_message(self, *_):
        pass


def blocks(pieces):
    """The same bytes in pieces that are worth a system call."""
    waiting, size = [], 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= BLOCK:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)
