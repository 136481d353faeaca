"""SIGINT and SIGTERM at any moment, and timeouts.run: the end within two seconds, and the next run goes on
(cli.md §2)."""

import contextlib
import errno
import json
import os
import shutil
import signal
import socket
import time
import unittest
from pathlib import Path

import syscall_faults
from disk_fault_case import DONE, LARGE, DiskFaultCase, spread
from invariants import changes
from stream_tree import StreamTree, write_sparse
from streamsync_program import Program
from syscall_faults import NAMINGS, Fault
from tree_case import NEW, entry
from tree_server import TreeServer

GPG_THAT_HANGS = """#!/bin/sh
case " $* " in
*" --verify "*) test -p {silent} && read -r _ <{silent} ;;
esac
exec {gpg} "$@"
"""
STATUSES = {"INT": 130, "TERM": 143}
GUARD = 8
SECONDS = 2
PATIENCE = 10


class AtAnyCall(DiskFaultCase):
    """A run is told to end when it is about to change a file."""

    def assert_ends_wherever_it_is_told(self):
        points = spread(len(self.begin()))
        statuses = []
        for number, point in enumerate(points):
            told = list(STATUSES)[number % len(STATUSES)]
            self.restore()
            run, calls = self.run_with(Fault(point, told))
            struck = next((call for call in calls if call.struck), None)
            if struck is None:
                continue  # threads do not take turns alike each time
            with self.subTest(f"SIG{told} {point}: {struck.name} {struck.path}"):
                statuses.append(run.status)
                self.assertLess(syscall_faults.seconds_to_end(self.program.work / "calls"), SECONDS)
                if run.status == DONE:
                    self.assertEqual([], changes(self.undisturbed, self.files()))
                else:
                    self.assertEqual(STATUSES[told], run.status, run.err)
                self.assert_converges()
        self.assertGreater(len(statuses), len(points) // 2)
        self.assertGreater(len(statuses), 2 * statuses.count(DONE))

    def test_of_the_first_run(self):
        self.assert_ends_wherever_it_is_told()

    def test_of_a_run_that_replaces(self):
        self.serve_another_generation()
        self.assert_ends_wherever_it_is_told()


class ToldCase(DiskFaultCase):
    TRIES = 1

    def setUp(self):
        super().setUp()
        self.begin()

    def assert_ends_when(self, it_is_time, told, config, *arguments, **options):
        """Told when `it_is_time` has come back. Gives what it said."""
        took = []
        while not took or (took[-1] >= SECONDS and len(took) < self.TRIES):
            self.restore()
            process = self.program.start("sync", "-c", config, *arguments, **options)
            try:
                it_is_time()
                begin = time.monotonic()
                process.send_signal(signal.Signals[f"SIG{told}"])
                _, err = process.communicate(timeout=PATIENCE)
                took.append(time.monotonic() - begin)
            finally:
                process.kill()
            self.assertEqual(STATUSES[told], process.returncode, err)
        self.assertLess(took[-1], SECONDS)
        self.assert_converges()
        return (err or b"").decode()


class WhileItWaits(ToldCase):
    def assert_ends(self, *rules, asked=".img"):
        """Told when something with `asked` in its path was asked for, of a server of such rules."""
        for told in STATUSES:
            with self.subTest(told), TreeServer(self.stream.root, rules=rules) as server:
                config = self.configure(entry(server.url))
                self.assert_ends_when(lambda: server.wait_for(asked), told, config)

    def test_for_a_document(self):
        for asked in ("index.sjson", "download.sjson"):
            for how in ({"delay": 60}, {"stall_after": 100}, {"rate": 1}):
                with self.subTest(f"{asked} {how}"):
                    self.assert_ends({"path": f"*{asked}", **how}, asked=asked)

    def test_for_the_body_of_an_item(self):
        for how in ({"delay": 60}, {"stall_after": 0}, {"stall_after": LARGE // 2}, {"rate": 10_000}):
            with self.subTest(how):
                self.assert_ends({"path": "*.img", **how})

    def test_for_another_try(self):
        busy = {"status": 503, "retry_after": "3600"}
        self.assert_ends({"path": "*.img", **busy})
        self.assert_ends({"path": "*.sjson", **busy}, asked=".sjson")

    def test_for_who_does_not_let_it_in(self):
        deaf = self.enterContext(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            caller = self.enterContext(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(deaf.getsockname())
        port = deaf.getsockname()[1]
        before = connecting_to(port)

        def one_more_connects():
            deadline = time.monotonic() + PATIENCE
            while connecting_to(port) <= before:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)

        for told in STATUSES:
            with self.subTest(told):
                config = self.configure(entry(f"http://127.0.0.1:{port}/"))
                self.assert_ends_when(one_more_connects, told, config)

    def test_for_who_does_not_shake_hands(self):
        for told in STATUSES:
            with self.subTest(told), socket.create_server(("127.0.0.1", 0)) as silent:
                config = self.configure(entry(f"https://127.0.0.1:{silent.getsockname()[1]}/"))
                self.assert_ends_when(lambda: self.enterContext(silent.accept()[0]).recv(1), told, config)


class WhenItsTimeIsOver(ToldCase):
    def test_of_sync_and_of_plan(self):
        rules = [{"path": "*download.sjson", "delay": 60}]
        with TreeServer(self.stream.root, rules=rules) as server:
            for command in ("sync", "plan"):
                with self.subTest(command):
                    self.restore()
                    config = self.configure(entry(server.url), timeouts={"run": "1s"})
                    begin = time.monotonic()
                    run = self.program.run(command, "-c", config)
                    took = time.monotonic() - begin
                    self.assertEqual(GUARD, run.status, run.err)
                    self.assertTrue(1 <= took < 1 + SECONDS, took)
                    self.assert_converges()

    def test_a_run_within_its_time_ends_as_without(self):
        self.restore()
        config = self.configure(entry(self.server.url), timeouts={"run": "1h"})
        run = self.program.run("sync", "-c", config)
        self.assertEqual((DONE, []), (run.status, changes(self.undisturbed, self.files())), run.err)

    def test_a_signal_before_that_counts_as_ever(self):
        rules = [{"path": "*.img", "delay": 60}]
        with TreeServer(self.stream.root, rules=rules) as server:
            config = self.configure(entry(server.url), timeouts={"run": "1h"})
            self.assert_ends_when(lambda: server.wait_for(".img"), "TERM", config)


class WhereItDoesNotHear(ToldCase):
    """Something that no signal ends, as a system call or long work is: docs/adr/0024."""

    INTERRUPTED = "interrupted; the next run goes on from here"
    TRIES = 3  # it waits for most of its two seconds, and a busy machine may need the rest

    def setUp(self):
        super().setUp()
        self.silent = self.work / "silent"
        os.mkfifo(self.silent)

    @property
    def config_of_silence(self):
        """Its keyring is a pipe: whoever reads it waits for who writes."""
        return self.configure(entry(self.server.url), keyring_path=str(self.silent))

    def it_reads(self):
        """The other end of the pipe."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.enterContext(os.fdopen(os.open(self.silent, os.O_WRONLY | os.O_NONBLOCK), "wb"))
            except OSError as error:
                if error.errno != errno.ENXIO or time.monotonic() > deadline:
                    raise

    def full_pipe(self):
        """Who writes there waits for who reads."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, bytes(4096))
        os.set_blocking(writing, True)
        return writing

    def it_has_shown_something(self):
        deadline = time.monotonic() + PATIENCE
        while not any(self.target.rglob("*.img")):
            self.assertLess(time.monotonic(), deadline)

    def test_it_ends_all_the_same_and_says_so(self):
        err = self.assert_ends_when(self.it_reads, "TERM", self.config_of_silence)
        self.assertEqual(f"error: {self.INTERRUPTED}\n", err)
        err = self.assert_ends_when(self.it_reads, "INT", self.config_of_silence, "--log-format", "json")
        line = json.loads(err)
        self.assertEqual({"time", "level", "message"}, line.keys())
        self.assertEqual(("error", self.INTERRUPTED), (line["level"], line["message"]))

    def test_where_nobody_reads_what_it_tells(self):
        err = self.assert_ends_when(
            self.it_has_shown_something, "TERM", self.config, stdout=self.full_pipe()
        )
        self.assertEqual(f"error: {self.INTERRUPTED}", err.splitlines()[-1])
        self.assert_ends_when(self.it_has_shown_something, "INT", self.config, stderr=self.full_pipe())

    def test_a_gpg_that_hangs_ends_when_it_is_let_go(self):
        gpg = self.work / "bin/gpg"
        gpg.parent.mkdir()
        gpg.write_text(GPG_THAT_HANGS.format(silent=self.silent, gpg=shutil.which("gpg")), encoding="utf-8")
        gpg.chmod(0o755)
        places = os.pathsep.join([str(gpg.parent), os.environ["PATH"]])
        self.program = Program(self.work, TMPDIR=self.scratch_files, PATH=places)
        self.TRIES = 1  # a second one would meet the gpg of the first
        let_go = contextlib.ExitStack()
        self.addCleanup(let_go.close)

        def it_verifies():
            let_go.enter_context(self.it_reads())
            self.silent.unlink()
            self.assertEqual(1, len(processes_naming(self.scratch_files)))

        self.assert_ends_when(it_verifies, "TERM", self.config)
        let_go.close()
        deadline = time.monotonic() + PATIENCE
        while left := processes_naming(self.scratch_files):
            self.assertLess(time.monotonic(), deadline, left)

    def test_its_time_is_over_all_the_same(self):
        config = self.configure(
            entry(self.server.url), keyring_path=str(self.silent), timeouts={"run": "1s"}
        )
        process = self.program.start("sync", "-c", config)
        self.it_reads()
        begin = time.monotonic()  # of what is left of its second
        _, err = process.communicate(timeout=PATIENCE)
        self.assertLess(time.monotonic() - begin, 1 + SECONDS)
        said = b"error: timeouts.run is over (1 s); the next run goes on from here\n"
        self.assertEqual((GUARD, said), (process.returncode, err))
        self.assert_converges()

    def test_a_second_signal_ends_it_at_once(self):
        process = self.program.start("sync", "-c", self.config_of_silence)
        self.it_reads()
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=PATIENCE)
        self.assertLess(time.monotonic() - begin, SECONDS / 2)
        self.assertEqual((STATUSES["TERM"], b""), (process.returncode, err))
        self.assert_converges()


class WhileItReads(DiskFaultCase):
    """What a killed run has brought is looked at again, which takes long when it is large."""

    SIZE = 512 << 20

    def make_stream(self, name):
        tree = StreamTree(self.work / name, self.key)
        tree.add_version("focal", "amd64", NEW, {"disk1.img": self.SIZE}, writer=write_sparse)
        tree.write()
        return tree

    def test_what_is_there_already(self):
        self.run_with(Fault(1, "KILL", calls=NAMINGS, path="*.img.part"))
        (part,) = self.target.rglob("*.img.part")
        self.assertEqual(self.SIZE, part.stat().st_size)
        process = self.program.start("sync", "-c", self.config)
        deadline = time.monotonic() + PATIENCE
        while not has_open(process, part):
            self.assertLess(time.monotonic(), deadline)
        begin = time.monotonic()
        process.terminate()
        _, err = process.communicate(timeout=PATIENCE)
        self.assertLess(time.monotonic() - begin, SECONDS)
        self.assertEqual(STATUSES["TERM"], process.returncode, err.decode())
        self.assertTrue(part.exists(), "it got its name after the signal")


def processes_naming(path):
    """Those with `path` in their command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if os.fsencode(path) in (line := process.read_bytes()):
                found.append(line)
    return found


def has_open(process, file):
    numbers = Path(f"/proc/{process.pid}/fd")
    with contextlib.suppress(FileNotFoundError):
        return any(os.readlink(number) == str(file) for number in numbers.iterdir())
    return False


def connecting_to(port):
    """How many sockets of this machine wait to be let in by a port of loopback."""
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()
    syn_sent = "02"
    return sum(line.split()[2:4] == [f"0100007F:{port:04X}", syn_sent] for line in lines)


if __name__ == "__main__":
    unittest.main()
