"""Bytes that several places want are fetched once, and bytes that are somewhere already not at all."""

import hashlib
import shutil
import unittest

from invariants import read_generation
from silent_bucket import SilentBucket
from stream_tree import StreamTree
from streamsync_program import Program
from tree_case import ITEM_SIZE, NEW, NEWEST, OLD, TreeCase, entry
from tree_server import TreeServer

DONE, ITEMS_FAILED, REFUSED, NO_TARGET = 0, 1, 3, 5
PRODUCTS = "streams/v1/com.ubuntu.cloud:released:download.sjson"
BIONIC = "com.ubuntu.cloud:server:18.04:amd64"


def write_the_same(path, size, _seed):
    path.write_bytes(b"the same bytes in every version ".ljust(size, b"."))


class FanOutCase(TreeCase):
    def setUp(self):
        super().setUp()
        self.second = self.work / "second"
        self.both = [str(self.target), str(self.second)]

    def totals(self):
        totals = self.report()["totals"]
        return tuple(totals[f"bytes_{what}"] for what in ("read", "sent", "avoided"))

    def items_asked_for(self, server):
        return [path for path in server.take_requests() if path.path.endswith(".img")]


class SeveralTargets(FanOutCase):
    def test_an_item_is_fetched_once_for_all(self):
        with self.served() as server:
            run = self.sync(entry(server.url), images=self.both)
            self.assertEqual(DONE, run.status, run.err)
            self.assertEqual(2, len(self.items_asked_for(server)))
        first, second = self.files(), self.files(self.second)
        self.assertEqual(first, second)
        self.assert_holds(read_generation(self.stream.root))
        self.assertEqual({self.path("bionic", NEW), self.path("focal", NEW)}, self.images())
        self.assertEqual((2 * ITEM_SIZE, 4 * ITEM_SIZE, 2 * ITEM_SIZE), self.totals())
        created = [line.split(": ")[1] for line in run.out.splitlines()]
        self.assertEqual(created[:2], created[2:], "both targets tell, in the order of the plan")

    def test_entries_of_one_source_ask_for_its_documents_once(self):
        with self.served() as server:
            entries = [entry(server.url, name=f"entry-{number}", max=number) for number in (1, 2)]
            for _ in range(2):
                server.take_requests()
                run = self.sync(*entries, images=self.both)
                self.assertEqual(DONE, run.status, run.err)
            documents = [(request.path, request.status) for request in server.take_requests()]
        self.assertCountEqual(
            [("/streams/v1/index.sjson", 304), ("/streams/v1/com.ubuntu.cloud:released:download.sjson", 304)],
            documents,
        )

    def test_a_target_that_fails_does_not_stop_the_other(self):
        victim = self.work / "victim"
        victim.mkdir()
        self.second.mkdir()
        (self.second / "server").symlink_to(victim)
        with self.served() as server:
            run = self.sync(entry(server.url), images=self.both)
        self.assertEqual(REFUSED, run.status, run.err)
        self.assertEqual(2, self.report()["totals"]["failed"])
        self.assertEqual({self.path("bionic", NEW), self.path("focal", NEW)}, self.images())
        self.assert_holds(read_generation(self.stream.root))
        self.assertFalse((self.second / "streams").exists())
        self.assertEqual([], list(victim.iterdir()))

    def test_a_target_that_comes_later_is_filled_from_the_other(self):
        with self.served() as server:
            self.sync(entry(server.url))
            server.take_requests()
            run = self.sync(entry(server.url), images=self.both)
            self.assertEqual(DONE, run.status, run.err)
            self.assertEqual([], self.items_asked_for(server))
        self.assertEqual(self.files(), self.files(self.second))
        self.assertEqual((0, 2 * ITEM_SIZE, 2 * ITEM_SIZE), self.totals())

    def test_what_was_damaged_where_it_is_taken_from_is_fetched(self):
        with self.served() as server:
            self.sync(entry(server.url))
            image = self.target / self.path("focal", NEW)
            content = image.read_bytes()
            image.write_bytes(content[:-1] + b"?")
            server.take_requests()
            run = self.sync(entry(server.url), images=self.both)
            self.assertEqual(DONE, run.status, run.err)
            self.assertEqual(1, len(self.items_asked_for(server)))
        self.assertEqual(content, (self.second / self.path("focal", NEW)).read_bytes())


