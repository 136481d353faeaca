"""`images: PATH`: a stream mirrored into a directory, and what the rules of cli.md §2 and §4 say of it."""

import contextlib
import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from stream_tree import SigningKey, digest_tags, write_random
from streamsync_program import Program
from tree_case import FILTERS, INDEX, ITEM_SIZE, NEW, NEWEST, OLD, TreeCase, entry
from tree_server import TreeServer


class Mirror(TreeCase):
    def test_the_newest_of_each_with_the_documents_as_they_are(self):
        with self.served() as server:
            run = self.sync(entry(server.url))
            self.assertEqual(run.status, 0, run.err)
            wanted = [self.path(release, NEW) for release in ("bionic", "focal")]
            self.assertEqual(run.lines(), [f"created {path}: {path}" for path in wanted])
            self.assertEqual(self.images(), set(wanted))
            for path in (*wanted, "streams/v1/index.sjson", "streams/v1/com.ubuntu.cloud:released:download.sjson"):
                self.assertEqual((self.target / path).read_bytes(), (self.stream.root / path).read_bytes(), path)

    def test_a_second_run_asks_once_for_each_document_and_writes_nothing(self):
        with self.served() as server:
            self.sync(entry(server.url))
            before = {path: os.stat(path).st_mtime_ns for path in self.target.rglob("*")}
            server.take_requests()
            run = self.sync(entry(server.url))
            self.assertEqual((run.status, run.out), (0, ""))
            self.assertEqual([request.status for request in server.requests()], [304, 304])
            self.assertEqual({path: os.stat(path).st_mtime_ns for path in self.target.rglob("*")}, before)
            last = json.loads((self.program.state / "last-run.json").read_bytes())
            self.assertEqual(last["actions"], [])
            self.assertEqual(last["totals"]["kept"], len(self.images()))

    def test_a_new_version_replaces_the_old_one(self):
        with self.served() as server:
            self.sync(entry(server.url))
            self.add(self.stream, "focal", NEWEST)
            self.stream.write()
            run = self.sync(entry(server.url))
            self.assertEqual(run.status, 0, run.err)
            created, removed = self.path("focal", NEWEST), self.path("focal", NEW)
            self.assertEqual(run.lines(), [f"created {created}: {created}", f"removing {removed}: {removed}"])
            self.assertEqual(self.images(), {self.path("bionic", NEW), created})

    def test_a_document_that_vanished_leaves_the_tree_as_it_was(self):
        """Its source is in the middle of an update: beside the new index the old one would not be of one generation."""
        with self.served() as server:
            self.sync(entry(server.url))
            before = self.files()
            self.add(self.stream, "focal", NEWEST)
            self.stream.write()
            products = self.stream.root / "streams/v1/com.ubuntu.cloud:released:download.sjson"
            away = products.rename(products.with_suffix(".away"))
            for _ in range(2):
                run = self.sync(entry(server.url))
                self.assertEqual(4, run.status, run.err)
                self.assertIn(f"{products.name}: is named by the index but does not exist", run.last_words())
                self.assertEqual(before, self.files())
            away.rename(products)
            self.assertEqual(0, self.sync(entry(server.url)).status)
        self.assertIn(self.path("focal", NEWEST), self.images())

    def test_an_index_without_any_products_is_no_stream(self):
        (self.stream.root / "streams/v1/com.ubuntu.cloud:released:download.sjson").unlink()
        with self.served() as server:
            run = self.sync(entry(server.url))
        self.assertEqual(4, run.status, run.err)
        self.assertFalse(self.target.exists())

    def test_the_lock_of_a_tree_that_is_not_asked_for_is_nobodys_matter(self):
        with self.served() as server:
            entries = [entry(server.url, name=name) for name in ("mine", "other")]
            self.assertEqual(0, self.sync(*entries).status)
            with open_locked(self.target / "other"):
                run = self.sync(*entries, arguments=["--mirror", "mine"])
                self.assertEqual(0, run.status, run.err)
                self.assertEqual(7, self.sync(*entries).status)

    def test_a_plan_says_what_sync_does_and_makes_nothing(self):
        with self.served() as server:
            config = self.configure(entry(server.url))
            plan = self.program.run("plan", "-c", config)
            dry = self.program.run("sync", "--dry-run", "-c", config)
            self.assertEqual((plan.status, plan.out), (0, dry.out))
            self.assertEqual(len([line for line in plan.lines() if line.startswith("create ")]), 2)
            self.assertFalse(self.target.exists())
            self.assertFalse(self.program.state.exists())

    def test_a_serial_that_is_taken_for_the_newest_and_is_not_is_told(self):
        for serial in (f"{NEW}.9", f"{NEW}.10"):
            self.add(self.stream, "focal", serial)
        self.stream.write()
        with self.served() as server:
            config = self.configure(entry(server.url))
            for command in ("plan", "sync"):
                run = self.program.run(command, "-c", config, "--output", "json")
                self.assertEqual(run.status, 0, run.err)
                self.assertEqual(run.err.count(f"{NEW}.10 before {NEW}.9"), 1, run.err)
                (warning,) = json.loads(run.out)["mirrors"][0]["warnings"]
                self.assertIn("the newest version of 1 product ", warning)
        self.assertIn(self.path("focal", f"{NEW}.9"), self.images())

    def test_the_report_is_one_json_document(self):
        with self.served() as server:
            run = self.sync(entry(server.url), arguments=["--output", "json", "--report", self.work / "report"])
            report = json.loads(run.out)
            self.assertEqual(report, json.loads((self.work / "report").read_bytes()))
        self.assertEqual(report["schema"], "streamsync.report/1")
        self.assertEqual(report["exit_code"], 0)
        self.assertEqual(report["mirrors"][0]["status"], "ok")
        self.assertEqual(report["mirrors"][0]["content_id"], "com.ubuntu.cloud:released:download")
        self.assertEqual(report["mirrors"][0]["signed_by"], [self.key.fingerprint])
        self.assertEqual([action["action"] for action in report["actions"]], ["create", "create"])
        self.assertEqual({action["size"] for action in report["actions"]}, {ITEM_SIZE})
        self.assertEqual(report["totals"]["created"], 2)

    def test_several_entries_have_roots_of_their_own(self):
        other = self.make_stream("other")
        with self.served() as one, self.served(other) as two:
            run = self.sync(entry(one.url, name="one"), entry(two.url, name="two"))
            self.assertEqual(run.status, 0, run.err)
        self.assertEqual(len([path for path in self.images() if path.startswith("one/")]), 2)
        self.assertEqual(len([path for path in self.images() if path.startswith("two/")]), 2)

    def test_the_tree_can_be_queried_and_mirrored_again(self):
        with self.served() as server:
            self.sync(entry(server.url))
        query = self.program.run("query", "--keyring", self.keyring, self.target, "--max", "1", *FILTERS)
        self.assertEqual(query.status, 0, query.err)
        self.assertEqual(len(query.lines()), 2)

    def test_files_and_plain_paths_are_sources(self):
        for source in (f"file://{self.stream.root}", str(self.stream.root)):
            shutil.rmtree(self.target, ignore_errors=True)
            run = self.sync(entry(source))
            self.assertEqual((run.status, len(self.images())), (0, 2), run.err)


