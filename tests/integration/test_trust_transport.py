"""What a source or a cloud may do to a run by HTTP, and what never leaves a run: threats-and-faults.md T10 and
T15 to T17 and T19. T18 is test_tls.py.
"""

import gzip
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from certificates import Certificates
from stream_tree import SigningKey, StreamTree, item_path, write_random
from streamsync_program import Program, is_instrumented
from tree_server import TreeServer

DONE, ITEMS_FAILED, REFUSED, NO_SOURCE, NO_CLOUD, GUARD = 0, 1, 3, 4, 5, 8
SERIAL = "20210720"
ITEM_SIZE = 20000
INDEX = "/streams/v1/index.sjson"
UNSIGNED_INDEX = "/streams/v1/index.json"
IMAGE = "/" + item_path("focal", "amd64", SERIAL, "disk1.img", "released")
MEBIBYTE = 1 << 20
NOBODY = 65534
# An address of the documentation (RFC 5737), public as far as anybody can tell by it.
PUBLIC = "203.0.113.10"
NAMESPACE = "STREAMSYNC_TEST_NAMESPACE"


def redirect(path, location, **settings):
    return {"path": path, "redirect": location, **settings}


class TransportCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.key = cls.enterClassContext(SigningKey(cls.scratch / "gnupg"))
        cls.keyring = cls.scratch / "keyring.gpg"
        cls.keyring.write_bytes(cls.key.public_key())
        cls.tree = StreamTree(cls.scratch / "stream", cls.key)
        cls.tree.add_version("focal", "amd64", SERIAL, {"disk1.img": ITEM_SIZE}, writer=write_random)
        cls.tree.write()

    def setUp(self):
        self.work = Path(tempfile.mkdtemp(dir=self.scratch))
        self.target = self.work / "images"
        self.program = Program(self.work)

    def serve(self, *rules, root=None, **options):
        return self.enterContext(TreeServer(root or self.tree.root, rules=rules, **options))

    def configure(self, *entries, **keys):
        """JSON is YAML. One try, so that what is given up is given up at once."""
        config = {
            "mirror_list": entries,
            "images": str(self.target),
            "keyring_path": str(self.keyring),
            "retries": {"attempts": 1},
            **keys,
        }
        file = self.work / "config.yaml"
        file.write_text(json.dumps(config), encoding="utf-8")
        return file

    def entry(self, server, **keys):
        return {"name": "own", "url": server.url, "path": INDEX.lstrip("/"), **keys}

    def sync(self, *entries, arguments=(), **keys):
        return self.program.run("sync", "-c", self.configure(*entries, **keys), *arguments)

    def images(self):
        return list(self.target.rglob("*.img"))

    def assert_status(self, status, run, *words):
        self.assertEqual(status, run.status, run.err)
        for word in words:
            self.assertIn(word, run.last_words())

    def assert_mirrored(self, run):
        self.assert_status(DONE, run)
        self.assertEqual([(self.tree.root / IMAGE.lstrip("/")).read_bytes()], [i.read_bytes() for i in self.images()])


