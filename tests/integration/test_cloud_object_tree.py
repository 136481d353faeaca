#!/usr/bin/python3
"""`images: [swift:..., s3:...]`: a stream mirrored into Swift and into RADOS Gateway by its S3 API, and read
there by everybody, as from any web server.

$STREAMSYNC is the binary. The cloud is one of its own; without Ceph's packages these tests are skipped.
"""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import unittest
import urllib.parse
from pathlib import Path

# What follows is found by this path, so it can be imported only behind it: E402 is silenced there.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import anonymous_http  # noqa: E402
import s3_api  # noqa: E402
from cloud_log import CloudLog  # noqa: E402
from cloud_setup import new_cloud  # noqa: E402
from fault_proxy import FaultProxy, unsent  # noqa: E402
from openstack_api import Cloud  # noqa: E402
from stream_tree import write_random  # noqa: E402
from streamsync_program import Program  # noqa: E402
from tree_case import INDEX, NEW, NEWEST, OLD, PRODUCTS, TreeCase, entry  # noqa: E402

DONE, ITEMS_FAILED = 0, 1
PART, BLOCK = 16 << 20, 4 << 20
CLOUD = {}


def setUpModule():
    if not shutil.which("radosgw", path="/usr/sbin:/usr/bin"):
        raise unittest.SkipTest("radosgw is not installed (tests/cloud/install --with rgw)")
    CLOUD["folder"] = unittest.enterModuleContext(new_cloud("keystone,swift,rgw"))


def account():
    said = (CLOUD["folder"] / "s3rc-rgw").read_text("utf-8")
    return dict(re.findall(r"^export (AWS_\w+)=(.*)$", said, re.M))


class Gateway:
    """For the marks in the log of the gateway, which is not the object store of the usual region."""

    def endpoint(self, _):
        return account()["AWS_ENDPOINT_URL"]


def listings(requests):
    return [path for _, path, _ in requests if re.search("prefix(=|%3D)", path)]