class Reports(TreeCase):
    def test_a_report_that_can_not_be_written_stops_the_run_before_it_begins(self):
        (self.work / "file").touch()
        os.mkfifo(self.work / "nobody-reads")
        with self.served() as server:
            config = self.configure(entry(server.url))
            for name in ("missing/report", "file/report", "nobody-reads", "."):
                for command in ("sync", "plan"):
                    with self.subTest(name, command=command):
                        run = self.program.run(command, "-c", config, "--report", self.work / name)
                        self.assertEqual((run.status, run.out), (2, ""), run.err)
                        self.assertIn("--report ", run.last_words())
            self.assertEqual(server.requests(), [])
        self.assertFalse(self.target.exists() or (self.work / "missing").exists())

    def test_a_report_that_is_lost_at_the_end_takes_the_place_of_nothing(self):
        with self.served() as server:
            run = self.sync(entry(server.url), arguments=["--output", "json", "--report", "/dev/full"])
            self.assertEqual(run.status, 6, run.err)
            self.assertIn("the report is not written", run.err)
            report = json.loads(run.out)
            self.assertEqual([action["status"] for action in report["actions"]], ["done", "done"])
            self.assertEqual(report["exit_code"], 6)
            plan = self.program.run("plan", "-c", self.configure(entry(server.url)), "--report", "/dev/full")
            self.assertEqual(plan.status, 6, plan.err)
            self.assertIn("0 to create", plan.out)
        run = self.sync(entry(f"file://{self.work}/missing"), arguments=["--report", "/dev/full"])
        self.assertEqual(run.status, 6, run.err)
        (self.stream.root / INDEX).write_text("{}", encoding="utf-8")
        run = self.sync(entry(f"file://{self.stream.root}"), arguments=["--report", "/dev/full"])
        self.assertEqual(run.status, 3, run.err)

    def test_a_report_that_standard_output_does_not_take_is_lost_as_well(self):
        with self.served() as server, open("/dev/full", "wb") as full:
            config = self.configure(entry(server.url))
            for command in ("sync", "plan"):
                run = self.program.start(command, "-c", config, "--output", "json", stdout=full)
                said = run.communicate(timeout=60)[1].decode()
                self.assertEqual(6, run.returncode, said)
                self.assertIn("not written", said)

    def test_a_report_replaces_what_a_link_leads_to_and_goes_into_a_pipe(self):
        real, link, pipe = (self.work / name for name in ("real", "link", "pipe"))
        real.write_text("old", encoding="utf-8")
        link.symlink_to(real)
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        with self.served() as server:
            for place in (link, pipe):
                run = self.sync(entry(server.url), arguments=["--report", place])
                self.assertEqual(run.status, 0, run.err)
        self.assertTrue(link.is_symlink())
        for text in (real.read_bytes(), os.read(reader, 65536)):
            self.assertEqual(json.loads(text)["schema"], "streamsync.report/1")
        self.assertEqual(sorted(path.name for path in self.work.glob("*.part")), [])