class Redirects(TransportCase):
    """T15."""

    def test_signed_documents_and_items_may_come_from_elsewhere(self):
        elsewhere = self.serve()
        server = self.serve(
            redirect("*.sjson", f"{elsewhere.url}streams/v1/index.sjson", times=1),
            redirect("*.img", elsewhere.url.rstrip("/") + IMAGE, status=307),
        )
        self.assert_mirrored(self.sync(self.entry(server)))
        self.assertEqual([INDEX, IMAGE], elsewhere.paths())

    def test_where_a_document_must_not_lead(self):
        for location, word in (
            ("file:///etc/passwd", "neither http nor https"),
            ("ftp://127.0.0.1/x", "no http or https URL"),
            ("gopher://127.0.0.1:25/x", "no http or https URL"),
            ("http://me:password@127.0.0.1/x", "user name"),
            ("http://169.254.169.254/latest/meta-data/", "link-local"),
            ("http://2852039166/latest/meta-data/", "link-local"),
            ("http://[::ffff:a9fe:a9fe]/latest/meta-data/", "link-local"),
        ):
            with self.subTest(location):
                server = self.serve(redirect(INDEX, location))
                self.assert_status(REFUSED, self.sync(self.entry(server)), "own", "redirected", word)
                self.assertEqual(([INDEX], []), (server.paths(), self.images()))

    def test_where_an_item_must_not_lead(self):
        server = self.serve(redirect("*.img", "http://169.254.169.254/latest/user-data"))
        run = self.sync(self.entry(server))
        self.assert_status(REFUSED, run, "link-local")
        self.assertEqual([], self.images())

    def test_https_never_leads_to_http(self):
        certificates = Certificates(self.work / "certificates")
        plain = self.serve()
        server = self.serve(redirect(INDEX, plain.url.rstrip("/") + INDEX), certificate=certificates.server)
        run = self.sync(self.entry(server, ca_file=str(certificates.ca)))
        self.assert_status(REFUSED, run, "from https to http")
        self.assertEqual([], plain.requests())

    def test_a_loop_ends_after_five(self):
        server = self.serve(redirect(INDEX, INDEX))
        self.assert_status(NO_SOURCE, self.sync(self.entry(server)), "more than 5 redirects")
        self.assertEqual([INDEX] * 6, server.paths())

    def test_what_need_not_be_signed_comes_from_the_host_that_was_asked(self):
        elsewhere = self.serve()
        server = self.serve(redirect(UNSIGNED_INDEX, elsewhere.url.rstrip("/") + UNSIGNED_INDEX))
        unsigned = self.entry(server, path=UNSIGNED_INDEX.lstrip("/"))
        self.assert_status(REFUSED, self.sync({**unsigned, "allow_unsigned": True}), "another host")
        self.assert_status(REFUSED, self.sync(unsigned, arguments=["--no-verify"]), "another host")
        query = self.program.run("query", "--no-verify", server.url.rstrip("/") + UNSIGNED_INDEX)
        self.assert_status(REFUSED, query, "another host")
        self.assertEqual([], elsewhere.requests())

    def test_it_may_come_from_another_path(self):
        server = self.serve(
            redirect(UNSIGNED_INDEX, f"{UNSIGNED_INDEX}?moved", times=1),
            redirect("*.img", f"{IMAGE}?moved", times=1),
        )
        entry = self.entry(server, path=UNSIGNED_INDEX.lstrip("/"), allow_unsigned=True)
        self.assert_mirrored(self.sync(entry))

    def test_nor_do_items_whose_digest_need_not_be_signed(self):
        elsewhere = self.serve()
        server = self.serve(redirect("*.img", elsewhere.url.rstrip("/") + IMAGE))
        entry = self.entry(server, path=UNSIGNED_INDEX.lstrip("/"), allow_unsigned=True)
        self.assert_status(REFUSED, self.sync(entry), "another host")
        self.assertEqual([], elsewhere.requests())


