"""What a source may do to items on their way into a directory: threats-and-faults.md F1 to F8.

After each fault the invariants hold that invariants.py has, a run without the fault ends where an undisturbed one does,
and the run after that has nothing to do.
"""

import email.utils
import shutil
import socket
import time
import unittest
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from certificates import Certificates
from invariants import litter, read_generation
from stream_tree import StreamTree, item_path, write_random
from tree_case import INDEX, NEW, NEWEST, PRODUCTS, TreeCase, differences, entry, snapshot
from tree_server import TreeServer

DONE, ITEMS_FAILED, NO_SOURCE = 0, 1, 4
GUARD = 8
KILLED, TERMINATED = -9, 143
PATIENCE = 10
MEBIBYTE = 1 << 20
SIZE = 5 * MEBIBYTE + 4321
HALF = SIZE // 2
# Less than what makes the attempts count anew.
EARLY = 700_000
IMAGE = item_path("focal", "amd64", NEW, "disk1.img", "released")
OTHER = item_path("bionic", "amd64", NEW, "disk1.img", "released")
FOCAL = "com.ubuntu.cloud:server:20.04:amd64"
ONE_AFTER_THE_OTHER = {"max_wait": "0s"}
ONLY_ONCE = {"attempts": 1}
# A block between pipe and disk, and what the pipe withholds.
IN_FLIGHT = MEBIBYTE + 256 * 1024
CLOSED = "http://127.0.0.1:1/"
LONG_AGO, DAY_AFTER = "Fri, 01 Jan 2021 00:00:00 GMT", "Sat, 02 Jan 2021 00:00:00 GMT"
# How often a document is asked for: of what came after the index nobody knows whether it fits.
FIRST_READING = ((INDEX, 2), (PRODUCTS, 1))
# Below the root of the server, in place of the image: other bytes, its own behind other ones, its first half.
REPLACED, STALE, SHORT = "replaced", "stale", "short"


def image(**settings):
    """A rule of the scripted server for the image that has the faults."""
    return {"path": f"/{IMAGE}", **settings}


def once(**settings):
    """The same for one request; the next one is for the next rule."""
    return image(times=1, **settings)


@dataclass(frozen=True)
class Exchange:
    """A request for the image, and its answer."""

    start: int | None  # None: no range was asked for
    if_range: str | None
    status: int
    sent: int


def exchanges(server):
    return [
        Exchange(start_of(headers), headers.get("if-range"), status, sent)
        for headers, status, sent in server.exchanges(f"/{IMAGE}")
    ]


def start_of(headers):
    value = headers.get("range")
    return int(value.removeprefix("bytes=").removesuffix("-")) if value is not None else None


def starts(server):
    return [exchange.start for exchange in exchanges(server)]


class FaultCase(TreeCase):
    """Two images, of which one, of some size, has the faults. No test changes them, so they are made once."""

    undisturbed = None

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    @classmethod
    def set_up_for_all(cls):
        super().setUpClass()
        cls.tree = StreamTree(Path(cls.scratch.name, "stream"), cls.key)
        for release, size in (("focal", SIZE), ("bionic", 100_000)):
            cls.tree.add_version(release, "amd64", NEW, {"disk1.img": size}, writer=write_random)
        cls.tree.write()
        cls.content = (cls.tree.root / IMAGE).read_bytes()
        cls.etag = f'"{cls.tree.item(FOCAL, NEW, "disk1.img")["sha256"][:16]}"'
        cls.generation = read_generation(cls.tree.root)
        write_random(cls.tree.root / REPLACED, SIZE, REPLACED)
        replaced = (cls.tree.root / REPLACED).read_bytes()
        (cls.tree.root / STALE).write_bytes(replaced[:HALF] + cls.content[HALF:])
        (cls.tree.root / SHORT).write_bytes(cls.content[:HALF])
        cls.faultless = unittest.enterModuleContext(TreeServer(cls.tree.root))

    @classmethod
    def tear_down_for_all(cls):
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        if self.undisturbed is None:
            self.assertEqual(DONE, self.sync_from(self.faultless).status)
            FaultCase.undisturbed = self.files()
            super().setUp()

    def make_stream(self, _):
        return self.tree

    @property
    def part(self):
        return self.target / f"{IMAGE}.part"

    def serve(self, *rules, root=None, **options):
        return self.enterContext(TreeServer(root or self.stream.root, rules=rules, **options))

    def sync_from(self, *servers, retries=None, **keys):
        """The first is the source, the others are its fallbacks."""
        first, *others = [server if isinstance(server, str) else server.url for server in servers]
        return self.sync(entry(first, mirrors=others), retries=retries or ONE_AFTER_THE_OTHER, **keys)

    def plant(self, content):
        self.part.parent.mkdir(parents=True)
        self.part.write_bytes(content)

    def assert_done(self, run):
        self.assertEqual(DONE, run.status, run.err)
        self.assertEqual({OTHER, IMAGE}, self.images())
        self.assert_harmless()

    def assert_image_failed(self, run):
        self.assertEqual(ITEMS_FAILED, run.status, run.err)
        self.assertIn(IMAGE, run.last_words())
        self.assertEqual({OTHER}, self.images(), "the others are done")
        self.assertFalse([path for path in self.files() if path.startswith("streams/")], "published by half")
        self.assert_harmless()

    def assert_harmless(self):
        """Nothing wrong is there now, the next run makes all good, and the one after that finds nothing to do."""
        self.assert_recovers(
            self.faultless, self.generation, self.undisturbed, lambda: self.sync_from(self.faultless)
        )
        self.assert_idle(self.faultless)

    def assert_idle(self, server):
        """One conditional request for each document, and nothing else anywhere."""
        self.assert_nothing_new(server)
        requests = [(request.path, request.status) for request in server.requests()]
        self.assertCountEqual([(f"/{INDEX}", 304), (f"/{PRODUCTS}", 304)], requests)

    def assert_nothing_new(self, server):
        server.take_requests()
        before = snapshot(self.target)
        run = self.sync_from(server)
        self.assertEqual((DONE, ""), (run.status, run.out), run.err)
        self.assertEqual({f"/{INDEX}", f"/{PRODUCTS}"}, set(server.paths()))
        self.assertEqual([], differences(before, snapshot(self.target)))


