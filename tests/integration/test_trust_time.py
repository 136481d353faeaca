"""What a source was, it may not cease to be: no rollback, no freeze, no mixture of old and new, no date in
the future, no loss of its signature (threats-and-faults.md T4, T6, T7, T8, T9, T12; cli.md §4.8)."""

import datetime
import json
import shutil
import time
import unittest
from pathlib import Path

from stream_tree import SigningKey, StreamTree
from streamsync_program import Program
from tree_case import INDEX, NEW, NEWEST, OLD, PRODUCTS, TreeCase, entry, snapshot
from tree_server import TreeServer

NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
EARLIER = NOW - datetime.timedelta(days=10)
LATER = NOW - datetime.timedelta(days=5)
RETRIES = {"attempts": 3, "max_wait": "1s"}


class TimeCase(TreeCase):
    """One server, whose documents can be put back and forth."""

    def setUp(self):
        super().setUp()
        self.stream.write(EARLIER)
        self.earlier = self.documents()
        self.server = self.enterContext(self.served())

    def documents(self):
        root = self.stream.root / "streams"
        return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def put(self, documents):
        for path, content in documents.items():
            path.write_bytes(content)

    def mirror(self, *arguments, **keys):
        return self.sync(entry(self.server.url, **keys), arguments=arguments)

    def newer(self):
        """A newer stream, served from now on."""
        for release in ("bionic", "focal"):
            self.add(self.stream, release, NEWEST)
        self.stream.write(LATER)
        return self.documents()

    def assert_taken(self, *arguments, **keys):
        run = self.mirror(*arguments, **keys)
        self.assertEqual(run.status, 0, run.err)
        return run

    def assert_unchanged_by(self, *words, command=None, **keys):
        before = snapshot(self.target, self.program.state)
        self.server.take_requests()
        self.assert_refused(self.server, command() if command else self.mirror(**keys), *words)
        self.assertEqual(snapshot(self.target, self.program.state), before)

    def ledger(self, *arguments):
        run = self.program.run("ledger", "--output", "json", *arguments)
        self.assertEqual(run.status, 0, run.err)
        return [json.loads(line) for line in run.lines()]


