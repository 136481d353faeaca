#!/usr/bin/python3
"""`streamsync verify TARGET`: bit rot in a mirrored tree is found and repaired (threats-and-faults.md F12)."""

import fcntl
import json
import os
import shutil
import signal
import time
import unittest

from invariants import read_generation
from stream_tree import content_id, product_name
from tree_case import INDEX, ITEM_SIZE, NEW, NEWEST, PRODUCTS, TreeCase, differences, entry, snapshot

DONE, ITEMS_FAILED, USAGE, REFUSED, TARGET, BUSY = 0, 1, 2, 3, 5, 7
RECORD = ".data/com.ubuntu.cloud:released:download"


class VerifyCase(TreeCase):
    """A stream was mirrored."""

    def setUp(self):
        super().setUp()
        self.server = self.enterContext(self.served())
        self.bionic, self.focal = self.path("bionic", NEW), self.path("focal", NEW)
        self.assert_synced()

    def assert_synced(self, **keys):
        run = self.sync(entry(self.server.url, **keys))
        self.assertEqual(DONE, run.status, run.err)
        self.server.take_requests()

    def verify(self, *arguments, keyring=None, target=None):
        keyring = keyring or self.keyring
        return self.program.run("verify", target or self.target, "--keyring", keyring, *arguments)

    def repair(self, *arguments):
        return self.verify("--repair", self.server.url, *arguments)

    def flip(self, path, at=ITEM_SIZE // 2):
        """One bit, and nothing in the file's metadata says so."""
        file = self.target / path
        times = file.stat()
        content = bytearray(file.read_bytes())
        content[at] ^= 1
        file.write_bytes(content)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    def assert_like_the_source(self, *paths):
        for path in paths:
            self.assertEqual((self.stream.root / path).read_bytes(), (self.target / path).read_bytes(), path)

    def assert_damaged(self, run, *paths):
        self.assertEqual(ITEMS_FAILED, run.status, run.err)
        self.assertEqual([f"damaged {path}" for path in paths], [line.split(": ")[0] for line in run.lines()])

    def asked_items(self):
        return [path for path in self.server.paths() if not path.startswith("/streams/")]


class Verify(VerifyCase):
    def test_a_good_tree_is_read_and_left_as_it_is(self):
        before = snapshot(self.target, self.program.state)
        run = self.verify()
        self.assertEqual((DONE, ""), (run.status, run.out), run.err)
        self.assertIn("2 items, 2 of them (40.0 kB) as promised", run.err)
        self.assertEqual([], differences(before, snapshot(self.target, self.program.state)))
        self.assertEqual([], self.server.paths(), "nobody else is asked")

    def test_what_is_damaged_is_named_with_the_reason(self):
        self.flip(self.focal)
        before = snapshot(self.target)
        run = self.verify()
        self.assert_damaged(run, self.focal)
        self.assertRegex(run.out, "the content has sha256:[0-9a-f]{64} where sha256:[0-9a-f]{64} was promised")
        self.assertIn(self.focal, run.last_words())
        self.assertEqual([], differences(before, snapshot(self.target)), "it is not taken away")

    def test_what_is_gone_or_too_short_or_too_long_is_named(self):
        self.add(self.stream, "focal", NEWEST)
        self.stream.write()
        self.assert_synced(max=2)
        focal = self.path("focal", NEWEST)
        (self.target / self.focal).unlink()
        os.truncate(self.target / focal, ITEM_SIZE - 1)
        (self.target / self.bionic).write_bytes(b"x" * (ITEM_SIZE + 1))
        run = self.verify()
        self.assertEqual(ITEMS_FAILED, run.status, run.err)
        self.assertEqual({self.bionic, focal, self.focal}, {line.split(": ")[0].split()[1] for line in run.lines()})
        self.assertIn(f"{self.focal}: 0 bytes are there of {ITEM_SIZE}", run.out)

    def test_what_documents_no_longer_name_is_read_by_its_record(self):
        self.add(self.stream, "focal", NEWEST)
        self.stream.remove_version(product_name("focal", "amd64"), NEW)
        self.stream.write()
        self.assert_synced(keep=True, max=2)
        self.flip(self.focal)
        self.assert_damaged(self.verify(), self.focal)

    def test_signed_documents_count_more_than_records(self):
        record = self.target / RECORD
        promised = read_generation(self.stream.root).items[self.focal].sha256
        record.write_text(record.read_text("utf-8").replace(promised, "0" * 64), encoding="utf-8")
        run = self.verify()
        self.assertEqual((DONE, ""), (run.status, run.out), run.err)

    def test_a_damaged_document_is_refused_and_items_are_read_all_the_same(self):
        self.flip(PRODUCTS, at=300)
        self.flip(self.focal)
        run = self.verify()
        self.assertEqual(REFUSED, run.status, run.err)
        self.assertIn(PRODUCTS, run.last_words())
        self.assertIn(f"damaged {self.focal}", run.out)

    def test_what_was_announced_and_never_came_is_no_damage(self):
        self.add(self.stream, "focal", NEWEST)
        self.stream.write()
        (self.stream.root / self.path("focal", NEWEST)).unlink()
        run = self.sync(entry(self.server.url))
        self.assertEqual(ITEMS_FAILED, run.status, run.err)
        self.assertIn(NEWEST, (self.target / RECORD).read_text("utf-8"))
        run = self.verify()
        self.assertEqual((DONE, ""), (run.status, run.out), run.err)

    def test_a_document_that_is_gone_is_told(self):
        (self.target / INDEX).unlink()
        run = self.verify()
        self.assertEqual(TARGET, run.status, run.err)
        self.assertIn(INDEX, run.last_words())

    def test_a_products_document_that_is_gone_is_told(self):
        (self.target / PRODUCTS).unlink()
        run = self.verify()
        self.assertEqual(TARGET, run.status, run.err)
        self.assertIn("the document of com.ubuntu.cloud:released:download is gone", run.last_words())

    def test_a_damaged_record_is_told_and_what_it_named_is_read(self):
        self.flip(self.focal)
        record = self.target / RECORD
        whole = record.read_bytes()
        for text in (b"", whole[: len(whole) // 2], b"{}"):
            with self.subTest(text[:20]):
                record.write_bytes(text)
                run = self.repair()
                self.assertEqual(TARGET, run.status, run.err)
                self.assertIn(f"damaged {self.focal}", run.out)
                self.assertEqual(text, record.read_bytes())
                self.assertIn("run sync", run.err)

    def test_a_stream_that_left_the_index_is_judged_by_its_record(self):
        self.stream.add_version("focal", "amd64", NEW, stream="daily")
        self.stream.write()
        self.assert_synced(item_filters=[])
        daily = next(path for path in self.images() if "daily" in path or "/focal/2" in path)
        del self.stream.documents[content_id("daily")]
        for file in self.stream.root.glob("streams/v1/*daily*"):
            file.unlink()
        self.stream.write()
        self.assert_synced(item_filters=[])
        self.assertTrue((self.target / daily).exists())
        run = self.verify()
        self.assertEqual((DONE, ""), (run.status, run.out), run.err)
        self.flip(daily, at=1)
        self.assert_damaged(self.verify(), daily)

    def test_part_of_a_version_that_left_its_source_is_missed(self):
        self.stream.add_version("focal", "amd64", NEWEST, {"disk1.img": ITEM_SIZE, "uefi1.img": ITEM_SIZE})
        self.stream.write()
        self.assert_synced(max=2)
        self.stream.remove_version(product_name("focal", "amd64"), NEWEST)
        self.stream.write()
        self.assert_synced(keep=True, max=2)
        gone = next(path for path in self.images() if "uefi1" in path)
        (self.target / gone).unlink()
        self.assert_damaged(self.verify(), gone)

    def test_no_entry_is_no_defect(self):
        run = self.program.run("verify", "-c", self.configure(), self.target, "--keyring", self.keyring)
        self.assertEqual(DONE, run.status, run.err)

    def test_the_configuration_says_how_the_source_is_reached(self):
        self.flip(self.focal)
        config = self.configure(entry(self.server.url, user_agent="my-agent"))
        run = self.program.run("verify", "-c", config, self.target, "--repair", self.server.url)
        self.assertEqual(DONE, run.status, run.err)
        self.assertEqual("my-agent", self.server.headers(f"/{self.focal}")[-1]["user-agent"])
        self.flip(self.focal)
        self.configure(entry("https://example.com/", user_agent="my-agent", insecure=True))
        run = self.program.run("verify", "-c", config, self.target, "--repair", self.server.url)
        self.assertEqual(DONE, run.status, run.err)
        self.assertEqual("streamsync", self.server.headers(f"/{self.focal}")[-1]["user-agent"])
        self.assertNotIn("TLS", run.err)

    def test_what_an_interrupted_run_began_is_no_damage(self):
        self.stream.add_version("focal", "amd64", NEWEST, {"disk1.img": 6_000_000})
        self.stream.write()
        config = self.configure(entry(self.server.url), limit_rate="2M")
        run = self.program.start("sync", "-c", config)
        part = self.target / f"{self.path('focal', NEWEST)}.part"
        while run.poll() is None and not (part.exists() and part.stat().st_size > 0):
            time.sleep(0.01)
        run.terminate()
        run.communicate(timeout=10)
        self.assertEqual(143, run.returncode)
        self.assertTrue(part.exists())
        run = self.verify()
        self.assertEqual((DONE, ""), (run.status, run.out), run.err)

    def test_nor_is_what_it_staged_and_did_not_show(self):
        items = {"disk1.img": 6_000_000, "uefi1.img": ITEM_SIZE}
        self.stream.add_version("focal", "amd64", NEWEST, items)
        self.stream.write()
        small = next(file for file in self.stream.root.rglob("*uefi1.img"))
        content = small.read_bytes()
        small.write_bytes(content[:-1])  # it does not come, so the other is staged and not shown
        self.assertEqual(ITEMS_FAILED, self.sync(entry(self.server.url)).status)
        self.assertTrue((self.target / f"{self.path('focal', NEWEST)}.part").exists())
        run = self.verify()
        self.assertEqual((DONE, ""), (run.status, run.out), run.err)

    def test_what_has_only_its_temporary_name_is_damaged(self):
        (self.target / self.focal).rename(self.target / f"{self.focal}.part")
        self.assert_damaged(self.verify(), self.focal)
        run = self.repair()
        self.assertEqual(DONE, run.status, run.err)
        self.assert_like_the_source(self.focal)

    def test_what_may_not_be_read_is_not_called_damaged(self):
        if os.geteuid() == 0:
            self.skipTest("root may read everything")
        (self.target / self.focal).chmod(0)
        run = self.repair()
        self.assertEqual(TARGET, run.status, run.err)
        self.assertIn(f"unread {self.focal}: ", run.out)
        self.assertEqual([], self.server.paths())

    def test_the_configuration_says_whom_to_trust(self):
        run = self.program.run("verify", "-c", self.configure(entry(self.server.url)), self.target)
        self.assertEqual(DONE, run.status, run.err)

    def test_the_state_lies_outside_the_tree(self):
        self.program.state = self.target / ".data"
        before = snapshot(self.target)
        run = self.repair()
        self.assertEqual(USAGE, run.status, run.err)
        self.assertEqual([], differences(before, snapshot(self.target)))

    def test_bundles_are_refused(self):
        self.assertEqual(USAGE, self.verify(target="bundle:x").status)
        self.assertEqual(USAGE, self.verify("--repair", "bundle:x").status)

    def test_lines_that_nobody_takes_are_told(self):
        self.flip(self.focal)
        with open("/dev/full", "wb") as full:
            run = self.program.start("verify", self.target, "--keyring", self.keyring, stdout=full)
            said = run.communicate(timeout=60)[1].decode()
        self.assertEqual(6, run.returncode, said)
        self.assertIn("results are not written", said)

    def test_another_key_has_not_signed_it(self):
        other = self.work / "other.gpg"
        with self.make_key(self.work / "other") as key:
            other.write_bytes(key.public_key())
        self.assertEqual(REFUSED, self.verify(keyring=other).status)
        run = self.verify("--no-verify", keyring=other)
        self.assertEqual(DONE, run.status, run.err)
        self.assertIn("signatures are not checked", run.err)

    def test_where_no_tree_is_nothing_is_verified(self):
        for target in (self.work / "nowhere", self.work / "home"):
            run = self.verify(target=target)
            self.assertEqual(USAGE, run.status, run.err)
            self.assertIn("neither items nor documents of a mirrored tree are there", run.last_words())
        self.assertFalse((self.work / "nowhere").exists())
        self.assertEqual(USAGE, self.verify(target="glance").status)

    def test_a_tree_that_nobody_recorded_is_not_said_to_be_good(self):
        run = self.verify(target=self.stream.root)
        self.assertEqual(DONE, run.status, run.err)
        self.assertIn("4 items are named and there, but in no record", run.err)
        self.assertIn("4 items, 4 of them", run.err)
        shutil.rmtree(self.stream.root / "server")
        run = self.verify(target=self.stream.root)
        self.assertEqual(USAGE, run.status, run.err)
        self.assertIn("has documents and no items", run.last_words())

    def test_the_report_tells_of_each_item(self):
        self.flip(self.focal)
        run = self.verify("--output", "json", "--report", self.work / "report.json")
        self.assertEqual(ITEMS_FAILED, run.status, run.err)
        report = json.loads(run.out)
        self.assertEqual(report, json.loads((self.work / "report.json").read_text("utf-8")))
        self.assertEqual(("streamsync.report/1", "verify", 1), (report["schema"], report["command"], report["exit_code"]))
        found = {action["name"]: (action["action"], action["status"]) for action in report["actions"]}
        self.assertEqual({self.bionic: ("keep", "done"), self.focal: ("keep", "failed")}, found)

    def test_what_is_no_file_is_not_waited_for(self):
        (self.target / self.focal).unlink()
        os.mkfifo(self.target / self.focal)
        run = self.verify()
        self.assert_damaged(run, self.focal)


class Repair(VerifyCase):
    def test_what_is_damaged_or_gone_is_fetched_again_and_nothing_else(self):
        self.flip(self.focal)
        (self.target / self.bionic).unlink()
        run = self.repair()
        self.assertEqual(DONE, run.status, run.err)
        self.assertIn(f"created {self.focal}: {self.focal}", run.lines())
        self.assert_like_the_source(self.focal, self.bionic)
        self.assertEqual({f"/{self.focal}", f"/{self.bionic}"}, set(self.server.paths()))
        self.assertEqual(DONE, self.verify().status)
        self.assert_nothing_to_do()

    def assert_nothing_to_do(self):
        before = snapshot(self.target)
        self.server.take_requests()
        run = self.sync(entry(self.server.url))
        self.assertEqual((DONE, ""), (run.status, run.out), run.err)
        self.assertEqual([], self.asked_items())
        self.assertEqual([], differences(before, snapshot(self.target)))

    def test_only_the_base_of_the_source_counts(self):
        self.flip(self.focal)
        run = self.verify("--repair", f"{self.server.url}{PRODUCTS}")
        self.assertEqual(DONE, run.status, run.err)
        self.assertEqual([f"/{self.focal}"], self.server.paths())
        self.flip(INDEX, at=100)
        self.assertEqual(REFUSED, self.verify("--repair", f"{self.server.url}{PRODUCTS}").status)

    def test_while_a_document_is_damaged_nothing_is_written(self):
        self.flip(PRODUCTS, at=300)
        self.flip(self.bionic)
        (self.target / self.focal).unlink()
        before = snapshot(self.target)
        run = self.repair()
        self.assertEqual(REFUSED, run.status, run.err)
        self.assertIn("run sync", run.err)
        self.assertEqual([], differences(before, snapshot(self.target)))

    def test_a_repair_that_fails_has_a_report(self):
        self.flip(self.focal)
        (self.target / RECORD).chmod(0o444)
        records = self.target / ".data"
        shutil.move(records, self.work / "records")
        records.symlink_to(self.work / "records")
        run = self.repair("--output", "json")
        self.assertNotEqual(DONE, run.status)
        self.assertEqual("verify", json.loads(run.out)["command"])

    def test_a_good_tree_needs_no_source(self):
        before = snapshot(self.target)
        run = self.repair()
        self.assertEqual((DONE, ""), (run.status, run.out), run.err)
        self.assertEqual([], self.server.paths())
        self.assertEqual([], differences(before, snapshot(self.target)))

    def test_what_the_source_has_no_more_stays_as_it_is(self):
        self.flip(self.focal)
        self.flip(self.bionic)
        (self.stream.root / self.focal).unlink()
        damaged = (self.target / self.focal).read_bytes()
        run = self.repair()
        self.assertEqual(ITEMS_FAILED, run.status, run.err)
        self.assertEqual(damaged, (self.target / self.focal).read_bytes())
        self.assert_like_the_source(self.bionic)
        self.assert_damaged(self.verify(), self.focal)

    def test_wrong_bytes_do_not_come(self):
        self.flip(self.focal)
        content = bytearray((self.stream.root / self.focal).read_bytes())
        content[0] ^= 1
        (self.stream.root / self.focal).write_bytes(content)
        damaged = (self.target / self.focal).read_bytes()
        run = self.repair()
        self.assertEqual(ITEMS_FAILED, run.status, run.err)
        self.assertEqual(damaged, (self.target / self.focal).read_bytes())

    def test_a_copy_elsewhere_in_the_tree_saves_the_download(self):
        twin = (self.stream.root / self.focal).read_bytes()
        self.stream.add_version("focal", "amd64", NEWEST, writer=lambda file, *_: file.write_bytes(twin))
        self.stream.write()
        self.assert_synced(max=2)
        (self.target / self.focal).unlink()  # else it is a second name of the same file
        (self.target / self.focal).write_bytes(b"x" * ITEM_SIZE)
        run = self.repair()
        self.assertEqual(DONE, run.status, run.err)
        self.assertEqual([], self.server.paths())
        self.assert_like_the_source(self.focal)

    def test_a_run_on_the_same_state_keeps_it_away(self):
        with open(self.program.state / "lock", "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.flip(self.focal)
            run = self.repair()
            self.assertEqual(BUSY, run.status, run.err)
            self.assert_damaged(self.verify(), self.focal)

    def test_killed_or_told_to_end_it_leaves_a_tree_that_can_be_repaired(self):
        self.flip(self.focal)
        self.flip(self.bionic)
        for told in (signal.SIGTERM, signal.SIGKILL):
            arguments = ["--keyring", self.keyring, "--repair", self.server.url, "--limit-rate", "2K"]
            run = self.program.start("verify", self.target, *arguments)
            while not self.server.paths() and run.poll() is None:
                time.sleep(0.01)
            run.send_signal(told)
            run.communicate(timeout=10)
            self.assertEqual(143 if told == signal.SIGTERM else -9, run.returncode)
            self.assertEqual({self.focal, self.bionic}, {path for path in self.images()})
            self.server.take_requests()
        self.assertEqual(DONE, self.repair().status)
        self.assert_like_the_source(self.focal, self.bionic)
        self.assert_nothing_to_do()


if __name__ == "__main__":
    unittest.main()