def setUpModule():
    FaultCase.set_up_for_all()
    unittest.addModuleCleanup(FaultCase.tear_down_for_all)


class Cut(FaultCase):
    """F4: the connection ends too soon."""

    PLACES = (0, 1, 4095, HALF, SIZE - 1)

    def test_by_fin_the_rest_is_asked_for(self):
        for place in self.PLACES:
            with self.subTest(place):
                self.setUp()
                server = self.serve(once(close_after=place))
                self.assert_done(self.sync_from(server))
                rest = Exchange(place, self.etag, 206, SIZE - place) if place else Exchange(None, None, 200, SIZE)
                self.assertEqual([Exchange(None, None, 200, place), rest], exchanges(server))

    def test_by_rst_the_rest_is_asked_for(self):
        for place in self.PLACES:
            with self.subTest(place):
                self.setUp()
                server = self.serve(once(close_after=place, reset=1))
                self.assert_done(self.sync_from(server))
                _, rest = exchanges(server)
                # What was still on its way is lost.
                self.assertLessEqual(rest.start or 0, place)
                self.assertEqual(SIZE - (rest.start or 0), rest.sent)
                if rest.start is not None:
                    self.assertEqual((self.etag, 206), (rest.if_range, rest.status))
                # Nothing of so little waits anywhere.
                if place <= 4095:
                    self.assertEqual(place, rest.start or 0)

    def test_under_tls(self):
        certificates = Certificates(self.work / "certificates")
        for reset in (0, 1):
            with self.subTest(reset):
                self.setUp()
                server = self.serve(once(close_after=HALF, reset=reset), certificate=certificates.server)
                run = self.sync(entry(server.url, ca_file=str(certificates.ca)), retries=ONE_AFTER_THE_OTHER)
                _, rest = exchanges(server)
                self.assertTrue(0 < rest.start <= HALF, rest)
                self.assertEqual(Exchange(rest.start, self.etag, 206, SIZE - rest.start), rest)
                self.assert_done(run)

    def test_again_and_again(self):
        places = (1000, HALF, SIZE - 1)
        server = self.serve(*[once(close_after=step) for step in (1000, HALF - 1000, SIZE - 1 - HALF)])
        self.assert_done(self.sync_from(server))
        self.assertEqual([None, *places], starts(server))
        self.assertEqual(SIZE, sum(exchange.sent for exchange in exchanges(server)))

    def test_who_sends_a_mebibyte_each_time_is_not_given_up(self):
        server = self.serve(image(close_after=MEBIBYTE))
        self.assert_done(self.sync_from(server, retries={"attempts": 2, **ONE_AFTER_THE_OTHER}))
        self.assertEqual([None, *range(MEBIBYTE, SIZE, MEBIBYTE)], starts(server))

    def test_who_sends_a_mebibyte_each_time_is_not_left_for_a_base_that_may_have_nothing(self):
        first, second = self.serve(image(close_after=MEBIBYTE)), self.serve(image(status=404))
        self.assert_done(self.sync_from(first, second, retries={"attempts": 2, **ONE_AFTER_THE_OTHER}))
        self.assertEqual([], exchanges(second))

    def test_who_sends_less_each_time_is_given_up(self):
        server = self.serve(image(close_after=1000))
        run = self.sync_from(server, retries={"attempts": 3, **ONE_AFTER_THE_OTHER})
        self.assertEqual([None, 1000, 2000], starts(server))
        self.assert_image_failed(run)

    def test_lengths_that_are_wrong(self):
        for how in (
            {"content_length": SIZE + 10},
            {"content_length": SIZE - 10, "header": ["Connection: close"]},
            {"content_length": SIZE - 10},
            {"no_length": 1, "close_after": HALF},
            {"chunked": 1, "close_after": HALF},
            {"chunked": 1, "close_after": HALF, "reset": 1},
        ):
            with self.subTest(how):
                self.setUp()
                server = self.serve(once(**how))
                self.assert_done(self.sync_from(server))
                self.assertLessEqual(len(exchanges(server)), 3)

    def test_a_file_that_is_too_short(self):
        self.assert_image_failed(self.sync_from(self.serve(image(file=SHORT))))