class SilentTarget(FanOutCase):
    """A bucket that falls silent when the first item comes (ADR 0025)."""

    SERIALS = [f"202107{day:02}" for day in range(1, 16)]
    JOBS, ATTEMPTS = 2, 2

    def make_stream(self, name):
        tree = StreamTree(self.work / name, self.key)
        for serial in self.SERIALS:
            self.add(tree, "focal", serial)
        tree.write()
        return tree

    def sync_into(self, bucket, *targets):
        account = {"AWS_ENDPOINT_URL": bucket.url, "AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "secret"}
        self.program = Program(self.work, **account)
        with self.served() as server:
            run = self.sync(
                entry(server.url, max=len(self.SERIALS)),
                images=[*targets, "s3:images/ubuntu"],
                jobs=self.JOBS,
                timeouts={"connect": "1s", "first_byte": "3s"},
                retries={"attempts": self.ATTEMPTS, "max_wait": "0s"},
            )
            return run, self.items_asked_for(server)

    def is_complete(self):
        return all((self.target / self.path("focal", serial)).exists() for serial in self.SERIALS)

    def assert_few_were_tried(self, run, bucket):
        self.assertEqual(NO_TARGET, run.status, run.err)
        self.assertLessEqual(bucket.tries, (self.JOBS + 1) * self.ATTEMPTS)
        untried = [line for line in run.err.splitlines() if "not tried, because its target did not answer" in line]
        self.assertGreaterEqual(len(untried), len(self.SERIALS) - self.JOBS - 1)

    def test_it_brakes_no_other_and_is_asked_for_few_items(self):
        with SilentBucket() as bucket:
            run, fetched = self.sync_into(bucket, str(self.target))
        self.assert_few_were_tried(run, bucket)
        self.assertTrue(self.is_complete())
        self.assertEqual(len(self.SERIALS), len(fetched))
        self.assertTrue((self.target / "streams/v1/index.sjson").exists())

    def test_alone_it_is_asked_for_few_items(self):
        with SilentBucket() as bucket:
            run, _ = self.sync_into(bucket)
        self.assert_few_were_tried(run, bucket)

    def test_one_that_answers_again_is_given_all_of_what_the_other_has(self):
        with SilentBucket(lambda: not self.is_complete()) as bucket:
            run, fetched = self.sync_into(bucket, str(self.target))
        self.assertEqual(DONE, run.status, run.err)
        self.assertEqual(len(self.SERIALS), len(fetched))
        self.assertEqual(len(self.SERIALS), len([path for path in bucket.objects if path.endswith(".img")]))
        sizes = len(self.SERIALS) * ITEM_SIZE
        self.assertEqual((sizes, 2 * sizes, sizes), self.totals())


class Numbers(FanOutCase):
    """bytes_read, bytes_sent, bytes_avoided."""

    def copied(self, targets, *rules):
        with TreeServer(self.stream.root, rules=rules) as server:
            run = self.sync(entry(server.url), images=targets, retries={"max_wait": "0s"})
            return run, server.bytes_sent()

    def test_what_did_not_come_was_not_avoided(self):
        """Whichever target is the first."""
        victim = self.work / "victim"
        victim.mkdir()
        self.second.mkdir()
        (self.second / "server").symlink_to(victim)
        run, _ = self.copied(self.both[::-1])
        self.assertEqual(REFUSED, run.status, run.err)
        self.assertEqual((2 * ITEM_SIZE, 2 * ITEM_SIZE, 0), self.totals())

    def test_what_was_fetched_twice_hides_nothing_that_was_avoided(self):
        run, _ = self.copied(self.both, {"path": "*focal*.img", "times": 1, "flip": 5})
        self.assertEqual(DONE, run.status, run.err)
        self.assertEqual((3 * ITEM_SIZE, 4 * ITEM_SIZE, 2 * ITEM_SIZE), self.totals())

    def test_what_came_and_was_known_was_read(self):
        cut = {"path": "*.img", "times": 1, "close_after": 12000}
        run, sent = self.copied(self.both[:1], cut, {"path": "*.img", "ignore_range": 1})
        self.assertEqual(DONE, run.status, run.err)
        from_source = sum(count for path, count in sent.items() if path.endswith(".img"))
        self.assertEqual((from_source, 2 * ITEM_SIZE, 0), self.totals())
        self.assertEqual(2 * ITEM_SIZE + 12000, from_source)


class CopiedByHand(FanOutCase):
    """A tree that was carried here, by rsync for example, and of which no record tells."""

    def setUp(self):
        super().setUp()
        shutil.copytree(self.stream.root, self.target)

    def run_it(self):
        with self.served() as server:
            run = self.sync(entry(server.url))
            self.assertEqual(DONE, run.status, run.err)
            self.assertEqual(2, len(run.lines()))
            return sorted(path for path in server.paths() if path.endswith(".img"))

    def test_what_is_right_is_taken_over(self):
        before = {path: path.stat().st_ino for path in self.target.rglob("*.img")}
        self.assertEqual([], self.run_it())
        self.assertEqual((0, 2 * ITEM_SIZE, 2 * ITEM_SIZE), self.totals())
        self.assertEqual(before, {path: path.stat().st_ino for path in self.target.rglob("*.img")})
        self.assert_holds(read_generation(self.stream.root))

    def test_what_is_wrong_is_fetched(self):
        wrong = self.target / self.path("focal", NEW)
        content = bytearray(wrong.read_bytes())
        content[-1] ^= 1
        wrong.write_bytes(content)
        self.assertEqual(["/" + self.path("focal", NEW)], self.run_it())
        self.assertEqual((ITEM_SIZE, 2 * ITEM_SIZE, ITEM_SIZE), self.totals())
        self.assert_holds(read_generation(self.stream.root))


class SameBytes(FanOutCase):
    """Of one tree, under several names."""

    def add(self, tree, release, serial, **options):
        return tree.add_version(
            release, "amd64", serial, {"disk1.img": ITEM_SIZE}, writer=write_the_same, **options
        )

    def test_two_products_of_one_run_are_fetched_once(self):
        with self.served() as server:
            run = self.sync(entry(server.url))
            self.assertEqual(DONE, run.status, run.err)
            self.assertEqual(1, len(self.items_asked_for(server)))
        self.assertEqual({self.path("bionic", NEW), self.path("focal", NEW)}, self.images())
        self.assertEqual((ITEM_SIZE, 2 * ITEM_SIZE, ITEM_SIZE), self.totals())

    def test_a_new_version_is_linked(self):
        with self.served() as server:
            self.sync(entry(server.url))
            before = (self.target / self.path("focal", NEW)).stat()
            self.add(self.stream, "focal", NEWEST)
            self.stream.write()
            server.take_requests()
            run = self.sync(entry(server.url))
            self.assertEqual(DONE, run.status, run.err)
            self.assertEqual([], self.items_asked_for(server))
        self.assertEqual({self.path("bionic", NEW), self.path("focal", NEWEST)}, self.images())
        after = (self.target / self.path("focal", NEWEST)).stat()
        self.assertIn(after.st_ino, {before.st_ino, (self.target / self.path("bionic", NEW)).stat().st_ino})
        self.assertEqual((0, ITEM_SIZE, ITEM_SIZE), self.totals())

    def give_sha512(self, serial):
        for release in ("18.04", "20.04"):
            item = self.stream.item(f"com.ubuntu.cloud:server:{release}:amd64", serial, "disk1.img")
            content = (self.stream.root / item["path"]).read_bytes()
            item["sha512"] = hashlib.sha512(content).hexdigest()
        self.stream.write()

    def test_a_source_that_adds_or_drops_a_digest_has_no_other_bytes(self):
        with self.served() as server:
            self.sync(entry(server.url))
            before = self.images()
            self.give_sha512(NEW)
            server.take_requests()
            self.assertEqual(DONE, self.sync(entry(server.url)).status)
            for release in ("bionic", "focal"):
                self.add(self.stream, release, NEWEST)
            self.give_sha512(NEWEST)
            self.assertEqual(DONE, self.sync(entry(server.url)).status)
            self.assertEqual((0, 2 * ITEM_SIZE, 2 * ITEM_SIZE), self.totals())
            for release in ("18.04", "20.04"):
                del self.stream.item(f"com.ubuntu.cloud:server:{release}:amd64", NEWEST, "disk1.img")["sha512"]
            self.stream.write()
            self.assertEqual(DONE, self.sync(entry(server.url)).status)
            self.assertEqual([], self.items_asked_for(server))
        self.assertEqual({path.replace(NEW, NEWEST) for path in before}, self.images())

    def test_what_another_digest_contradicts_is_fetched(self):
        with self.served() as server:
            self.sync(entry(server.url))
            for release in ("bionic", "focal"):
                self.add(self.stream, release, NEWEST)
            self.give_sha512(NEWEST)
            focal = self.stream.item("com.ubuntu.cloud:server:20.04:amd64", NEWEST, "disk1.img")
            focal["sha512"] = "0" * 128
            self.stream.write()
            run = self.sync(entry(server.url), retries={"max_wait": "0s"})
        self.assertEqual(ITEMS_FAILED, run.status, run.err)
        self.assertIn(self.path("bionic", NEWEST), self.images())
        self.assertNotIn(self.path("focal", NEWEST), self.images())

    def test_a_digest_that_is_wrong_is_not_published(self):
        with self.served() as server:
            self.sync(entry(server.url))
            published = (self.target / PRODUCTS).read_bytes()
            self.stream.item("com.ubuntu.cloud:server:20.04:amd64", NEW, "disk1.img")["sha512"] = "0" * 128
            self.stream.write()
            run = self.sync(entry(server.url), retries={"max_wait": "0s"})
        self.assertEqual(ITEMS_FAILED, run.status, run.err)
        self.assertEqual(published, (self.target / PRODUCTS).read_bytes())
        self.assertEqual({self.path("bionic", NEW), self.path("focal", NEW)}, self.images())

    def test_two_products_at_one_path_whose_source_changes_its_digests(self):
        focal = self.stream.item("com.ubuntu.cloud:server:20.04:amd64", NEW, "disk1.img")
        with self.served() as server:
            self.give_sha512(NEW)
            self.sync(entry(server.url, item_filters=["release=bionic"]))
            focal["path"] = self.path("bionic", NEW)
            for release in ("18.04", "20.04"):
                del self.stream.item(f"com.ubuntu.cloud:server:{release}:amd64", NEW, "disk1.img")["sha512"]
            self.stream.write()
            server.take_requests()
            for _ in range(3):
                self.assertEqual(DONE, self.sync(entry(server.url)).status)
            self.assertEqual(([], 2), (self.report()["actions"], self.report()["totals"]["kept"]))
            self.assertEqual([], self.items_asked_for(server))

    def test_another_entry_takes_it_from_the_first(self):
        with self.served() as server:
            own = [entry(server.url, name=name, item_filters=[f"release={name}"]) for name in ("bionic", "focal")]
            run = self.sync(*own)
            self.assertEqual(DONE, run.status, run.err)
            self.assertEqual(1, len(self.items_asked_for(server)))
        for name in ("bionic", "focal"):
            self.assertTrue((self.target / name / self.path(name, NEW)).exists())

    def test_who_promises_another_size_fails_alone(self):
        self.stream.item(BIONIC, NEW, "disk1.img")["size"] += 100
        self.stream.write()
        with self.served() as server:
            own = [entry(server.url, name=name, item_filters=[f"release={name}"]) for name in ("bionic", "focal")]
            run = self.sync(*own, retries={"max_wait": "0s"})
        self.assertEqual(ITEMS_FAILED, run.status, run.err)
        self.assertEqual({f"focal/{self.path('focal', NEW)}"}, self.images())

    def test_a_damaged_file_is_not_linked(self):
        with self.served() as server:
            self.sync(entry(server.url))
            for release in ("bionic", "focal"):
                image = self.target / self.path(release, NEW)
                content = image.read_bytes()
                image.write_bytes(content[:-1] + b"?")
            self.add(self.stream, "focal", NEWEST)
            self.stream.write()
            server.take_requests()
            run = self.sync(entry(server.url))
            self.assertEqual(DONE, run.status, run.err)
            self.assertEqual(1, len(self.items_asked_for(server)))
        self.assertEqual(content, (self.target / self.path("focal", NEWEST)).read_bytes())

    def test_no_version_is_lost_with_another(self):
        """A second name of a file outlives the first."""
        with self.served() as server:
            for serial, left in ((NEWEST, NEWEST), (OLD, NEWEST)):
                self.add(self.stream, "focal", serial)
                self.stream.write()
                run = self.sync(entry(server.url))
                self.assertEqual(DONE, run.status, run.err)
                self.assertEqual({self.path("bionic", NEW), self.path("focal", left)}, self.images())
                for path in self.images():
                    self.assertEqual(ITEM_SIZE, len((self.target / path).read_bytes()))


if __name__ == "__main__":
    unittest.main()
