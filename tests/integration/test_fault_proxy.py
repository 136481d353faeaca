#!/usr/bin/python3
"""The proxy that spoils one request: what the service gets, and what the client."""

import http.client
import http.server
import sys
import threading
import unittest
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import fault_proxy  # noqa: E402
from fault_proxy import FaultProxy  # noqa: E402

SENT, ANSWERED = b"what was sent", b"what was answered"
PATIENCE = 5


class Service(http.server.BaseHTTPRequestHandler):
    """Takes bodies, whole ones and others, and answers 201."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(201)
        self.send_header("Content-Length", str(len(ANSWERED)))
        self.end_headers()
        self.wfile.write(ANSWERED)

    def log_message(self, *_):
        pass


class FaultProxyTest(unittest.TestCase):
    def setUp(self):
        self.service = self.enterContext(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service))
        self.service.bodies = []
        thread = threading.Thread(target=self.service.serve_forever, args=(0.05,))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.service.shutdown)
        self.proxy = self.enterContext(
            FaultProxy({"image": f"http://127.0.0.1:{self.service.server_address[1]}/v2"})
        )

    def ask(self):
        """The answer's body, None when there was none."""
        url = urllib.parse.urlsplit(self.proxy.url("image"))
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=PATIENCE)
        try:
            connection.request("POST", url.path, SENT)
            return connection.getresponse().read()
        except http.client.IncompleteRead as error:
            return error.partial
        except OSError:
            return None
        finally:
            connection.close()

    def ask_spoiled(self, fault):
        """The second of three requests is."""
        self.proxy.spoil(2, fault)
        answers = [self.ask() for _ in range(3)]
        self.proxy.restore()
        self.assertEqual(ANSWERED, answers[0])
        self.assertEqual([SENT] * 3, [exchange.body for exchange in self.proxy.take_exchanges()])
        return answers[1:]

    def test_without_a_fault(self):
        self.assertEqual(ANSWERED, self.ask())
        (exchange,) = self.proxy.take_exchanges()
        self.assertEqual(
            ("image", "POST", "/v2", SENT, 201, ANSWERED),
            (
                exchange.service,
                exchange.method,
                exchange.path(),
                exchange.body,
                exchange.status,
                exchange.answer,
            ),
        )
        self.assertIsNone(self.proxy.spoiled)

    def test_unsent(self):
        self.assertEqual([None, ANSWERED], self.ask_spoiled(fault_proxy.unsent))
        self.assertEqual([SENT] * 2, self.service.bodies)
        self.assertIsNone(self.proxy.spoiled.status)

    def test_half_sent(self):
        self.assertEqual([None, ANSWERED], self.ask_spoiled(fault_proxy.half_sent))
        self.assertIn(SENT[: len(SENT) // 2], self.service.bodies)

    def test_unanswered(self):
        self.assertEqual([None, ANSWERED], self.ask_spoiled(fault_proxy.unanswered))
        self.assertEqual([SENT] * 3, self.service.bodies)
        self.assertEqual(201, self.proxy.spoiled.status)

    def test_cut_off(self):
        self.assertEqual([None, None], self.ask_spoiled(fault_proxy.cut_off))
        self.assertEqual([SENT] * 2, self.service.bodies)
        self.assertEqual(ANSWERED, self.ask())

    def test_half_answered(self):
        half = ANSWERED[: len(ANSWERED) // 2]
        self.assertEqual([half, ANSWERED], self.ask_spoiled(fault_proxy.half_answered))

    def test_late(self):
        self.assertEqual([None, ANSWERED], self.ask_spoiled(fault_proxy.late))
        self.assertEqual([SENT] * 3, self.service.bodies)

    def test_altered_request(self):
        self.assertEqual([ANSWERED, ANSWERED], self.ask_spoiled(fault_proxy.altered_request))
        self.assert_one_bit(SENT, self.service.bodies[1])
        self.assertEqual([SENT] * 2, self.service.bodies[::2])

    def test_altered_answer(self):
        altered, whole = self.ask_spoiled(fault_proxy.altered_answer)
        self.assert_one_bit(ANSWERED, altered)
        self.assertEqual(ANSWERED, whole)
        self.assertEqual([SENT] * 3, self.service.bodies)

    def test_repeated(self):
        self.assertEqual([ANSWERED, ANSWERED], self.ask_spoiled(fault_proxy.repeated))
        self.assertEqual([SENT] * 4, self.service.bodies)

    def assert_one_bit(self, before, after):
        self.assertEqual(len(before), len(after))
        changed = sum((a ^ b).bit_count() for a, b in zip(before, after, strict=True))
        self.assertEqual(1, changed)


if __name__ == "__main__":
    unittest.main()