class Trust(TreeCase):
    def refused(self, server, *words):
        """Exit 3, no item asked for, and no target made."""
        run = self.sync(entry(server.url))
        self.assertEqual(run.status, 3, run.err)
        for word in words:
            self.assertIn(word, run.last_words())
        self.assertFalse([path for path in server.paths() if path.endswith(".img")])
        self.assertFalse(self.target.exists() and self.files())

    def test_a_changed_byte_is_refused(self):
        document = self.stream.root / "streams/v1/com.ubuntu.cloud:released:download.sjson"
        document.write_bytes(document.read_bytes().replace(b"focal", b"fowal", 1))
        with self.served() as server:
            self.refused(server, document.name)

    def test_an_unsigned_document_in_a_signed_index_is_refused(self):
        name = "streams/v1/com.ubuntu.cloud:released:download"
        (self.stream.root / f"{name}.sjson").write_bytes((self.stream.root / f"{name}.json").read_bytes())
        with self.served() as server:
            self.refused(server, "not signed")

    def test_a_page_in_the_place_of_a_document_is_told_as_one(self):
        pages = {"\n<!DOCTYPE html>\n<title>Log in": ", it begins with <!DOCTYPE;", "": ";", "log in": ";"}
        for page, told in pages.items():
            for name in ("index.sjson", "index.json"):
                # It says the same whatever it is asked for.
                for path in (name, f"{name}.gpg"):
                    (self.stream.root / "streams/v1" / path).write_text(page, encoding="utf-8")
                with self.subTest(page, name=name), self.served() as server:
                    run = self.sync(entry(server.url, path=f"streams/v1/{name}"))
                    self.assertEqual(3, run.status, run.err)
                    self.assertIn(f"is not signed, nor is it JSON{told}", run.last_words())
                    self.assertNotIn("allow_unsigned", run.err)
                    self.assertNotIn("GnuPG", run.err)

    def test_allow_unsigned_does_not_reach_behind_a_signed_index(self):
        name = "streams/v1/com.ubuntu.cloud:released:download"
        (self.stream.root / f"{name}.sjson").write_bytes((self.stream.root / f"{name}.json").read_bytes())
        with self.served() as server:
            run = self.sync(entry(server.url, allow_unsigned=True))
            self.assertEqual(run.status, 3, run.err)

    def test_an_unsigned_source_is_taken_only_where_it_is_allowed(self):
        for signature in (self.stream.root / "streams/v1").glob("*.gpg"):
            signature.unlink()
        with self.served() as server:
            unsigned = entry(server.url, path="streams/v1/index.json")
            self.assertEqual(self.sync(unsigned).status, 3)
            self.assertEqual(self.sync({**unsigned, "allow_unsigned": True}).status, 0)

    def test_another_key_is_refused(self):
        with tempfile.TemporaryDirectory() as home, SigningKey(Path(home, "gnupg")) as stranger:
            self.stream.key = stranger
            self.stream.sign()
        with self.served() as server:
            self.refused(server)

    def test_an_unsafe_path_refuses_the_document(self):
        self.stream.item("com.ubuntu.cloud:server:18.04:amd64", OLD, "disk1.img")["path"] = "../escape.img"
        self.stream.write()
        with self.served() as server:
            self.refused(server, "../escape.img")

    def test_pinned_fingerprints_are_asked_for(self):
        with self.served() as server:
            self.assertEqual(self.sync(entry(server.url, pinned_fingerprints=["0" * 40])).status, 3)
            self.assertEqual(self.sync(entry(server.url, pinned_fingerprints=[self.key.fingerprint])).status, 0)