class Rollback(TimeCase):
    def test_older_documents_are_refused_and_nothing_is_deleted(self):
        self.newer()
        self.assert_taken()
        self.put(self.earlier)
        self.assert_unchanged_by("went back", "--accept-rollback")
        self.assertIn(self.path("focal", NEWEST), self.images())

    def test_an_older_products_document_behind_a_signed_bare_path_is_refused(self):
        self.newer()
        self.assert_taken(path=PRODUCTS)
        self.put(self.earlier)
        self.assert_unchanged_by("went back", path=PRODUCTS)

    def test_the_same_date_with_another_text_is_an_alarm(self):
        self.assert_taken()
        self.add(self.stream, "focal", NEWEST)
        self.stream.write(EARLIER)
        self.assert_unchanged_by("without a new date")

    def test_signing_again_is_no_alarm(self):
        self.assert_taken()
        self.stream.write(EARLIER)
        self.assert_taken()

    def test_plan_and_query_see_it_and_take_nothing(self):
        self.newer()
        self.assert_taken()
        self.put(self.earlier)
        config = self.configure(entry(self.server.url))
        self.assert_unchanged_by("went back", command=lambda: self.program.run("plan", "-c", config))
        query = ("query", self.server.url, "--keyring", self.keyring)
        self.assert_unchanged_by("went back", command=lambda: self.program.run(*query))

    def test_plan_does_not_advance_what_is_trusted(self):
        self.assert_taken()
        newer = self.newer()
        before = snapshot(self.program.state)
        self.assertEqual(self.program.run("plan", "-c", self.configure(entry(self.server.url))).status, 0)
        self.assertEqual(snapshot(self.program.state), before)
        self.put(self.earlier)
        self.assert_taken()
        self.put(newer)
        self.assert_taken()

    def test_the_operator_may_accept_it_with_a_reason(self):
        self.newer()
        self.assert_taken()
        self.put(self.earlier)
        self.assertEqual(self.mirror("--accept-rollback", " ").status, 2)
        self.assert_taken("--accept-rollback", "restored from backup")
        self.assertEqual(self.ledger()[-1]["accept_rollback"], "restored from backup")
        self.assert_taken()

    def test_the_reason_stands_beside_what_needed_it(self):
        newer = self.newer()
        self.assert_taken()
        self.put(self.earlier)
        other = self.work / "other"
        shutil.copytree(self.stream.root, other)
        for path, content in newer.items():
            (other / path.relative_to(self.stream.root)).write_bytes(content)
        with TreeServer(other) as beside:
            mirrors = (entry(self.server.url, name="first"), entry(beside.url, name="second"))
            run = self.sync(*mirrors, arguments=("--accept-rollback", "restored"))
            self.assertEqual(run.status, 0, run.err)
            reasons = {line["mirror"]: line.get("accept_rollback") for line in self.ledger()[2:]}
            self.assertEqual(reasons, {"first": "restored", "second": None})

    def test_a_base_that_lags_behind_is_skipped(self):
        newer = self.newer()
        self.assert_taken()
        behind = self.work / "behind"
        shutil.copytree(self.stream.root, behind)
        for path, content in self.earlier.items():
            (behind / path.relative_to(self.stream.root)).write_bytes(content)
        self.put(newer)
        with TreeServer(behind) as lagging:
            # The state is kept for the entry, whose name is its first base.
            config = entry(self.server.url, mirrors=[lagging.url])
            shutil.rmtree(self.stream.root / "streams")
            before = self.files()
            run = self.sync(config)
            self.assertEqual(run.status, 4, "the source is not there, and has not gone back")
            self.assertNotIn("--accept-rollback", run.last_words())
            self.assertEqual(before, self.files())
            for path in newer:
                path.parent.mkdir(parents=True, exist_ok=True)
            self.put(newer)
            run = self.sync(config)
            self.assertEqual(run.status, 0, run.err)

    def test_a_damaged_state_is_no_first_run(self):
        self.assert_taken()
        state = self.program.state / "trust.json"
        state.write_bytes(state.read_bytes()[:-20])
        run = self.mirror()
        self.assertEqual(run.status, 2, run.err)
        self.assertIn("trust.json", run.last_words())


class Freeze(TimeCase):
    def test_a_stale_source_is_refused(self):
        self.assert_taken(max_age="30d")
        self.assert_unchanged_by("stale", max_age="9d")

    def test_past_half_of_the_limit_there_is_a_warning(self):
        report = self.work / "report.json"
        run = self.assert_taken("--report", report, max_age="15d")
        self.assertIn("half of max_age", run.err)
        self.assertIs(json.loads(report.read_bytes())["mirrors"][0]["stale"], True)
        self.assertNotIn("max_age", self.assert_taken(max_age="30d").err)


class Mixture(TimeCase):

    def test_products_older_than_the_index_says_are_refused(self):
        newer = self.newer()
        self.put({path: content for path, content in self.earlier.items() if path.name != Path(INDEX).name})
        run = self.sync(entry(self.server.url), retries=RETRIES)
        self.assert_refused(self.server, run, PRODUCTS, "is the mirror being updated")
        self.assertEqual(self.server.paths().count("/" + INDEX), 3)
        self.assertFalse(self.target.exists())
        self.assertFalse((self.program.state / "trust.json").exists())
        self.put(newer)
        self.assert_taken()

    def test_another_stream_behind_the_path_is_refused(self):
        self.add(self.stream, "focal", NEWEST, stream="daily")
        self.stream.write(LATER)
        daily = next(path for path in self.documents() if "daily" in path.name and path.suffix == ".sjson")
        (self.stream.root / PRODUCTS).write_bytes(daily.read_bytes())
        self.assert_refused(self.server, self.mirror(), "com.ubuntu.cloud:daily:download")

    def test_an_index_in_place_of_products_is_refused(self):
        self.assert_taken()
        self.newer()
        (self.stream.root / PRODUCTS).write_bytes((self.stream.root / INDEX).read_bytes())
        self.assert_unchanged_by("names it as products:1.0")

    def test_the_index_of_a_neighbour_is_refused(self):
        self.assert_taken()
        daily = StreamTree(self.work / "daily", self.key)
        self.add(daily, "focal", NEWEST, stream="daily")
        daily.write(LATER)
        self.newer()
        for path in (daily.root / "streams/v1").iterdir():
            (self.stream.root / "streams/v1" / path.name).write_bytes(path.read_bytes())
        self.assert_unchanged_by("none of the streams")

    def test_each_document_is_fetched_once_and_those_bytes_are_published(self):
        self.assert_taken()
        self.assertEqual(self.server.paths().count("/" + PRODUCTS), 1)
        self.assertEqual((self.target / PRODUCTS).read_bytes(), (self.stream.root / PRODUCTS).read_bytes())

    def test_an_index_that_moves_meanwhile_is_read_again(self):
        newer = self.newer()
        index = self.stream.root / INDEX
        (self.stream.root / "new-index").write_bytes(newer[index])
        index.write_bytes(self.earlier[index])
        # The first answer is the old index, all later ones are the new.
        rules = [{"path": "/" + INDEX, "skip": 1, "file": "new-index"}]
        with TreeServer(self.stream.root, rules=rules) as server:
            run = self.sync(entry(server.url), retries=RETRIES)
            self.assertEqual(run.status, 0, run.err)
        self.assertEqual((self.target / INDEX).read_bytes(), newer[index])