class NetworkOfItsOwn(unittest.TestCase):
    def test_all_cases_of_a_public_source(self):
        enter = ["unshare", "--net", "--map-root-user"]
        if subprocess.run([*enter, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
            self.skipTest("no network namespaces here")
        run = subprocess.run(
            [*enter, sys.executable, __file__, "PublicSource"],
            env={**os.environ, NAMESPACE: "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(0, run.returncode, run.stderr)
        self.assertNotIn("skipped", run.stderr)


@unittest.skipUnless(NAMESPACE in os.environ, "only in a network of its own")
class PublicSource(TransportCase):
    """T15, second half: a source at a public address must not send us into this machine or site."""

    @classmethod
    def setUpClass(cls):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        for address in (PUBLIC, "10.0.0.1"):
            subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        for address in (PUBLIC, "10.0.0.1"):
            subprocess.run(["ip", "address", "del", f"{address}/32", "dev", "lo"], check=True)

    def test_not_by_address_and_not_by_name(self):
        inside = self.serve()
        port = inside.url.rstrip("/").rpartition(":")[2]
        for host in ("127.0.0.1", "localhost", "0.0.0.0", "2130706433", "[::ffff:127.0.0.1]"):
            with self.subTest(host):
                server = self.serve(redirect(INDEX, f"http://{host}:{port}{INDEX}"), address=PUBLIC)
                self.assert_status(REFUSED, self.sync(self.entry(server)), "loopback address")
                self.assertEqual([INDEX], server.paths())
        self.assertEqual([], inside.requests())

    def test_not_to_private_addresses(self):
        inside = self.serve(address="10.0.0.1")
        server = self.serve(redirect("*.img", inside.url.rstrip("/") + IMAGE), address=PUBLIC)
        self.assert_status(REFUSED, self.sync(self.entry(server)), "private address 10.0.0.1")
        self.assertEqual([], inside.requests())

    def test_not_by_a_detour(self):
        inside = self.serve()
        detour = self.serve(redirect(INDEX, inside.url.rstrip("/") + INDEX), address=PUBLIC)
        server = self.serve(redirect(INDEX, detour.url.rstrip("/") + INDEX), address=PUBLIC)
        self.assert_status(REFUSED, self.sync(self.entry(server)), "loopback address")
        self.assertEqual(([INDEX], []), (detour.paths(), inside.requests()))

    def test_not_over_a_connection_that_is_open_already(self):
        """The operator's own fallback is inside: it may be asked, but not by the source's choice."""
        tree = StreamTree(self.work / "stream", self.key)
        for release in ("bionic", "focal"):
            tree.add_version(release, "amd64", SERIAL, {"disk1.img": ITEM_SIZE}, writer=write_random)
        tree.write()
        inside = self.serve(root=tree.root)
        server = self.serve(redirect("*.img", f"{inside.url}secret"), root=tree.root, address=PUBLIC)
        run = self.sync(self.entry(server, mirrors=[inside.url]), jobs=1)
        self.assert_status(DONE, run)
        self.assertEqual(2, len(self.images()))
        self.assertEqual(2, len([path for path in inside.paths() if path.endswith(".img")]))
        self.assertNotIn("/secret", inside.paths())

    def test_but_from_inside_to_outside(self):
        outside = self.serve(address=PUBLIC)
        for address in ("127.0.0.1", "10.0.0.1", PUBLIC):
            with self.subTest(address):
                shutil.rmtree(self.target, ignore_errors=True)
                server = self.serve(redirect("*.img", outside.url.rstrip("/") + IMAGE), address=address)
                self.assert_mirrored(self.sync(self.entry(server)))

    def test_who_comes_through_a_proxy_is_not_judged_by_the_proxys_address(self):
        """The server takes requests in absolute form, so it can play the proxy as well."""
        proxy = self.serve(redirect("*.img", f"http://mirror.example{IMAGE}?moved", times=1))
        entry = {**self.entry(proxy), "url": "http://source.example/", "proxy": proxy.url}
        self.assert_mirrored(self.sync(entry))


class FakeCloud:
    """Keystone and Glance, each a TreeServer, with an empty Glance unless rules for it say else."""

    TOKEN = "canary-token-6f1d"

    def __init__(self, case, *glance_rules, login=None):
        empty = {"path": "/v2/images", "method": "GET", "body": json.dumps({"images": []})}
        self.glance = case.serve(*glance_rules, empty)
        self.keystone = case.serve(login or self._login(self.glance.url))

    def _login(self, image_url):
        endpoint = {"interface": "public", "region": "RegionOne", "url": image_url}
        token = {
            "issued_at": "2026-01-01T00:00:00Z",
            "expires_at": "2026-01-01T01:00:00Z",
            "project": {"id": "p1"},
            "catalog": [{"type": "image", "endpoints": [endpoint]}],
        }
        return {
            "path": "/v3/auth/tokens",
            "method": "POST",
            "status": 201,
            "header": [f"X-Subject-Token: {self.TOKEN}"],
            "body": json.dumps({"token": token}),
        }

    def password(self, password):
        return {
            "OS_AUTH_URL": f"{self.keystone.url}v3",
            "OS_USERNAME": "demo",
            "OS_PASSWORD": password,
            "OS_PROJECT_NAME": "images",
            "OS_REGION_NAME": "RegionOne",
        }


class CloudCase(TransportCase):
    GLANCE = {"images": "glance", "use_swift": False}

    def use(self, **environment):
        openstack = {key: None for key in os.environ if key.startswith("OS_")}
        self.program = Program(self.work, **{**openstack, **environment})


class Credentials(CloudCase):
    """T16."""

    def test_a_cloud_is_not_followed_elsewhere(self):
        elsewhere = self.serve()
        for status in (301, 302, 307, 308):
            with self.subTest(status):
                moved = redirect("/v2/*", f"{elsewhere.url}v2/images", status=status)
                cloud = FakeCloud(self, moved)
                self.use(**cloud.password("s3cr3t"))
                run = self.sync(self.entry(self.serve()), **self.GLANCE)
                self.assert_status(NO_CLOUD, run, str(status), "redirect")
        self.assertEqual([], elsewhere.requests())

    def test_nor_is_keystone(self):
        elsewhere = self.serve()
        cloud = FakeCloud(self, login=redirect("/v3/*", f"{elsewhere.url}v3/auth/tokens", status=307))
        self.use(**cloud.password("s3cr3t"))
        self.assert_status(NO_CLOUD, self.sync(self.entry(self.serve()), **self.GLANCE), "307")
        self.assertEqual([], elsewhere.requests())

    def test_the_password_of_a_source_stays_with_its_origin(self):
        elsewhere = self.serve()
        server = self.serve(redirect("*.img", elsewhere.url.rstrip("/") + IMAGE))
        url = server.url.replace("://", "://me:s3cr3t@")
        self.assert_mirrored(self.sync({**self.entry(server), "url": url}))
        self.assertIn("authorization", server.headers(INDEX)[0])
        self.assertEqual(1, len(elsewhere.headers(IMAGE)))
        self.assertNotIn("authorization", elsewhere.headers(IMAGE)[0])

    def test_netrc_is_not_read(self):
        netrc = self.work / "home" / ".netrc"
        netrc.write_text("machine 127.0.0.1 login me password s3cr3t\ndefault login me password s3cr3t\n")
        netrc.chmod(0o600)
        server = self.serve()
        self.assert_mirrored(self.sync(self.entry(server)))
        for path in server.paths():
            self.assertNotIn("authorization", server.headers(path)[0])

    def test_a_source_never_sees_a_token(self):
        server = self.serve()
        cloud = FakeCloud(self)
        self.use(**cloud.password("s3cr3t"))
        self.assert_status(DONE, self.sync(self.entry(server, item_filters=["arch=none"]), **self.GLANCE))
        self.assertTrue(server.paths())
        for path in server.paths():
            self.assertFalse({"x-auth-token", "authorization"} & server.headers(path)[0].keys())


class Canaries(CloudCase):
    """T17: what is secret is looked for wherever a run leaves something."""

    PASSWORD, SOURCE_PASSWORD = "canary-password-91c2", "canary-source-4b7e"
    SECRET, GIVEN_TOKEN = "canary-app-secret-d03a", "canary-given-token-77f0"

    def setUp(self):
        super().setUp()
        self.published = self.work / "published"
        self.report = self.work / "report.json"
        self.seen = self.work / "seen-by-children"
        self.bin = self.work / "bin"
        self._watch_children()
        self.said = []

    def _watch_children(self):
        """gpg as it is found on the PATH, or by gpgconf there; each notes what it was given."""
        self.bin.mkdir()
        note = f'tr "\\0" "\\n" </proc/$$/environ >>{self.seen}; tr "\\0" "\\n" </proc/$$/cmdline >>{self.seen}'
        gpg = shutil.which("gpg")
        scripts = {
            "gpg": f'exec {gpg} "$@"',
            "gpgconf": f'{shutil.which("gpgconf")} "$@" | sed "s|:{gpg}$|:{self.bin}/gpg|; s|:{gpg}:|:{self.bin}/gpg:|"',
        }
        for name, command in scripts.items():
            (self.bin / name).write_text(f"#!/bin/sh\n{note}\n{command}\n", encoding="utf-8")
            (self.bin / name).chmod(0o755)

    def use(self, **environment):
        super().use(PATH=f"{self.bin}:{os.environ['PATH']}", **environment)

    def clouds_yaml(self, cloud):
        """Outside of what is searched: it is where the secret comes from."""
        file = self.enterContext(tempfile.NamedTemporaryFile("w", suffix=".yaml"))
        auth = {
            "auth_url": f"{cloud.keystone.url}v3",
            "application_credential_id": "a1",
            "application_credential_secret": self.SECRET,
        }
        entry = {"auth_type": "v3applicationcredential", "auth": auth, "region_name": "RegionOne"}
        json.dump({"clouds": {"test": entry}}, file)
        file.flush()
        return {"OS_CLIENT_CONFIG_FILE": file.name, "OS_CLOUD": "test"}

    def ways_to_log_in(self, cloud):
        password = cloud.password(self.PASSWORD)
        token = {**password, "OS_PASSWORD": None, "OS_TOKEN": self.GIVEN_TOKEN, "OS_AUTH_TYPE": "v3token"}
        both = {**self.clouds_yaml(cloud), "OS_PASSWORD": self.PASSWORD, "OS_TOKEN": self.GIVEN_TOKEN}
        return {"password": password, "token": token, "clouds.yaml": both}

    def arguments(self, log_format):
        return ["--log-level", "trace", "--log-format", log_format, "--progress", "always", "--report", self.report]

    def run_all(self, source, cloud, status, **entry_keys):
        url = source.url.replace("://", f"://me:{self.SOURCE_PASSWORD}@")
        entry = {**self.entry(source), "url": url, **entry_keys}
        for name, environment in self.ways_to_log_in(cloud).items():
            for log_format in ("text", "json"):
                with self.subTest(f"{name}, {log_format}"):
                    self.use(**environment)
                    keys = {**self.GLANCE, "publish": [str(self.published)]}
                    run = self.sync(entry, arguments=self.arguments(log_format), **keys)
                    self.assertEqual(status, run.status, run.err)
                    self.said.append(run.out + run.err)
                    self.assert_nothing_told()

    def assert_nothing_told(self):
        canaries = [self.PASSWORD, self.SOURCE_PASSWORD, self.SECRET, self.GIVEN_TOKEN, FakeCloud.TOKEN]
        # As Basic authentication has it, too.
        canaries.append("bWU6Y2FuYXJ5")
        config = self.work / "config.yaml"  # where the source's password comes from
        texts = {f"output {number}": text.encode() for number, text in enumerate(self.said)}
        files = [path for path in self.work.rglob("*") if path.is_file() and path != config]
        texts.update({str(path): path.read_bytes() for path in files})
        for name, text in texts.items():
            for canary in canaries:
                self.assertNotIn(canary.encode(), text, name)

    def test_in_a_run_that_is_done(self):
        self.run_all(self.serve(), FakeCloud(self), DONE, item_filters=["arch=none"])
        # What would be in the way of them, were they told.
        self.assertTrue(self.report.exists() and list(self.program.state.rglob("*")))
        seen = self.seen.read_text(encoding="utf-8")
        for given in ("OS_AUTH_URL=", "/gpg\n", "--status-fd"):
            self.assertIn(given, seen)

    def test_in_a_run_that_the_cloud_refuses(self):
        refusal = {"status": 401, "echo": 1, "path": "/v3/auth/tokens"}
        self.run_all(self.serve(), FakeCloud(self, login=refusal), NO_CLOUD)

    def test_in_a_run_whose_token_the_cloud_refuses(self):
        self.run_all(self.serve(), FakeCloud(self, {"status": 401, "echo": 1, "path": "/v2/*"}), NO_CLOUD)

    def test_in_a_run_whose_source_is_refused(self):
        forged = StreamTree(self.work / "forged", self.key)
        forged.add_version("focal", "amd64", SERIAL, {"disk1.img": ITEM_SIZE}, writer=write_random)
        forged.write()
        index = forged.root / INDEX.lstrip("/")
        index.write_bytes(index.read_bytes().replace(b"focal", b"fowal").replace(b"20.04", b"20.05"))
        self.run_all(self.serve(root=forged.root), FakeCloud(self), REFUSED)

    def test_in_a_run_whose_source_asks_for_another_password(self):
        self.run_all(self.serve({"path": "*", "status": 401, "echo": 1}), FakeCloud(self), NO_SOURCE)

    def test_in_a_run_that_dies(self):
        """In the middle of reading the source, with all secrets at hand."""
        before = resource.getrlimit(resource.RLIMIT_CORE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_CORE, before)
        resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
        for environment in self.ways_to_log_in(FakeCloud(self)).values():
            self.use(**environment)
            source = self.serve({"path": "*download.sjson", "stall_after": 1000})
            url = source.url.replace("://", f"://me:{self.SOURCE_PASSWORD}@")
            config = self.configure({**self.entry(source), "url": url}, **self.GLANCE)
            with self.program.start("sync", "-c", config, *self.arguments("text")) as process:
                source.wait_for("download.sjson")
                self.said += [self.in_proc(process, name) for name in ("cmdline", "environ")]
                process.send_signal(signal.SIGABRT)
                self.said += [text.decode() for text in (process.stdout.read(), process.stderr.read())]
                _, status = os.waitpid(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual((-signal.SIGABRT, False), (process.returncode, os.WCOREDUMP(status)))
            self.assert_nothing_told()

    @staticmethod
    def in_proc(process, name):
        """Nothing where even that is not for us."""
        try:
            return Path(f"/proc/{process.pid}/{name}").read_bytes().decode()
        except PermissionError:
            return ""


class Hardening(TransportCase):
    """T17: the process and what it leaves on disk."""

    def running(self, **options):
        server = self.serve({"path": "*.img", "stall_after": 0})
        process = self.program.start("sync", "-c", self.configure(self.entry(server)), **options)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        server.wait_for(".img")
        return process

    def test_no_core_files(self):
        limits = Path(f"/proc/{self.running().pid}/limits").read_text(encoding="ascii")
        core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
        self.assertEqual(["0", "0"], core.split()[4:6])

    def test_nobody_else_of_the_same_user_looks_in(self):
        """What a process that is not dumpable has in /proc belongs to root (proc(5))."""
        user = os.geteuid()
        if user == 0:
            user = NOBODY
            for path in (self.scratch, self.work, self.work / "home", self.keyring):
                path.chmod(0o755)
            shutil.chown(self.work, NOBODY, NOBODY)
        options = {"user": user, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        try:
            process = self.running(**options)
        except PermissionError:
            self.skipTest("the binary is where other users can't reach it")
        self.assertNotEqual(0, user)
        self.assertEqual(0, os.stat(f"/proc/{process.pid}/environ").st_uid)

    def test_state_is_the_owners_alone_whatever_the_umask(self):
        for umask in (0o000, 0o022, 0o077):
            with self.subTest(f"{umask:03o}"):
                self.setUp()
                self.program.state = self.work / "not-there-yet" / "state"
                self.addCleanup(os.umask, os.umask(umask))
                self.assert_mirrored(self.sync(self.entry(self.serve())))
                self.assertEqual(0o700, self.mode(self.program.state))
                for path in self.program.state.rglob("*"):
                    self.assertEqual(0o700 if path.is_dir() else 0o600, self.mode(path), path)
                for path in (self.program.state.parent, *self.target.rglob("*")):
                    self.assertEqual(0, self.mode(path) & 0o022, path)

    @staticmethod
    def mode(path):
        return stat.S_IMODE(path.stat().st_mode)


class Codings(TransportCase):
    """T19."""

    def test_a_bomb_is_not_unpacked(self):
        root = self.work / "bomb"
        (root / "streams/v1").mkdir(parents=True)
        # 10 GB of zeros: gzip files one after the other are one gzip file (RFC 1952 §2.2).
        (root / INDEX.lstrip("/")).write_bytes(gzip.compress(bytes(10 * MEBIBYTE)) * 1000)
        for header in ([], ["Content-Encoding: gzip"], ["Content-Encoding: identity, gzip"]):
            with self.subTest(header):
                server = self.serve({"path": INDEX, "header": header}, root=root)
                run, peak = self.program.run_measured("sync", "-c", self.configure(self.entry(server)))
                self.assertEqual(NO_SOURCE if header else REFUSED, run.status, run.err)
                self.assertIn("Content-Encoding" if header else "not signed", run.err)
                self.assertLess(peak, (2048 if is_instrumented() else 64) * MEBIBYTE)

    def test_none_is_asked_for(self):
        server = self.serve()
        self.assert_mirrored(self.sync(self.entry(server)))
        for path in server.paths():
            for headers in server.headers(path):
                self.assertNotIn("accept-encoding", headers)

    def test_an_item_that_is_coded_is_an_error_and_not_data(self):
        server = self.serve({"path": "*.img", "header": ["Content-Encoding: gzip"]})
        run = self.sync(self.entry(server))
        self.assert_status(ITEMS_FAILED, run, "Content-Encoding", "gzip")
        self.assertEqual([], self.images())

    def test_the_next_base_is_tried(self):
        server = self.serve({"path": "*", "header": ["Content-Encoding: zstd"]})
        self.assert_mirrored(self.sync(self.entry(server, mirrors=[self.serve().url])))


class EndlessAndSlow(TransportCase):
    """T10. That a trickle of a document ends is unit/streams/mirror_source_test.cpp: it takes minutes."""

    def test_a_document_without_an_end(self):
        for how in ({"chunked": 1}, {"no_length": 1}, {}):
            with self.subTest(how):
                server = self.serve({"path": INDEX, "size": 10**15, **how})
                run = self.sync(self.entry(server), max_document="1M")
                self.assert_status(GUARD, run, "max_document")
                (count, complete), = server.answers(INDEX)
                self.assertFalse(complete)
                # What the buffers of both sides hold is sent in vain.
                self.assertLess(count, 64 * MEBIBYTE)

    def test_an_item_that_is_longer_than_promised(self):
        for how in ({"chunked": 1}, {"no_length": 1}, {}):
            with self.subTest(how):
                server = self.serve({"path": "*.img", "size": 10**15, **how})
                self.assert_status(ITEMS_FAILED, self.sync(self.entry(server)), IMAGE)
                self.assertEqual([], self.images())
                for count, complete in server.answers(IMAGE):
                    self.assertFalse(complete)
                    self.assertLess(count, 64 * MEBIBYTE)

    def test_a_byte_a_second_is_a_stall_and_the_next_base_is_tried(self):
        for path in (INDEX, "*.img"):
            with self.subTest(path):
                shutil.rmtree(self.target, ignore_errors=True)
                server = self.serve({"path": path, "rate": 1})
                begin = time.monotonic()
                entry = self.entry(server, mirrors=[self.serve().url])
                self.assert_mirrored(self.sync(entry, timeouts={"stall": "1s"}))
                self.assertLess(time.monotonic() - begin, 30)


if __name__ == "__main__":
    unittest.main()