class Failures(TreeCase):
    def test_a_corrupt_item_fails_alone_and_the_old_set_stays(self):
        with self.served() as server:
            self.sync(entry(server.url))
            before = self.files()
            product = self.add(self.stream, "focal", NEWEST)
            self.add(self.stream, "bionic", NEWEST)
            self.stream.corrupt(product, NEWEST, "disk1.img")
            self.stream.write()
            run = self.sync(entry(server.url))
        self.assertEqual(run.status, 1, run.err)
        self.assertIn(self.path("focal", NEWEST), run.last_words())
        after = self.files()
        # The documents may name only what is there, so the new set waits (cli.md §3, metadata).
        self.assertIn(self.path("bionic", NEWEST), after)
        self.assertNotIn(self.path("focal", NEWEST), after)
        for path, content in before.items():
            if not path.startswith(".data/"):
                self.assertEqual(after.get(path), content, path)

    def test_one_entry_that_fails_does_not_stop_the_other(self):
        other = self.make_stream("other")
        with self.served() as good, self.served(other, {"/streams/v1/index.sjson": 404}) as bad:
            run = self.sync(entry(bad.url, name="bad"), entry(good.url, name="good"))
        self.assertEqual(run.status, 4, run.err)
        self.assertEqual(len(self.images()), 2)
        self.assertIn("bad", run.last_words())

    def test_a_source_that_replaces_an_item_is_followed(self):
        with self.served() as server:
            self.sync(entry(server.url))
            product = "com.ubuntu.cloud:server:18.04:amd64"
            path = self.path("bionic", NEW)
            item = self.stream.item(product, NEW, "disk1.img")
            (self.stream.root / path).write_bytes(b"x" * ITEM_SIZE)
            item.update(digest_tags(self.stream.root / path))
            self.stream.write()
            run = self.sync(entry(server.url))
            self.assertEqual(run.status, 0, run.err)
        self.assertEqual((self.target / path).read_bytes(), b"x" * ITEM_SIZE)

    def test_what_the_source_gives_another_path_stays_until_its_successor_is_published(self):
        product, name = "com.ubuntu.cloud:server:18.04:amd64", "disk1.img"
        with self.served() as server:
            self.sync(entry(server.url))
            before = self.files()
            old = self.path("bionic", NEW)
            item = self.stream.item(product, NEW, name)
            item["path"] = new = old.replace(".img", "-again.img")
            (self.stream.root / old).rename(self.stream.root / new)
            (self.stream.root / new).write_bytes(b"x" * ITEM_SIZE)
            item.update(digest_tags(self.stream.root / new))
            self.stream.corrupt(product, NEW, name)
            self.stream.write()
            self.assertEqual(self.sync(entry(server.url)).status, 1)
            after = self.files()
            self.assertEqual([], [path for path in before if before[path] != after.get(path) and ".data" not in path])
            (self.stream.root / new).write_bytes(b"x" * ITEM_SIZE)
            run = self.sync(entry(server.url))
            self.assertEqual(run.lines(), [f"created {new}: {new}", f"removing {old}: {old}"], run.err)
            self.assertEqual(self.images(), {new, self.path("focal", NEW)})
            self.assertEqual(self.sync(entry(server.url)).out, "")

    def test_what_the_source_replaces_at_its_path_stays_until_the_new_one_is_whole(self):
        product = "com.ubuntu.cloud:server:18.04:amd64"
        with self.served() as server:
            self.sync(entry(server.url))
            before = self.files()
            path = self.path("bionic", NEW)
            (self.stream.root / path).write_bytes(b"x" * ITEM_SIZE)
            self.stream.item(product, NEW, "disk1.img").update(digest_tags(self.stream.root / path))
            self.stream.corrupt(product, NEW, "disk1.img")
            self.stream.write()
            self.assertEqual(self.sync(entry(server.url)).status, 1)
            after = self.files()
            self.assertEqual([], [path for path in before if before[path] != after.get(path) and ".data" not in path])
            self.assertEqual(self.sync(entry(server.url)).status, 1, "the wrong one counts as there")

    def test_a_withdrawn_half_version_does_not_evict_a_whole_one(self):
        product = "com.ubuntu.cloud:server:20.04:amd64"
        with self.served() as server:
            self.sync(entry(server.url))
            before = self.images()
            self.stream.add_version(
                "focal", "amd64", NEWEST, {"disk1.img": ITEM_SIZE, "uefi1.img": ITEM_SIZE}, writer=write_random
            )
            self.stream.corrupt(product, NEWEST, "uefi1.img")
            self.stream.write()
            self.assertEqual(self.sync(entry(server.url)).status, 1)
            self.stream.remove_version(product, NEWEST)
            self.stream.write()
            run = self.sync(entry(server.url))
            self.assertEqual(run.status, 0, run.err)
            self.assertEqual(self.images(), before)
            self.assertEqual(self.sync(entry(server.url)).out, "")

    def test_a_keyring_that_is_missing_does_not_switch_verification_off(self):
        with self.served() as server:
            run = self.sync(entry(server.url, keyring_path=str(self.work / "none.gpg"), allow_unsigned=True))
            self.assertEqual(run.status, 2, run.err)

    def test_a_cache_that_was_damaged_is_fetched_again(self):
        with self.served() as server:
            self.sync(entry(server.url))
            for cached in (self.program.state / "verified").iterdir():
                cached.write_bytes(cached.read_bytes().replace(b"focal", b"fowal"))
            run = self.sync(entry(server.url))
            self.assertEqual(run.status, 0, run.err)

    def test_fallback_bases_are_tried_in_order(self):
        other = self.make_stream("other")
        lost = "/" + self.path("focal", NEW)
        with self.served(statuses={lost: 404}) as first, self.served(other) as second:
            run = self.sync(entry(first.url, mirrors=[second.url]))
            self.assertEqual(run.status, 0, run.err)
            self.assertIn(lost, second.paths())
        shutil.rmtree(self.target)
        with self.served(statuses={"/streams/v1/index.sjson": 404}) as first, self.served(other) as second:
            run = self.sync(entry(first.url, mirrors=[second.url]))
            self.assertEqual(run.status, 0, run.err)

    def test_a_document_larger_than_allowed_is_a_guard(self):
        with self.served() as server:
            run = self.sync(entry(server.url), max_document="1K")
        self.assertEqual(run.status, 8, run.err)
        self.assertIn("max_document", run.last_words())

    def test_removals_without_replacement_are_capped(self):
        with self.served() as server:
            everything = entry(server.url)
            del everything["max"]
            self.assertEqual(self.sync(everything).status, 0)
            self.assertEqual(len(self.images()), 4)
            # Of each product the newer version vanishes: nothing replaces it.
            for release in ("18.04", "20.04"):
                self.stream.remove_version(f"com.ubuntu.cloud:server:{release}:amd64", NEW)
            self.stream.write()
            capped = self.sync(everything, max_delete="1")
            self.assertEqual(capped.status, 8, capped.err)
            self.assertEqual(len(self.images()), 4)
            allowed = self.sync(everything, max_delete="1", arguments=["--max-delete", "100%"])
            self.assertEqual(allowed.status, 0, allowed.err)
            self.assertEqual(len(self.images()), 2)

    def test_bad_configuration_touches_nothing(self):
        run = self.sync(entry("http://127.0.0.1:1/"), max_delet="3")
        self.assertEqual(run.status, 2)
        self.assertIn("did you mean 'max_delete'", run.last_words())
        run = self.sync(entry("http://127.0.0.1:1/", item_filters=["arch~(?=x)"]))
        self.assertEqual(run.status, 2)
        self.assertFalse(self.target.exists())

    def test_a_missing_keyring_is_an_error_of_configuration(self):
        with self.served() as server:
            run = self.sync(entry(server.url, keyring_path=str(self.work / "none.gpg")))
            self.assertEqual((run.status, server.requests()), (2, []), run.err)

    def test_a_link_in_the_tree_is_not_followed(self):
        victim = self.work / "victim"
        victim.mkdir()
        self.target.mkdir()
        (self.target / "server").symlink_to(victim)
        with self.served() as server:
            run = self.sync(entry(server.url))
        self.assertEqual(run.status, 3, run.err)
        self.assertEqual(list(victim.iterdir()), [])