class Neighbours(TreeCase):
    """Two streams of one source, A and B, each of a day in January."""

    def setUp(self):
        super().setUp()
        self.pair = self.work / "pair/streams/v1"
        self.pair.mkdir(parents=True)
        names = {"format": "products:1.0", "datatype": "image-downloads"}
        index = {name: {**names, "path": f"streams/v1/{name}.sjson"} for name in "AB"}
        self.put("index", {"format": "index:1.0", "index": index}, 1)
        self.put_stream("A", 10)
        self.put_stream("B", 10)

    def put(self, name, document, day):
        document = {**document, "updated": f"{day:02} Jan 2026 00:00:00 +0000"}
        (self.pair / f"{name}.sjson").write_bytes(self.key.clearsign(json.dumps(document).encode()))

    def put_stream(self, name, day):
        names = {"format": "products:1.0", "datatype": "image-downloads"}
        self.put(name, {**names, "content_id": name, "products": {}}, day)

    def status(self, *arguments):
        return self.sync(entry(f"file://{self.work}/pair"), arguments=arguments).status

    def test_what_was_not_read_when_a_rollback_was_accepted_keeps_its_own(self):
        self.assertEqual(self.status(), 0)
        self.put_stream("A", 5)
        (self.pair / "B.sjson").unlink()
        self.assertEqual(self.status(), 3)
        self.assertEqual(self.status("--accept-rollback", "A alone"), 0)
        self.put_stream("B", 3)
        self.assertEqual(self.status(), 3)

    def test_an_older_signature_over_the_same_text_is_no_news(self):
        self.assertEqual(self.status(), 0)
        first = (self.pair / "A.sjson").read_bytes()
        time.sleep(1.1)  # signatures count seconds
        self.put_stream("A", 10)
        self.assertEqual(self.status(), 0)
        (self.pair / "A.sjson").write_bytes(first)
        self.put_stream("B", 11)
        self.assertEqual(self.status(), 0)
        ledger = self.program.run("ledger", "--output", "json").lines()
        self.assertEqual([json.loads(line)["stream"] for line in ledger].count("A"), 2)


class FastForward(TimeCase):
    def test_a_date_in_the_future_is_refused_and_remembered_nowhere(self):
        self.assert_taken()
        earlier = self.documents()
        self.add(self.stream, "focal", NEWEST)
        self.stream.write(datetime.datetime(2099, 1, 1, tzinfo=datetime.timezone.utc))
        self.assert_unchanged_by("future")
        self.put(earlier)
        self.newer()
        self.assert_taken()