class ObjectTree(TreeCase):
    def setUp(self):
        super().setUp()
        self.program = Program(self.work, **account())
        self.cloud = Cloud.from_environment()
        name = "tree-" + self._testMethodName.replace("_", "-")[-40:]
        self.targets = [f"swift:{name}/ubuntu", f"s3:{name}/ubuntu"]
        self.roots = [f"{self.cloud.object_url(name)}ubuntu/", f"{account()['AWS_ENDPOINT_URL']}/{name}/ubuntu/"]

    def mirror(self, *entries, targets=None, **keys):
        return self.sync(*entries, images=targets or self.targets, **keys)

    def read(self, root, path):
        return anonymous_http.get(root + urllib.parse.quote(path))

    def assert_like_the_source(self, *serials):
        """The documents and the newest items are there, byte for byte; of the others none."""
        for root in self.roots:
            for path in (INDEX, PRODUCTS, *(self.path(*serial) for serial in serials)):
                answer = self.read(root, path)
                self.assertEqual(200, answer.status, answer)
                self.assertTrue(answer.body == (self.stream.root / path).read_bytes(), root + path)
            for release in ("bionic", "focal"):
                for serial in (OLD, NEW, NEWEST):
                    if (release, serial) not in serials:
                        self.assertEqual(404, self.read(root, self.path(release, serial)).status)

    def names(self):
        """Of all objects in both, for the eyes of the test only."""
        container = self.roots[0].split("/")[-3]
        listing = ["radosgw-admin", "bucket", "list", f"--bucket={container}", "--max-entries=10000"]
        environment = {**os.environ, "CEPH_CONF": str(CLOUD["folder"] / "etc/ceph/ceph.conf")}
        said = subprocess.run(listing, env=environment, capture_output=True, text=True, check=True).stdout
        return self.cloud.objects(container) + re.findall(r'"name": "([^"]+)"', said)

    def add_large(self, release, serial, size):
        self.stream.add_version(release, "amd64", serial, {"disk1.img": size}, writer=write_random)
        self.stream.write()

    def test_a_stream_is_mirrored_then_idle_then_followed(self):
        self.add_large("focal", NEWEST, 2 * PART + 1000)
        with self.served() as server:
            run = self.mirror(entry(server.url))
            self.assertEqual(DONE, run.status, run.err)
            created = [f"created {path}: {path}" for path in (self.path("bionic", NEW), self.path("focal", NEWEST))]
            self.assertEqual(created * 2, run.lines())
            self.assert_like_the_source(("bionic", NEW), ("focal", NEWEST))
            self.assertEqual(3, len([name for name in self.names() if "/parts/" in name]), "segments of Swift")

            with CloudLog(CLOUD["folder"] / "log", self.cloud, ["swift-proxy"]) as swift, CloudLog(
                CLOUD["folder"] / "log", Gateway(), ["radosgw"]
            ) as rgw:
                run = self.mirror(entry(server.url))
            self.assertEqual((DONE, ""), (run.status, run.out), run.err)
            of_swift, of_rgw = swift.requests("swift-proxy"), rgw.requests("radosgw")
            self.assertEqual({"GET", "HEAD"}, {method for method, _, _ in of_swift}, "nothing is written")
            self.assertEqual([], listings(of_swift))
            self.assertEqual({"GET"}, {method for method, _, _ in of_rgw}, "no item is asked for")
            self.assertEqual(1, len(listings(of_rgw)), of_rgw)

            newer = "20210901"
            self.add(self.stream, "focal", newer)
            self.stream.write()
            run = self.mirror(entry(server.url))
            self.assertEqual(DONE, run.status, run.err)
            self.assert_like_the_source(("bionic", NEW), ("focal", newer))
            self.assertEqual([], [name for name in self.names() if "/parts/" in name or NEWEST in name])

    def test_what_is_damaged_is_found_and_repaired(self):
        self.add_large("focal", NEWEST, PART + 1000)
        small, large = self.path("bionic", NEW), self.path("focal", NEWEST)
        with self.served() as server:
            self.assertEqual(DONE, self.mirror(entry(server.url)).status)
            for target, root in zip(self.targets, self.roots, strict=True):
                with self.subTest(target):
                    self.assertEqual(DONE, self.verify(target).status)
                    self.damage(target, small, b"x" * len(self.read(root, small).body))
                    self.damage(target, large, None)
                    run = self.verify(target)
                    self.assertEqual(ITEMS_FAILED, run.status, run.err)
                    self.assertEqual([f"damaged {small}", f"damaged {large}"], [line.split(": ")[0] for line in run.lines()])
                    server.take_requests()
                    run = self.verify(target, "--repair", server.url)
                    self.assertEqual(DONE, run.status, run.err)
                    self.assertEqual({f"/{small}", f"/{large}"}, set(server.paths()))
                    self.assertEqual(DONE, self.verify(target).status)
        self.assert_like_the_source(("bionic", NEW), ("focal", NEWEST))

    def damage(self, target, path, content):
        """Writes over the object, or takes it away."""
        container, _, name = f"{target.partition(':')[2]}/{path}".partition("/")
        if target.startswith("s3:"):
            s3_api.send(account(), "DELETE" if content is None else "PUT", container, name, content)
        elif content is None:
            self.cloud.delete_object(container, name)
        else:
            self.cloud.put_object(container, name, content)

    def verify(self, target, *arguments):
        return self.program.run("verify", target, "--keyring", self.keyring, *arguments)

    def test_a_killed_run_is_gone_on_with(self):
        self.add_large("focal", NEWEST, 3 * PART)
        path = self.path("focal", NEWEST)
        for target, root, service, put in (
            (self.targets[0], self.roots[0], "swift-proxy", r"/parts/.*/\d{8}$"),
            (self.targets[1], self.roots[1], "radosgw", r"partNumber="),
        ):
            with self.subTest(target), self.served() as server:
                log = CLOUD["folder"] / "log" / f"{service}.log"
                begin = log.stat().st_size
                # Slow enough to be killed between the first part and the last.
                config = self.configure(entry(server.url), images=[target], limit_rate=PART)
                run = self.program.start("sync", "-c", config)
                while run.poll() is None and not self.put_lines(log, begin, put):
                    pass
                run.kill()
                run.communicate()
                self.assertEqual(-signal.SIGKILL, run.returncode, "it had ended before")
                self.assertNotEqual(200, self.read(root, path).status)
                before = len(self.put_lines(log, begin, put))

                run = self.mirror(entry(server.url), targets=[target])
                self.assertEqual(DONE, run.status, run.err)
                self.assertTrue(self.read(root, path).body == (self.stream.root / path).read_bytes())
                self.assertEqual(3, len(self.put_lines(log, begin, put)), f"{before} of 3 parts were there")

    def test_a_part_that_is_refused_is_all_that_comes_again(self):
        """I6, for every part but the first; each that came renews the attempts."""
        self.add_large("focal", NEWEST, 5 * PART)
        path = self.path("focal", NEWEST)
        services = {"object-store": self.cloud.endpoint("object-store"), "s3": account()["AWS_ENDPOINT_URL"]}
        with FaultProxy(services) as proxy:
            region = f"proxied-{secrets.token_hex(4)}"
            self.cloud.create_region(region, {("object-store", "public"): proxy.url("object-store")})
            self.addCleanup(self.cloud.delete_region, region)
            self.program = Program(self.work, **{**account(), "AWS_ENDPOINT_URL": proxy.url("s3")})
            for target, root, is_part in (
                (self.targets[0], self.roots[0], r"/parts/.*/\d{8}$"),
                (self.targets[1], self.roots[1], "partNumber="),
            ):
                with self.subTest(target), self.served() as server:
                    puts = []
                    proxy.spoil_where(lambda each: self.is_first_of_its_part(each, is_part, puts), unsent)
                    run = self.mirror(
                        entry(server.url),
                        targets=[target],
                        region=region,
                        jobs=1,
                        retries={"attempts": 2, "max_wait": "0s"},
                    )
                    self.assertEqual(DONE, run.status, run.err)
                    self.assertEqual(5 + 4, len(puts), puts)
                    self.assertTrue(self.read(root, path).body == (self.stream.root / path).read_bytes())
                    ranges = [headers.get("range") for headers in server.headers(f"/{path}")]
                    self.assertEqual([None, *(f"bytes={part * PART}-" for part in range(1, 5))], ranges)
                    totals = self.report()["totals"]
                    small = (self.stream.root / self.path("bionic", NEW)).stat().st_size
                    self.assertLessEqual(totals["bytes_read"], small + 5 * PART + 4 * (PART + BLOCK))
                    self.assertEqual(0, totals["bytes_avoided"])

    @staticmethod
    def is_first_of_its_part(exchange, is_part, puts):
        part = urllib.parse.unquote(exchange.target)
        if exchange.method != "PUT" or not re.search(is_part, part):
            return False
        puts.append(part)
        return len(puts) > 1 and puts.count(part) == 1

    @staticmethod
    def put_lines(log, begin, pattern):
        with log.open("rb") as lines:
            lines.seek(begin)
            said = lines.read().decode(errors="replace")
        paths = re.findall(r'proxy-server: \d\S+ \S+ \S+ PUT (\S+) HTTP/\S+ 201|"PUT (/\S*) HTTP/\S+" 200', said)
        return [path for pair in paths for path in pair if re.search(pattern, urllib.parse.unquote(path))]

    def test_wrong_bytes_do_not_come(self):
        self.add_large("focal", NEWEST, PART + 1000)
        self.stream.corrupt("com.ubuntu.cloud:server:20.04:amd64", NEWEST, "disk1.img")
        with self.served() as server:
            run = self.mirror(entry(server.url))
        self.assertNotEqual(DONE, run.status)
        for root in self.roots:
            self.assertEqual(404, self.read(root, self.path("focal", NEWEST)).status)
            self.assertEqual(404, self.read(root, INDEX).status, "the documents wait for their items")
        self.assertEqual([], [name for name in self.names() if "/parts/" in name])

    def test_a_superseded_object_stays_until_grace_is_over(self):
        old, new = self.path("focal", NEW), self.path("focal", NEWEST)
        with self.served() as server:
            self.sync_with_grace(server)
            self.add(self.stream, "focal", NEWEST)
            self.stream.write()
            for created in ([f"created {new}: {new}"] * 2, []):
                self.assertEqual(created, self.sync_with_grace(server).lines())
                for root in self.roots:
                    self.assertEqual(200, self.read(root, old).status)
                    self.assertEqual((self.stream.root / INDEX).read_bytes(), self.read(root, INDEX).body)
            self.let_grace_end(old)
            self.assertEqual([f"removing {old}: {old}"] * 2, self.sync_with_grace(server).lines())
            self.assert_like_the_source(("bionic", NEW), ("focal", NEWEST))
            self.assertEqual([], self.sync_with_grace(server).lines())

    def sync_with_grace(self, server):
        run = self.mirror(entry(server.url), grace="2h")
        self.assertEqual(DONE, run.status, run.err)
        return run

    def let_grace_end(self, path):
        """By what is remembered and not by the clock: a store takes no requests that another clock has signed."""
        file = self.program.state / "superseded.json"
        state = json.loads(file.read_bytes())
        self.assertEqual([[path]] * 2, [list(leaving) for leaving in state["destinations"].values()])
        for leaving in state["destinations"].values():
            leaving[path] = leaving[path].replace("20", "19", 1)
        file.write_text(json.dumps(state), encoding="utf-8")

    def test_a_scrub_mends_a_damaged_object(self):
        path = self.path("bionic", NEW)
        with self.served() as server:
            self.assertEqual(DONE, self.mirror(entry(server.url), scrub="30d").status)
            for target, root in zip(self.targets, self.roots, strict=True):
                self.damage(target, path, b"x" * len(self.read(root, path).body))
            self.assertEqual([], self.mirror(entry(server.url), scrub="30d").lines(), "it is not due")
            self.let_a_period_end()
            server.take_requests()
            run = self.mirror(entry(server.url), scrub="30d")
            self.assertEqual((DONE, [f"created {path}: {path}"] * 2), (run.status, run.lines()), run.err)
            self.assertEqual([f"/{path}"], [asked for asked in server.paths() if asked.endswith(".img")])
        self.assert_like_the_source(("bionic", NEW), ("focal", NEW))

    def let_a_period_end(self):
        file = self.program.state / "scrub.json"
        state = json.loads(file.read_bytes())
        for scrubbed in state["destinations"].values():
            scrubbed["until"] = scrubbed["until"].replace("20", "19", 1)
        file.write_text(json.dumps(state), encoding="utf-8")

    def test_several_entries_have_prefixes_of_their_own(self):
        other = self.make_stream("other")
        with self.served() as one, self.served(other) as two:
            run = self.mirror(entry(one.url, name="one"), entry(two.url, name="two"))
        self.assertEqual(DONE, run.status, run.err)
        for root in self.roots:
            for name, stream in (("one", self.stream), ("two", other)):
                answer = self.read(root, f"{name}/{INDEX}")
                self.assertEqual((stream.root / INDEX).read_bytes(), answer.body)

    def test_the_mirror_is_a_source(self):
        with self.served() as server:
            self.mirror(entry(server.url))
        for root in self.roots:
            query = self.program.run("query", "--keyring", self.keyring, root, "--max", "1")
            self.assertEqual(DONE, query.status, query.err)
            self.assertEqual(2, len(query.lines()))


if __name__ == "__main__":
    unittest.main()
