"""A bucket of S3 on loopback that falls silent when it is sent its first item.

    with SilentBucket(lambda: not enough_was_seen()) as bucket:
        ...  # AWS_ENDPOINT_URL=bucket.url
    bucket.tries      # how often it was asked, or connected to, in vain
    bucket.objects    # path -> content

Silent means: connections are taken, as the kernel does for a process that hangs, and nothing is read or
answered. It lasts as long as the function says so.
"""

import hashlib
import http.server
import threading


class SilentBucket:
    def __init__(self, stays_silent=lambda: True):
        self.objects = {}
        self.tries = 0
        self._stays_silent = stays_silent
        self._was_sent_an_item = False
        self._lock = threading.Lock()
        self._ending = threading.Event()

    def __enter__(self):
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.bucket = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *_):
        self._ending.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def say_nothing_if_silent(self):
        with self._lock:
            if not self._was_sent_an_item or not self._stays_silent():
                return
            self.tries += 1
        self._ending.wait()
        raise ConnectionAbortedError

    def is_sent(self, path):
        self._was_sent_an_item |= path.endswith(".img")


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        """Clients that have lost their patience are no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle(self):
        self.server.bucket.say_nothing_if_silent()
        super().handle()

    def log_message(self, *_):
        pass

    def do_PUT(self):
        self.server.bucket.is_sent(self.path)
        self.server.bucket.say_nothing_if_silent()
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bucket.objects[self.path] = content
        self._answer(200, content, body=b"")

    def do_GET(self):
        self.server.bucket.say_nothing_if_silent()
        content = self.server.bucket.objects.get(self.path)
        self._answer(404 if content is None else 200, content or b"")

    do_HEAD = do_GET

    def _answer(self, status, content, body=None):
        self.send_response(status)
        self.send_header("ETag", f'"{hashlib.md5(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content if body is None else body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content if body is None else body)