class Downgrade(TimeCase):
    def unsign(self):
        """The same stream with bare documents under the signed ones' names."""
        for name in (INDEX, PRODUCTS):
            path = self.stream.root / name
            path.write_bytes(path.with_suffix(".json").read_bytes())

    def test_a_source_that_was_signed_stays_signed(self):
        self.assert_taken()
        self.newer()
        self.unsign()
        self.assert_unchanged_by("not signed", "--accept-unsigned", allow_unsigned=True)
        self.assertEqual(self.mirror("--accept-unsigned", "moved").status, 3, "only with allow_unsigned")
        self.assert_taken("--accept-unsigned", "moved", allow_unsigned=True)
        self.assertEqual(self.ledger()[-1]["accept_unsigned"], "moved")
        self.assertEqual(self.ledger()[-1]["signed_by"], [])
        self.assert_taken(allow_unsigned=True)

    def test_a_source_that_never_was_may_be_unsigned(self):
        self.unsign()
        self.assert_taken(allow_unsigned=True)
        self.newer()
        self.assert_taken(allow_unsigned=True)
        # Once signed, it stays so.
        self.stream.write()
        self.unsign()
        self.assert_unchanged_by("not signed", allow_unsigned=True)

    def test_the_text_is_the_same_however_it_is_signed(self):
        self.assert_taken()
        before = snapshot(self.target)
        self.stream.sign()
        self.assert_taken()
        self.assertEqual({path: held[0] for path, held in before.items() if "streams" not in path and held[0]},
                         {path: held[0] for path, held in snapshot(self.target).items() if "streams" not in path and held[0]})

    def test_what_is_signed_beside_what_is_not_stays_readable(self):
        """An index without a signature that names signed products."""
        path = self.stream.root / INDEX
        path.write_bytes(path.with_suffix(".json").read_bytes().replace(b"download.json", b"download.sjson"))
        for _ in range(2):
            self.assert_taken(allow_unsigned=True)

    def test_without_verification_nothing_is_remembered(self):
        self.assert_taken("--no-verify")
        self.assertFalse((self.program.state / "trust.json").exists())


class Detached(TimeCase):
    PATH = "streams/v1/index.json"

    def test_a_signature_in_a_file_of_its_own_is_taken_and_mirrored(self):
        self.assert_taken(path=self.PATH)
        for name in ("index.json", "index.json.gpg", "com.ubuntu.cloud:released:download.json.gpg"):
            path = f"streams/v1/{name}"
            self.assertEqual((self.target / path).read_bytes(), (self.stream.root / path).read_bytes())
        self.server.take_requests()
        self.assert_taken(path=self.PATH)
        self.assertEqual({request.status for request in self.server.requests()}, {304})

    def test_one_of_another_document_is_refused(self):
        path = self.stream.root / "streams/v1/index.json.gpg"
        path.write_bytes((self.stream.root / "streams/v1/com.ubuntu.cloud:released:download.json.gpg").read_bytes())
        self.assert_refused(self.server, self.mirror(path=self.PATH), "bad")

    def test_one_that_comes_later_than_its_document_is_waited_for(self):
        signature = self.stream.root / "streams/v1/index.json.gpg"
        old = signature.read_bytes()
        self.newer()
        (self.stream.root / "new-signature").write_bytes(signature.read_bytes())
        signature.write_bytes(old)
        rules = [{"path": f"/{self.PATH}.gpg", "skip": 1, "file": "new-signature"}]
        with TreeServer(self.stream.root, rules=rules) as server:
            run = self.sync(entry(server.url, path=self.PATH), retries=RETRIES)
            self.assertEqual(run.status, 0, run.err)

    def test_one_of_an_unknown_key_is_not_waited_for(self):
        with SigningKey(self.work / "second") as second:
            self.stream.key = second
            self.newer()
        self.server.take_requests()
        self.assert_refused(self.server, self.mirror(path=self.PATH), "not in the keyring")
        self.assertEqual(len(self.server.paths()), 2)

    def test_none_is_refused(self):
        (self.stream.root / "streams/v1/index.json.gpg").unlink()
        self.assert_refused(self.server, self.mirror(path=self.PATH), "not signed")


