"""What a program reads of a command: one JSON document on standard output whatever becomes of the command, and no
success where nobody got the results (cli.md §1)."""

import fcntl
import json
import os
import signal
import time
import unittest

from streamsync_program import Run
from tree_case import NEW, TreeCase, entry
from tree_server import TreeServer

DONE, USAGE, UNAVAILABLE, TARGET, NO_ROOM, BUSY, GUARD = 0, 2, 4, 5, 6, 7, 8
TERMINATED = 128 + signal.SIGTERM
PATIENCE = 60


class OneDocument(TreeCase):
    def told(self, run, command, status, kind):
        """The report of a run that was cut short, which --report has, too, but where another run may write it."""
        self.assertEqual(status, run.status, run.err)
        report = json.loads(run.out)
        written = self.work / "report"
        self.assertEqual(status != BUSY, written.exists())
        if written.exists():
            self.assertEqual(report, json.loads(written.read_bytes()))
        self.assertEqual(("streamsync.report/1", command), (report["schema"], report["command"]))
        self.assertEqual((status, kind), (report["exit_code"], report["error"]["kind"]))
        self.assertIn(report["error"]["message"], run.last_words())
        for name in ("mirrors", "destinations", "actions", "published"):
            self.assertIsInstance(report[name], list)
        return report

    def run_command(self, *arguments):
        return self.program.run(*arguments, "--output", "json", "--report", self.work / "report")

    def test_where_the_configuration_is_wrong(self):
        config = self.configure(entry("http://127.0.0.1:1/"), no_such_key=1)
        for command in (["sync"], ["plan"], ["verify", self.target]):
            with self.subTest(command):
                run = self.run_command(*command, "-c", config)
                self.told(run, command[0], USAGE, "config")
        run = self.program.run("sync", "-c", config, "--output", "json", "--report", self.work)
        self.assertEqual((USAGE, USAGE), (run.status, json.loads(run.out)["exit_code"]))

    def test_where_another_run_holds_the_lock(self):
        self.program.state.mkdir()
        with self.served() as server, open(self.program.state / "lock", "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            run = self.run_command("sync", "-c", self.configure(entry(server.url)))
            self.assertEqual([], self.told(run, "sync", BUSY, "busy")["actions"])

    def test_of_an_interrupted_run_it_says_how_far_that_has_come(self):
        here = self.target / self.path("bionic", NEW)
        slow = [{"path": "*focal*.img", "delay": PATIENCE}]
        with TreeServer(self.stream.root, rules=slow) as server:
            config = self.configure(entry(server.url))
            run = self.interrupted(server, "sync", "-c", config, once=here.exists)
            report = self.told(run, "sync", TERMINATED, "interrupted")
        done = {action["name"]: action["status"] for action in report["actions"]}
        self.assertEqual({self.path("bionic", NEW): "done", self.path("focal", NEW): "planned"}, done)
        self.assertEqual((1, here.stat().st_size), (report["totals"]["created"], report["totals"]["bytes_sent"]))
        self.assertEqual(["ok"], [mirror["status"] for mirror in report["mirrors"]])
        self.assertNotIn("status", report["destinations"][0])

    def interrupted(self, server, *arguments, once):
        process = self.program.start(*arguments, "--output", "json", "--report", self.work / "report")
        try:
            server.wait_for("focal")
            deadline = time.monotonic() + PATIENCE
            while not once():
                self.assertLess(time.monotonic(), deadline)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        return Run(process.returncode, out.decode(), err.decode())

    def test_of_a_repair_that_is_interrupted(self):
        with self.served() as server:
            self.assertEqual(DONE, self.sync(entry(server.url)).status)
        (self.target / self.path("focal", NEW)).write_bytes(b"damaged")
        slow = [{"path": "*focal*.img", "delay": PATIENCE}]
        with TreeServer(self.stream.root, rules=slow) as server:
            repair = ["verify", self.target, "--keyring", self.keyring, "--repair", server.url]
            run = self.interrupted(server, *repair, once=lambda: True)
            report = self.told(run, "verify", TERMINATED, "interrupted")
        self.assertEqual({"done", "planned"}, {action["status"] for action in report["actions"]})

    def test_where_its_time_is_over(self):
        with TreeServer(self.stream.root, rules=[{"path": "*.sjson", "delay": PATIENCE}]) as server:
            config = self.configure(entry(server.url), timeouts={"run": "1s"})
            self.told(self.run_command("plan", "-c", config), "plan", GUARD, "guard")

    def test_of_a_query_whose_source_is_not_there(self):
        nowhere = f"file://{self.work}/nowhere"
        run = self.program.run("query", nowhere, "--keyring", self.keyring, "--output", "json")
        self.assertEqual((UNAVAILABLE, []), (run.status, json.loads(run.out)), run.err)


class LostResults(TreeCase):
    """Everything is done, and the status says that nobody heard of it."""

    def ended(self, stdout, *arguments):
        process = self.program.start(*arguments, stdout=stdout)
        return process.communicate(timeout=PATIENCE)[1].decode(), process.returncode

    def test_lines_of_a_run(self):
        with self.served() as server, open("/dev/full", "wb") as full:
            report = self.work / "report"
            config = self.configure(entry(server.url))
            err, status = self.ended(full, "sync", "-c", config, "--report", report)
            self.assertEqual(NO_ROOM, status, err)
            self.assertIn("results are not written", err)
            for told in (report, self.program.state / "last-run.json"):
                self.assertEqual(NO_ROOM, json.loads(told.read_bytes())["exit_code"])
            self.assertEqual(2, len(self.images()))
            self.assertEqual(DONE, self.sync(entry(server.url)).status)

    def test_a_reader_that_goes_away_does_not_end_a_run(self):
        """Without a signature, so that nothing of GnuPG's is at work, which ignores the signal for us."""
        for signature in (self.stream.root / "streams/v1").glob("*.gpg"):
            signature.unlink()
        unsigned = {"path": "streams/v1/index.json", "allow_unsigned": True}
        for output in ("text", "json"):
            reading, writing = os.pipe()
            os.close(reading)
            with self.subTest(output), self.served() as server, os.fdopen(writing, "wb") as pipe:
                config = self.configure(entry(server.url, name=output, **unsigned), images=str(self.work / output))
                err, status = self.ended(pipe, "sync", "-c", config, "--output", output)
                self.assertEqual(TARGET, status, err)
                self.assertIn("Broken pipe", err.splitlines()[-1])
                self.assertEqual(2, len(list((self.work / output).rglob("*.img"))))

    def test_of_commands_that_only_tell(self):
        with self.served() as server:
            config = self.configure(entry(server.url))
            self.assertEqual(DONE, self.sync(entry(server.url)).status)
            commands = [
                ["query", server.url, "--keyring", self.keyring],
                ["query", server.url, "--keyring", self.keyring, "--json"],
                ["ledger"],
                ["config", "show", "-c", config],
                ["config", "example"],
            ]
            for command in commands:
                with self.subTest(command[0]), open("/dev/full", "wb") as full:
                    err, status = self.ended(full, *command)
                    self.assertEqual(NO_ROOM, status, err)
                    self.assertIn("standard output", err.splitlines()[-1])


if __name__ == "__main__":
    unittest.main()