class Resumed(FaultCase):
    """F5: what a server may answer to who asks for the rest, and what becomes of the bytes in front of it."""

    def cut_then(self, *rules, place=HALF, **first):
        return self.serve(once(close_after=place, **first), *rules)

    def test_a_server_without_ranges(self):
        server = self.cut_then(image(ignore_range=1))
        self.assert_done(self.sync_from(server))
        rest = Exchange(HALF, self.etag, 200, SIZE)
        self.assertEqual([Exchange(None, None, 200, HALF), rest], exchanges(server))

    def test_a_server_without_ranges_that_cuts_before_it_comes_to_what_is_new(self):
        server = self.cut_then(once(ignore_range=1, close_after=HALF // 2), image(ignore_range=1))
        self.assert_done(self.sync_from(server))
        self.assertEqual([None, HALF, HALF], starts(server))

    def test_a_server_without_ranges_that_cuts_behind_it(self):
        server = self.cut_then(once(ignore_range=1, close_after=HALF + 1000))
        self.assert_done(self.sync_from(server))
        self.assertEqual([None, HALF, HALF + 1000], starts(server))

    def test_another_range_than_was_asked_for_is_not_taken(self):
        for shift in (-1, 1):
            with self.subTest(shift):
                self.setUp()
                server = self.cut_then(image(range_shift=shift))
                self.assert_done(self.sync_from(server))
                self.assertEqual([None, HALF, None], starts(server))
                self.assertEqual(200, exchanges(server)[-1].status)

    def test_ranges_that_are_none(self):
        for said in (
            None,
            f"bytes {HALF}-{SIZE - 1}",
            f"bytes {HALF}-{SIZE}/{SIZE}",
            f"bytes {HALF}-{SIZE - 1}/{SIZE + 1}",
            f"bytes {HALF}-{SIZE - 2}/{SIZE}",
            f"bytes -{HALF}-{SIZE - 1}/{SIZE}",
            f"bytes {HALF + 2**64}-{SIZE - 1}/{SIZE}",
            f"bytes */{SIZE}",
        ):
            with self.subTest(said):
                self.setUp()
                header = [f"Content-Range: {said}"] if said is not None else []
                server = self.cut_then(once(status=206, file=IMAGE, header=header))
                self.assert_done(self.sync_from(server))
                self.assertEqual([None, HALF, None], starts(server))

    def test_416(self):
        server = self.cut_then(once(status=416))
        self.assert_done(self.sync_from(server))
        self.assertEqual([None, HALF, None], starts(server))

    def test_416_to_every_range(self):
        server = self.cut_then(once(file=SHORT, etag=self.etag))
        self.assert_done(self.sync_from(server))
        self.assertEqual([200, 416, 200], [exchange.status for exchange in exchanges(server)])
        self.assertEqual([None, HALF, None], starts(server))

    def test_another_tag_of_the_same_bytes(self):
        server = self.cut_then(image(etag='"two"'), etag='"one"')
        self.assert_done(self.sync_from(server))
        rest = Exchange(HALF, '"one"', 200, SIZE)
        self.assertEqual([Exchange(None, None, 200, HALF), rest], exchanges(server))

    def test_a_rest_with_another_tag_is_not_taken(self):
        server = self.cut_then(once(etag='"two"', ignore_if_range=1), etag='"one"')
        self.assert_done(self.sync_from(server))
        self.assertEqual([None, HALF, None], starts(server))
        self.assertEqual([200, 206, 200], [exchange.status for exchange in exchanges(server)])

    def test_where_there_is_no_tag_the_date_is_the_condition(self):
        dated = {"etag": "", "last_modified": LONG_AGO}
        server = self.cut_then(image(**dated), **dated)
        self.assert_done(self.sync_from(server))
        rest = Exchange(HALF, LONG_AGO, 206, SIZE - HALF)
        self.assertEqual([Exchange(None, None, 200, HALF), rest], exchanges(server))

    def test_a_rest_with_another_date_is_not_taken(self):
        changed = once(etag="", last_modified=DAY_AFTER, ignore_if_range=1)
        server = self.cut_then(changed, etag="", last_modified=LONG_AGO)
        self.assert_done(self.sync_from(server))
        self.assertEqual([None, HALF, None], starts(server))
        self.assertEqual([200, 206, 200], [exchange.status for exchange in exchanges(server)])

    def test_what_is_weak_or_missing_is_no_condition(self):
        for said in ({"etag": 'W/"one"', "last_modified": LONG_AGO}, {"etag": "", "last_modified": ""}):
            with self.subTest(said):
                self.setUp()
                server = self.cut_then(image(**said), **said)
                self.assert_done(self.sync_from(server))
                rest = Exchange(HALF, None, 206, SIZE - HALF)
                self.assertEqual([Exchange(None, None, 200, HALF), rest], exchanges(server))

    def test_a_replaced_file_fails(self):
        for tag in ({}, {"etag": '"kept"'}):
            with self.subTest(tag):
                self.setUp()
                server = self.cut_then(image(file=REPLACED, **tag), **tag)
                self.assert_image_failed(self.sync_from(server))
                self.assertEqual([None, HALF, None], starts(server))

    def test_a_stale_beginning_is_healed(self):
        for tag in ({}, {"etag": '"kept"'}):
            with self.subTest(tag):
                self.setUp()
                server = self.cut_then(image(**tag), file=STALE, **tag)
                self.assert_done(self.sync_from(server))
                self.assertEqual([None, HALF, None], starts(server))

    def test_behind_a_redirect(self):
        elsewhere = self.serve(once(close_after=HALF))
        server = self.serve(image(redirect=f"{elsewhere.url}{IMAGE}"))
        self.assert_done(self.sync_from(server))
        rest = Exchange(HALF, self.etag, 206, SIZE - HALF)
        self.assertEqual([Exchange(None, None, 200, HALF), rest], exchanges(elsewhere))

    def test_the_next_base_goes_on(self):
        first, second = self.serve(image(close_after=EARLY)), self.serve()
        self.assert_done(self.sync_from(first, second, retries=ONLY_ONCE))
        self.assertEqual([Exchange(None, None, 200, EARLY)], exchanges(first))
        self.assertEqual([Exchange(EARLY, None, 206, SIZE - EARLY)], exchanges(second))

    def test_the_next_base_may_be_without_ranges(self):
        first, second = self.serve(image(close_after=EARLY)), self.serve(image(ignore_range=1))
        self.assert_done(self.sync_from(first, second, retries=ONLY_ONCE))
        self.assertEqual([Exchange(EARLY, None, 200, SIZE)], exchanges(second))

    def test_the_next_base_is_trusted_with_ranges_though_the_first_was_not(self):
        first = self.serve(once(close_after=EARLY), once(range_shift=1), image(drop=1))
        second = self.serve()
        self.assert_done(self.sync_from(first, second, retries={"attempts": 3, **ONE_AFTER_THE_OTHER}))
        self.assertEqual([None, EARLY, None], starts(first)[:3])
        self.assertEqual([Exchange(EARLY, None, 206, SIZE - EARLY)], exchanges(second))

    def test_the_next_base_heals_what_the_first_one_began_wrong(self):
        first, second = self.serve(image(close_after=EARLY, file=STALE)), self.serve()
        self.assert_done(self.sync_from(first, second, retries=ONLY_ONCE))
        self.assertEqual({None}, set(starts(first)))
        self.assertEqual([EARLY, None], [starts(second)[0], starts(second)[-1]])


class Unasked(FaultCase):
    """F5: a part that nobody asked for."""

    def test_at_once(self):
        self.assert_image_failed(self.sync_from(self.serve(image(status=206))))

    def test_in_place_of_the_whole_file(self):
        server = self.serve(once(close_after=HALF), image(status=206, header=["Content-Range: bytes 1-2/3"]))
        self.assert_image_failed(self.sync_from(server))

    def test_the_next_base_is_asked(self):
        self.assert_done(self.sync_from(self.serve(image(status=206)), self.serve()))


class Trailers(FaultCase):
    """F3, T10: what stands behind a chunked body (RFC 9112 section 7.1.2)."""

    def test_a_few_are_taken(self):
        self.assert_done(self.sync_from(self.serve(image(chunked=1, trailers=10))))

    def test_without_end_they_are_refused(self):
        for path in (f"/{IMAGE}", f"/{INDEX}"):
            with self.subTest(path):
                self.setUp()
                run = self.sync_from(self.serve({"path": path, "chunked": 1, "trailers": 100_000}))
                self.assertNotEqual(0, run.status)
                self.assertIn("more than 300.0 kB of header fields", run.err)
                self.assert_harmless()


class Interrupted(FaultCase):
    """F4 over the end of a run: what it had got is in a `.part`."""

    def interrupt(self, how, server, sent):
        """Its status, how long it took to end, and what it said, when what was `sent` is on disk."""
        process = self.program.start("sync", "-c", self.configure(entry(server.url)))
        self.wait_for_part(self.part_size() + sent - IN_FLIGHT)
        begin = time.monotonic()
        how(process)
        _, err = process.communicate(timeout=PATIENCE)
        return process.returncode, time.monotonic() - begin, err.decode()

    def wait_for_part(self, size):
        deadline = time.monotonic() + PATIENCE
        while self.part_size() < size:
            self.assertLess(time.monotonic(), deadline, "the .part does not grow")
            time.sleep(0.01)

    def part_size(self):
        return self.part.stat().st_size if self.part.exists() else 0

    def assert_next_run_goes_on(self, server):
        begun = self.part_size()
        self.assertGreater(begun, 0)
        self.assertEqual(self.content[:begun], self.part.read_bytes())
        self.assert_holds(self.generation)
        self.assert_done(self.sync_from(server))
        self.assertEqual(Exchange(begun, None, 206, SIZE - begun), exchanges(server)[-1])

    def test_killed(self):
        server = self.serve(once(stall_after=HALF))
        status, _, err = self.interrupt(Popen.kill, server, HALF)
        self.assertEqual(KILLED, status, err)
        self.assert_next_run_goes_on(server)

    def test_killed_twice(self):
        server = self.serve(once(stall_after=2 * MEBIBYTE), once(stall_after=2 * MEBIBYTE))
        self.interrupt(Popen.kill, server, 2 * MEBIBYTE)
        begun = self.part_size()
        self.interrupt(Popen.kill, server, 2 * MEBIBYTE)
        self.assert_next_run_goes_on(server)
        self.assertEqual([None, begun], starts(server)[:2])

    def test_killed_while_bytes_come(self):
        server = self.serve(once(rate=2 * MEBIBYTE))
        self.interrupt(Popen.kill, server, 2 * MEBIBYTE)
        self.assert_next_run_goes_on(server)

    def test_terminated(self):
        server = self.serve(once(stall_after=HALF))
        status, seconds, err = self.interrupt(Popen.terminate, server, HALF)
        self.assertEqual(TERMINATED, status, err)
        self.assertLess(seconds, 2)
        self.assert_next_run_goes_on(server)

    def test_terminated_while_it_waits_for_another_try(self):
        server = self.serve(once(close_after=HALF), once(status=503, retry_after="3600"))
        process = self.program.start("sync", "-c", self.configure(entry(server.url)))
        self.addCleanup(process.kill)
        deadline = time.monotonic() + PATIENCE
        while starts(server) != [None, HALF]:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        begin = time.monotonic()
        process.terminate()
        _, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(TERMINATED, process.returncode, err)
        self.assertLess(time.monotonic() - begin, 2)
        self.assert_next_run_goes_on(server)

    def test_its_time_is_over(self):
        server = self.serve({"path": f"/{IMAGE}", "stall_after": HALF})
        for seconds in (3, 30):  # 3 may be over before the image begins
            run = self.sync_from(server, timeouts={"run": f"{seconds}s"})
            self.assertEqual(GUARD, run.status, run.err)
            said = f"error: timeouts.run is over ({seconds} s); the next run goes on from here"
            self.assertEqual(said, run.last_words())
            if self.part_size() > 0:
                break
        self.assert_next_run_goes_on(self.serve())

    def test_another_server_goes_on_with_it(self):
        self.interrupt(Popen.kill, self.serve(once(stall_after=HALF)), HALF)
        self.assert_next_run_goes_on(self.serve())

    def test_a_server_without_ranges(self):
        self.interrupt(Popen.kill, self.serve(once(stall_after=HALF)), HALF)
        begun = self.part_size()
        server = self.serve(image(ignore_range=1))
        self.assert_done(self.sync_from(server))
        self.assertEqual([Exchange(begun, None, 200, SIZE)], exchanges(server))

    def test_all_tries_of_all_bases_failed(self):
        # So slow that what came is on disk when there is no more.
        servers = [self.serve(once(close_after=EARLY, rate=8 * MEBIBYTE)) for _ in range(2)]
        failed = self.sync_from(*servers, retries=ONLY_ONCE)
        self.assertEqual(ITEMS_FAILED, failed.status, failed.err)
        self.assertIn(IMAGE, failed.last_words())
        self.assertEqual(([None], [EARLY]), (starts(servers[0]), starts(servers[1])))
        self.assertGreater(self.part_size(), EARLY)
        self.assert_next_run_goes_on(servers[0])

    def test_a_wrong_beginning_is_thrown_away(self):
        for size in (1, HALF, SIZE - 1):
            with self.subTest(size):
                self.setUp()
                self.plant(b"?" * size)
                server = self.serve()
                self.assert_done(self.sync_from(server))
                self.assertEqual([size, None], starts(server))

    def test_a_beginning_that_is_not_one(self):
        """Nothing can be gone on with, so it is begun anew."""
        for name, content in {
            "nothing": b"",
            "wrong and whole": b"?" * SIZE,
            "wrong and too long": b"?" * (SIZE + MEBIBYTE),
            "right and too long": self.content + b"?",
        }.items():
            with self.subTest(name):
                self.setUp()
                self.plant(content)
                server = self.serve()
                self.assert_done(self.sync_from(server))
                self.assertEqual(Exchange(None, None, 200, SIZE), exchanges(server)[-1])
                self.assertLessEqual(sum(exchange.sent for exchange in exchanges(server)), SIZE)

    def test_a_beginning_that_is_all(self):
        """Killed between the last byte and the new name."""
        self.plant(self.content)
        server = self.serve()
        self.assert_done(self.sync_from(server))
        self.assertLessEqual(sum(exchange.sent for exchange in exchanges(server)), 1)

    def own_stream(self):
        """One image that a test may change, begun and not ended."""
        stream = StreamTree(self.work / "own", self.key)
        self.add(stream, "bionic", NEW)
        stream.add_version("focal", "amd64", NEW, {"disk1.img": SIZE}, writer=write_random)
        stream.write()
        server = self.serve(once(close_after=EARLY, rate=8 * MEBIBYTE), root=stream.root)
        run = self.sync_from(server, retries=ONLY_ONCE)
        self.assertEqual(ITEMS_FAILED, run.status, run.err)
        self.assertGreater(self.part_size(), 0)
        return stream, server

    def assert_taken(self, server, stream, *images):
        run = self.sync_from(server)
        self.assertEqual(DONE, run.status, run.err)
        self.assertEqual(set(images), self.images())
        for path in images:
            self.assertEqual((stream.root / path).read_bytes(), (self.target / path).read_bytes(), path)
        generation = read_generation(stream.root)
        self.assert_holds(generation)
        self.assertEqual([], litter(self.target, generation))
        self.assert_idle(server)

    def test_a_beginning_of_what_was_replaced(self):
        stream, server = self.own_stream()
        stream.add_item(FOCAL, NEW, "disk1.img", IMAGE, SIZE, lambda path, size, _: write_random(path, size, "new"))
        stream.write()
        self.assert_taken(server, stream, OTHER, IMAGE)

    def test_a_beginning_of_what_was_superseded(self):
        stream, server = self.own_stream()
        self.add(stream, "focal", NEWEST)
        stream.write()
        self.assert_taken(server, stream, OTHER, self.path("focal", NEWEST))

    def test_a_beginning_of_what_vanished(self):
        stream, server = self.own_stream()
        stream.remove_product(FOCAL)
        stream.write()
        self.assert_taken(server, stream, OTHER)


class Unreachable(FaultCase):
    """F1: nobody there, or nobody who answers."""

    def deaf_url(self):
        """Of a host that lets nobody in: its queue is full, and the kernel drops who comes."""
        deaf = self.enterContext(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            caller = self.enterContext(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(deaf.getsockname())
        return f"http://127.0.0.1:{deaf.getsockname()[1]}/"

    def bad_bases(self):
        plain = self.serve().url.removeprefix("http:")
        return {
            "closed port": CLOSED,
            "closes": self.serve({"drop": 1}).url,
            "resets": self.serve({"drop": 1, "reset": 1}).url,
            "no TLS": f"https:{plain}",
            "deaf": self.deaf_url(),
        }

    def test_the_next_base_has_it_all(self):
        for name, url in self.bad_bases().items():
            with self.subTest(name):
                self.setUp()
                keys = {"retries": ONLY_ONCE, "timeouts": {"connect": "1s"}}
                self.assert_done(self.sync_from(url, self.faultless, **keys))

    def test_it_is_told_why_the_first_base_was_not_read(self):
        for status in (401, 403, 404):
            with self.subTest(status):
                self.setUp()
                run = self.sync_from(self.serve({"path": "/streams/*", "status": status}), self.faultless)
                self.assert_done(run)
                self.assertRegex(run.err, rf"index.sjson.*{status}.*; another base was read instead")

    def test_without_another_base_the_other_entries_are_done(self):
        for name, url in self.bad_bases().items():
            with self.subTest(name):
                self.setUp()
                keys = {"retries": ONLY_ONCE, "timeouts": {"connect": "1s"}}
                run = self.sync(entry(url, name="bad"), entry(self.faultless.url, name="good"), **keys)
                self.assertEqual(NO_SOURCE, run.status, run.err)
                self.assertIn("bad", run.last_words())
                expected = {f"good/{path}": content for path, content in self.undisturbed.items()}
                self.assertEqual(expected, self.files())
                self.assert_holds(self.generation, root=self.target / "good")

    def test_who_closes_at_first_is_asked_again(self):
        for reset in (0, 1):
            with self.subTest(reset):
                self.setUp()
                server = self.serve(image(times=2, drop=1, reset=reset))
                self.assert_done(self.sync_from(server))
                self.assertEqual({None}, set(starts(server)))

    def test_an_item_that_the_first_base_never_gives(self):
        first, second = self.serve(image(drop=1, reset=1)), self.serve()
        self.assert_done(self.sync_from(first, second, retries={"attempts": 2, **ONE_AFTER_THE_OTHER}))
        self.assertEqual(({None}, [None]), (set(starts(first)), starts(second)))


class Queue(TreeCase):
    """F2: many requests, of which a server answers some and tells the others to come back later."""

    SMALL = 12

    def make_stream(self, name):
        tree = StreamTree(self.work / name, self.key)
        items = {f"part{number}.img": 1000 for number in range(self.SMALL)}
        tree.add_version("focal", "amd64", NEW, items, writer=write_random)
        tree.write()
        return tree

    def test_each_has_its_turn(self):
        limit = {"path": "/server/*", "within": "0.4", "status": 429, "retry_after": "1"}
        with TreeServer(self.stream.root, rules=[limit]) as server:
            run = self.sync(entry(server.url, item_filters=[]), jobs=6, retries={"attempts": 3})
        self.assertEqual(DONE, run.status, run.err)
        self.assertEqual(self.SMALL, len(self.images()))

    def test_who_serves_nobody_is_given_up(self):
        limit = {"path": "/server/*", "status": 429, "retry_after": "1"}
        with TreeServer(self.stream.root, rules=[limit]) as server:
            run = self.sync(entry(server.url, item_filters=[]), jobs=self.SMALL, retries={"attempts": 2})
            asked = [request for request in server.requests() if request.status == 429]
        self.assertEqual(1, run.status, run.err)
        self.assertEqual(2 * self.SMALL, len(asked))


class Busy(FaultCase):
    """F2: 429 and 503, and how long to wait."""

    def seconds(self, *rules, **keys):
        server = self.serve(*rules)
        begin = time.monotonic()
        run = self.sync_from(server, **keys)
        return run, time.monotonic() - begin

    def test_then_it_is_good(self):
        for status in (429, 500, 503):
            with self.subTest(status):
                self.setUp()
                self.assert_done(self.seconds(once(status=status))[0])

    def assert_waits_are_told(self, name, run):
        self.assertEqual(0, run.status, run.err)
        told = [line for line in run.err.splitlines() if "status 503; trying again in " in line]
        self.assertEqual(2, len(told), run.err)
        self.assertTrue(all(line.startswith(f"warning: {name}: GET ") for line in told), told)

    def test_waits_for_documents_are_told(self):
        busy = {"path": "/streams/*", "times": 2, "status": 503}
        run = self.sync(entry(self.serve(busy).url, name="a-mirror"), retries=ONE_AFTER_THE_OTHER)
        self.assert_waits_are_told("a-mirror", run)
        run = self.program.run("query", self.serve(busy).url, "--keyring", self.keyring)
        self.assert_waits_are_told("127.0.0.1", run)

    def test_the_wait_that_is_asked_for_is_kept(self):
        for status, wait in ((429, "1"), (503, email.utils.formatdate(time.time() + 3600, usegmt=True))):
            with self.subTest(f"{status}, {wait}"):
                self.setUp()
                run, seconds = self.seconds(once(status=status, retry_after=wait), retries={"max_wait": "1s"})
                # Of its own accord the first wait is at most half a second.
                self.assertGreaterEqual(seconds, 1)
                self.assertLess(seconds, PATIENCE)
                self.assert_done(run)

    def test_no_wait_is_longer_than_max_wait(self):
        for wait in ("9223372036854775807", "99999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"):
            with self.subTest(wait):
                self.setUp()
                run, seconds = self.seconds(once(status=503, retry_after=wait), retries={"max_wait": "1s"})
                self.assertGreaterEqual(seconds, 1)
                self.assertLess(seconds, PATIENCE)
                self.assert_done(run)

    def test_waits_that_are_none(self):
        past = email.utils.formatdate(time.time() - 3600, usegmt=True)
        for wait in ("-5", "soon", past):
            with self.subTest(wait):
                self.setUp()
                run, seconds = self.seconds(once(status=503, retry_after=wait), retries={"attempts": 2})
                self.assertLess(seconds, PATIENCE)
                self.assert_done(run)

    def test_the_budget_ends_it(self):
        retries = {"budget": "30s", "max_wait": "1h"}
        run, seconds = self.seconds(image(status=503, retry_after="3600"), retries=retries)
        self.assertLess(seconds, PATIENCE)
        self.assert_image_failed(run)

    def test_the_budget_is_one_for_all_that_a_host_is_waited_for(self):
        server = self.serve({"path": "*.img", "status": 503, "retry_after": "1"})
        run = self.sync_from(server, retries={"attempts": 3, "budget": "3s"}, jobs=1)
        self.assertEqual(ITEMS_FAILED, run.status, run.err)
        asked = [path for path in server.paths() if path.endswith(".img")]
        self.assertEqual(2 + 3, len(asked), "each once, and once more for each second that may be waited")
        self.assertIn("retries.budget", run.err)

    def test_attempts_end_it(self):
        server = self.serve(image(status=429, retry_after="0"))
        run = self.sync_from(server, retries={"attempts": 3, **ONE_AFTER_THE_OTHER})
        self.assertEqual([None] * 3, starts(server))
        self.assert_image_failed(run)

    def test_in_the_middle(self):
        server = self.serve(once(close_after=HALF), once(status=503, retry_after="0"), once(status=429))
        self.assert_done(self.sync_from(server))
        self.assertEqual([None, HALF, HALF, HALF], starts(server))


class Stalled(FaultCase):
    """F3: bytes that do not come."""

    def test_in_the_middle(self):
        server = self.serve(once(stall_after=HALF))
        self.assert_done(self.sync_from(server, timeouts={"stall": "1s"}))
        rest = Exchange(HALF, self.etag, 206, SIZE - HALF)
        self.assertEqual([Exchange(None, None, 200, HALF), rest], exchanges(server))

    def test_at_a_byte_a_second(self):
        server = self.serve(once(rate=1))
        self.assert_done(self.sync_from(server, timeouts={"stall": "1s"}))
        first, rest = exchanges(server)
        self.assertLessEqual(first.sent, PATIENCE)
        self.assertLessEqual(rest.start or 0, first.sent)

    def test_before_the_answer(self):
        server = self.serve(once(delay=60))
        begin = time.monotonic()
        self.assert_done(self.sync_from(server, timeouts={"first_byte": "3s"}))
        self.assertLess(time.monotonic() - begin, 2 * PATIENCE)
        self.assertEqual([None, None], starts(server))

    def test_for_ever_on_the_first_base(self):
        first, second = self.serve(image(stall_after=EARLY)), self.serve()
        self.assert_done(self.sync_from(first, second, timeouts={"stall": "1s"}, retries=ONLY_ONCE))
        self.assertEqual(([None], [EARLY]), (starts(first), starts(second)))


class Flipped(FaultCase):
    """F6: a byte that is another."""

    PLACES = (0, SIZE - 1)

    def test_once(self):
        for place in self.PLACES:
            with self.subTest(place):
                self.setUp()
                server = self.serve(once(flip=place))
                self.assert_done(self.sync_from(server))
                self.assertEqual([Exchange(None, None, 200, SIZE)] * 2, exchanges(server))

    def test_always(self):
        for place in self.PLACES:
            with self.subTest(place):
                self.setUp()
                server = self.serve(image(flip=place))
                run = self.sync_from(server)
                self.assertEqual([None, None], starts(server))
                self.assertFalse(self.part.exists(), "wrong bytes are kept")
                self.assert_image_failed(run)

    def test_always_on_the_first_base(self):
        first, second = self.serve(image(flip=HALF)), self.serve()
        self.assert_done(self.sync_from(first, second))
        self.assertEqual(([None, None], [None]), (starts(first), starts(second)))

    def test_in_what_came_before_a_cut(self):
        server = self.serve(once(flip=10, close_after=HALF))
        self.assert_done(self.sync_from(server))
        self.assertEqual([None, HALF, None], starts(server))

    def test_in_what_came_after_a_cut(self):
        server = self.serve(once(close_after=HALF), once(flip=SIZE - 10))
        self.assert_done(self.sync_from(server))
        self.assertEqual([None, HALF, None], starts(server))


class Missing(FaultCase):
    """F7: the index is ahead of the files."""

    STATUSES = (404, 403, 410)
    CHANGED = "the source has changed since this run read it"

    def test_an_item_that_is_not_there_fails_alone(self):
        for status in self.STATUSES:
            with self.subTest(status):
                self.setUp()
                server = self.serve(image(status=status))
                run = self.sync_from(server)
                self.assertEqual([None, None], starts(server), "it is asked for once more")
                self.assertFalse(self.part.exists(), "nothing came, so nothing is kept")
                self.assert_image_failed(run)

    def test_the_next_base_may_have_it(self):
        for status in self.STATUSES:
            with self.subTest(status):
                self.setUp()
                first, second = self.serve(image(status=status)), self.serve()
                self.assert_done(self.sync_from(first, second))
                self.assertEqual(([None], [None]), (starts(first), starts(second)))

    def test_it_goes_away_in_the_middle(self):
        server = self.serve(once(close_after=HALF), image(status=404))
        self.assert_image_failed(self.sync_from(server))
        first, rest, again = starts(server)
        self.assertEqual((None, HALF), (first, rest))
        self.assertLessEqual(HALF - IN_FLIGHT, again, "it is asked for the rest once more")

    def test_it_comes_while_the_run_lasts(self):
        for status in self.STATUSES:
            with self.subTest(status):
                self.setUp()
                server = self.serve(once(status=status))
                self.assert_done(self.sync_from(server))
                self.assertEqual([None, None], starts(server))

    def test_the_documents_are_asked_for_again(self):
        server = self.serve({"path": "*.img", "status": 404})
        run = self.sync_from(server)
        self.assertEqual(ITEMS_FAILED, run.status, run.err)
        self.assertEqual([200, 304], self.answers_to(server, PRODUCTS), "once, whatever number of items is missing")
        self.assertEqual([200, 304, 304], self.answers_to(server, INDEX))
        asked = server.paths()
        again = len(asked) - asked[::-1].index(f"/{INDEX}")
        self.assertEqual({f"/{PRODUCTS}", f"/{IMAGE}", f"/{OTHER}"}, set(asked[again:]), "before the items")
        self.assertNotIn(self.CHANGED, run.err)

    def test_documents_that_have_changed_are_told(self):
        stream = StreamTree(self.work / "own", self.key)
        self.add(stream, "focal", NEW)
        stream.write()
        for document in (INDEX, PRODUCTS):
            shutil.copy(stream.root / document, stream.root / Path(document).name)
        self.add(stream, "focal", NEWEST)
        stream.write()
        before = [{"path": f"/{path}", "times": times, "file": Path(path).name} for path, times in FIRST_READING]
        server = self.serve(*before, image(status=404), root=stream.root)
        run = self.sync_from(server)
        self.assertEqual(ITEMS_FAILED, run.status, run.err)
        self.assertIn(IMAGE, run.last_words())
        self.assertIn(self.CHANGED, run.last_words())
        self.assertEqual([200, 304, 200], self.answers_to(server, INDEX))
        self.assertEqual([200], self.answers_to(server, PRODUCTS), "one that has changed is enough")
        self.assertEqual([None, None], starts(server))
        run = self.sync_from(server)
        self.assertEqual(DONE, run.status, run.err)
        self.assertEqual({self.path("focal", NEWEST)}, self.images())

    def test_what_says_nothing_about_the_documents_changes_nothing(self):
        for answer in ({"status": 503}, {"etag": "", "last_modified": ""}):
            with self.subTest(answer):
                self.setUp()
                later = [{"path": f"/{path}", "skip": times, **answer} for path, times in FIRST_READING]
                run = self.sync_from(self.serve(image(status=404), *later))
                self.assertNotIn(self.CHANGED, run.err)
                self.assert_image_failed(run)

    def answers_to(self, server, document):
        return [request.status for request in server.requests() if request.path == f"/{document}"]

    def test_the_version_before_stays_until_it_comes(self):
        for status in self.STATUSES:
            with self.subTest(status):
                self.setUp()
                stream = StreamTree(self.work / "own", self.key)
                self.add(stream, "focal", NEW)
                stream.write()
                server = self.serve({"path": f"*{NEWEST}*", "times": 2, "status": status}, root=stream.root)
                self.assertEqual(DONE, self.sync_from(server).status)
                before = self.published()
                old = read_generation(stream.root)
                self.add(stream, "focal", NEWEST)
                stream.write()
                run = self.sync_from(server)
                self.assertEqual(ITEMS_FAILED, run.status, run.err)
                self.assert_holds(read_generation(stream.root), old)
                self.assertEqual(before.keys(), self.published().keys())
                self.assertEqual(before, self.published())
                run = self.sync_from(server)
                self.assertEqual(DONE, run.status, run.err)
                self.assertEqual({self.path("focal", NEWEST)}, self.images())
                self.assert_idle(server)

    def published(self):
        return {path: content for path, content in self.files().items() if not path.startswith(".data/")}


class Unchanged(FaultCase):
    """F8: nothing new."""

    DATED = {"path": "*.sjson", "last_modified": LONG_AGO}

    def test_by_tag(self):
        server = self.serve()
        self.assert_done(self.sync_from(server))
        self.assert_idle(server)
        for document in (INDEX, PRODUCTS):
            self.assertIn("if-none-match", server.headers(f"/{document}")[-1])

    def test_by_date(self):
        server = self.serve({**self.DATED, "etag": ""})
        self.assert_done(self.sync_from(server))
        self.assert_idle(server)
        for document in (INDEX, PRODUCTS):
            headers = server.headers(f"/{document}")[-1]
            self.assertEqual(self.DATED["last_modified"], headers.get("if-modified-since"))
            self.assertNotIn("if-none-match", headers)

    def test_by_content_where_there_is_neither(self):
        server = self.serve({**self.DATED, "etag": "", "last_modified": ""})
        self.assert_done(self.sync_from(server))
        self.assert_nothing_new(server)
        self.assertEqual({200}, {request.status for request in server.requests()})

    def test_by_content_where_they_say_otherwise(self):
        server = self.serve({**self.DATED, "times": 3, "etag": '"another"'})
        self.assert_done(self.sync_from(server))
        self.assert_nothing_new(server)
        self.assertIn(200, {request.status for request in server.requests()})


if __name__ == "__main__":
    unittest.main()