class Remembered(TimeCase):
    """Of a document that has not changed GnuPG is not asked again, as long as the keys are the same (§4.9)."""

    PATHS = (INDEX, "streams/v1/index.json")

    def setUp(self):
        super().setUp()
        self.without_gnupg = Program(self.work, PATH="/nowhere")

    def mirror_without_gnupg(self, path):
        return self.without_gnupg.run("sync", "-c", self.configure(entry(self.server.url, path=path)))

    def test_what_was_verified_needs_no_gnupg(self):
        for path in self.PATHS:
            with self.subTest(path):
                self.setUp()
                self.assert_taken(path=path)
                before = snapshot(self.target, self.program.state)
                run = self.mirror_without_gnupg(path)
                self.assertEqual(0, run.status, run.err)
                self.assertEqual(before, snapshot(self.target, self.program.state))

    def test_what_is_new_does(self):
        for path in self.PATHS:
            with self.subTest(path):
                self.setUp()
                self.assert_taken(path=path)
                self.newer()
                run = self.mirror_without_gnupg(path)
                self.assertEqual(2, run.status, run.err)
                self.assertIn("gpg", run.last_words())

    def test_what_other_keys_are_to_vouch_for_does(self):
        for path in self.PATHS:
            with self.subTest(path), SigningKey(self.work / "second") as second:
                self.setUp()
                self.keyring = self.work / "keyring.gpg"
                self.keyring.write_bytes(self.key.public_key())
                self.assert_taken(path=path)
                self.keyring.write_bytes(second.public_key())
                self.server.take_requests()
                self.assertEqual(2, self.mirror_without_gnupg(path).status)
                self.assert_refused(self.server, self.mirror(path=path), "not in the keyring")

    def test_what_was_changed_in_the_cache_is_fetched_again(self):
        self.assert_taken()
        for copy in (self.program.state / "verified").iterdir():
            content = copy.read_bytes()
            copy.write_bytes(content[:-700] + bytes([content[-700] ^ 1]) + content[-699:])
        self.server.take_requests()
        self.assert_taken()
        self.assertEqual({304, 200}, {request.status for request in self.server.requests()})

    def test_pins_are_looked_at_each_time(self):
        self.assert_taken()
        self.server.take_requests()
        self.assert_refused(self.server, self.mirror(pinned_fingerprints=["0" * 40]), "pinned")


class Ledger(TimeCase):
    def test_it_lists_every_accepted_document_once(self):
        self.assert_taken()
        self.assert_taken()
        self.assertEqual(
            [line["stream"] for line in self.ledger()],
            ["com.ubuntu.cloud:released:download", f"index {INDEX}"],
        )
        line = self.ledger()[0]
        self.assertEqual(line["signed_by"], [self.key.fingerprint])
        self.assertEqual(line["updated"], EARLIER.isoformat().replace("+00:00", "Z"))
        self.assertEqual(line["url"], self.server.url)
        self.newer()
        self.assert_taken()
        self.assertEqual(len(self.ledger()), 4)

    def test_by_key_source_and_time(self):
        self.assert_taken()
        with SigningKey(self.work / "second") as second:
            both = self.work / "both.gpg"
            both.write_bytes(self.key.public_key() + second.public_key())
            self.stream.key = second
            self.newer()
            self.assertEqual(self.sync(entry(self.server.url), keyring_path=str(both)).status, 0)
            newer = {line["updated"] for line in self.ledger("--only-key", second.fingerprint)}
            self.assertEqual(newer, {LATER.isoformat().replace("+00:00", "Z")})
            self.assertEqual(len(self.ledger("--key", second.fingerprint[-16:].lower())), 2)
            self.assertEqual(len(self.ledger("--key", self.key.fingerprint)), 2)
        self.assertEqual(len(self.ledger("--source", self.server.url)), 4)
        self.assertEqual(self.ledger("--source", "another"), [])
        self.assertEqual(self.ledger("--until", "2020-01-01T00:00:00Z"), [])
        self.assertEqual(len(self.ledger("--since", "2020-01-01T00:00:00Z")), 4)
        self.assertEqual(self.program.run("ledger", "--since", "yesterday").status, 2)
        self.assertEqual(self.program.run("ledger", "--key", "DEADBEEF").status, 2)

    def test_a_torn_line_spoils_no_other(self):
        self.assert_taken()
        ledger = self.program.state / "ledger.jsonl"
        ledger.write_bytes(ledger.read_bytes()[:-30])
        self.assertEqual(len(self.ledger()), 1)
        self.newer()
        self.assert_taken()
        self.assertEqual(len(self.ledger()), 3)


if __name__ == "__main__":
    unittest.main()