@contextlib.contextmanager
def open_locked(directory):
    """As another run holds it."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


class Interruptions(TreeCase):
    def stalling(self):
        """Half of each item is sent, then nothing."""
        return TreeServer(self.stream.root, rules=[{"path": "*.img", "stall_after": ITEM_SIZE // 2}])

    def interrupted(self, sent):
        with self.stalling() as server:
            process = self.program.start("sync", "-c", self.configure(entry(server.url)))
            server.wait_for(".img")
            process.send_signal(sent)
            out, err = process.communicate(timeout=20)
        return process.returncode, out, err.decode()

    def test_signals_end_the_run_and_the_next_one_goes_on(self):
        for sent, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            code, _, err = self.interrupted(sent)
            self.assertEqual(code, status, err)
            self.assertEqual(self.images(), set())
        with self.served() as server:
            self.assertEqual(self.sync(entry(server.url)).status, 0)
        self.assertEqual(len(self.images()), 2)

    def test_a_second_run_is_told_that_one_is_going_on(self):
        with self.stalling() as server:
            process = self.program.start("sync", "-c", self.configure(entry(server.url)))
            server.wait_for(".img")
            second = self.program.run("sync", "-c", self.work / "config.yaml")
            process.kill()
            process.communicate()
        self.assertEqual(second.status, 7, second.err)

    def test_a_run_with_another_state_leaves_a_tree_to_the_one_that_writes(self):
        (self.work / "other").mkdir()
        other = Program(self.work / "other")
        with self.stalling() as server, self.served() as whole:
            process = self.program.start("sync", "-c", self.configure(entry(server.url)))
            server.wait_for(".img")
            config = self.configure(entry(whole.url))
            second = other.run("sync", "-c", config)
            self.assertEqual(second.status, 7, second.err)
            self.assertIn(f"{self.target}: somebody else is writing there", second.err)
            self.assertEqual(self.images(), set())
            self.assertEqual([path for path in whole.paths() if path.endswith(".img")], [])
            process.kill()
            process.communicate()
            self.assertEqual(other.run("sync", "-c", config).status, 0)
        self.assertEqual(len(self.images()), 2)

    def test_killed_anywhere_the_next_run_converges(self):
        with self.served() as server:
            config = self.configure(entry(server.url))
            begin = time.monotonic()
            self.assertEqual(self.program.run("sync", "-c", config).status, 0)
            duration = time.monotonic() - begin
            undisturbed = self.files()
            seed = int(os.environ.get("STREAMSYNC_KILL_SEED", random.SystemRandom().randrange(10**6)))
            print(f"kill seed {seed}")
            moments = random.Random(seed)
            killed = 0
            while killed < 10:
                shutil.rmtree(self.target)
                begin = time.monotonic()
                process = self.program.start("sync", "-c", config)
                try:
                    process.communicate(timeout=moments.uniform(0, duration))
                    # With other work on the machine one run may last many times as long as the next.
                    duration = time.monotonic() - begin
                    self.assertEqual(process.returncode, 0)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
                    killed += process.returncode == -signal.SIGKILL
                self.assertEqual(self.program.run("sync", "-c", config).status, 0)
                self.assertEqual(self.files(), undisturbed)


if __name__ == "__main__":
    unittest.main()
