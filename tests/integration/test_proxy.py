"""Proxies that fail, and what they get to hear (threats-and-faults.md F9)."""

import secrets
import unittest
import urllib.parse

from certificates import Certificates
from invariants import read_generation
from recording_proxy import RecordingProxy
from streamsync_program import Program
from tree_case import TreeCase, entry
from tree_server import TreeServer

DONE, USAGE, NO_SOURCE, NO_CLOUD = 0, 2, 4, 5
ATTEMPTS = 3
# No name server knows them: only a proxy leads there.
HOST, OTHER_HOST = "images.example", "other.example"
TIMEOUTS = {"connect": "1s", "first_byte": "3s"}
# What a proxy may say in place of an answer, and how often it is asked: only what passes is worth another try.
ANSWERS = {
    "refused": ({"status": 403}, 1),
    "without credentials": ({"status": 407, "header": ["Proxy-Authenticate: Basic realm=x"]}, 1),
    "no way on": ({"status": 502}, ATTEMPTS),
    "busy": ({"status": 503}, ATTEMPTS),
    "no way on in time": ({"status": 504}, ATTEMPTS),
    "closed": ({"drop": 1}, ATTEMPTS),
    "reset": ({"drop": 1, "reset": 1}, ATTEMPTS),
    "silent": ({"delay": 60}, ATTEMPTS),
}


class ProxyCase(TreeCase):
    def setUp(self):
        super().setUp()
        self.generation = read_generation(self.stream.root)
        self.server = self.enterContext(self.served())

    def failing_proxy(self, **answer):
        """A server that answers so whatever it is asked."""
        return self.enterContext(TreeServer(self.work, rules=[{"path": "*", **answer}]))

    def proxy(self, server=None, **options):
        port = urllib.parse.urlsplit((server or self.server).url).port
        return self.enterContext(RecordingProxy({HOST: port, OTHER_HOST: port}, **options))

    def mirror(self, scheme="http", host=HOST, entries=(), **keys):
        retries = {"attempts": ATTEMPTS, "max_wait": "0s"}
        mine = entry(f"{scheme}://{host}/", name="mine", **keys)
        return self.sync(mine, *entries, retries=retries, timeouts=TIMEOUTS)

    def use(self, **environment):
        self.program = Program(self.work, **environment)

    def assert_mirrored(self, run):
        self.assertEqual(DONE, run.status, run.err)
        self.assertEqual(2, len(self.images()))
        self.assert_holds(self.generation)


class Failing(ProxyCase):
    """In place of a tunnel, and in place of an answer."""

    def assert_fails(self, proxy, times, run):
        self.assertEqual(NO_SOURCE, run.status, run.err)
        self.assertEqual(times, len(proxy.requests()))
        self.assertEqual([], self.server.requests(), "it was gone round")
        self.assertFalse(self.target.exists() and self.files())

    def test_there_is_no_tunnel(self):
        for name, (answer, times) in ANSWERS.items():
            with self.subTest(name):
                proxy = self.failing_proxy(**answer)
                self.assert_fails(proxy, times, self.mirror("https", proxy=proxy.url))

    def test_there_is_no_answer(self):
        for name, (answer, times) in ANSWERS.items():
            with self.subTest(name):
                proxy = self.failing_proxy(**answer)
                self.assert_fails(proxy, times, self.mirror(proxy=proxy.url))

    def test_the_message_names_it(self):
        """Else the operator looks at the source, where nothing is wrong."""
        for scheme, names in (("https", ANSWERS), ("http", ["without credentials", "closed", "reset", "silent"])):
            for name in names:
                with self.subTest(f"{scheme} {name}"):
                    proxy = self.failing_proxy(**ANSWERS[name][0])
                    run = self.mirror(scheme, proxy=proxy.url)
                    self.assertIn(urllib.parse.urlsplit(proxy.url).netloc, run.last_words())

    def test_what_is_no_http(self):
        for scheme in ("http", "https"):
            for raw in ("SSH-2.0-OpenSSH_9.2\\r\\n", "\\0" * 100, "HTTP/1.1 200 OK\\r\\n" + "a: b\\r\\n" * 100_000):
                with self.subTest(f"{scheme} {raw[:30]}"):
                    proxy = self.failing_proxy(raw=raw)
                    run = self.mirror(scheme, proxy=proxy.url)
                    self.assertEqual(NO_SOURCE, run.status, run.err)
                    self.assertEqual([], self.server.requests())

    def test_what_a_proxy_says_of_itself_is_no_document(self):
        """Such as the page where a hotel wants to be paid."""
        proxy = self.failing_proxy(body="<html>Welcome</html>")
        run = self.mirror(proxy=proxy.url)
        self.assertNotEqual(DONE, run.status)
        self.assertFalse(self.target.exists() and self.files())

    def test_another_base_may_be_reached_without_it(self):
        self.use(https_proxy=self.failing_proxy(status=403).url)
        self.assert_mirrored(self.mirror("https", mirrors=[self.server.url]))

    def test_the_other_entries_are_done(self):
        proxy = self.failing_proxy(status=407)
        run = self.mirror(proxy=proxy.url, entries=[entry(self.server.url, name="other")])
        self.assertEqual(NO_SOURCE, run.status, run.err)
        self.assert_holds(self.generation, root=self.target / "other")
        self.assertEqual(2, len(self.images()))

    def test_it_is_busy_for_a_moment(self):
        self.assert_mirrored(self.mirror(proxy=self.proxy(busy=2).url))

    def test_it_is_busy_for_a_moment_before_a_tunnel(self):
        certificates = Certificates(self.work / "certificates")
        server = self.enterContext(TreeServer(self.stream.root, certificate=certificates.other_host))
        proxy = self.proxy(server, busy=2)
        self.assert_mirrored(self.mirror("https", OTHER_HOST, proxy=proxy.url, ca_file=str(certificates.ca)))
        self.assertEqual({("CONNECT", f"{OTHER_HOST}:443")}, {(each.method, each.target) for each in proxy.requests})


class Credentials(ProxyCase):
    """Of proxies that ask for them."""

    NAME, PASSWORD = "operator", f"canary-{secrets.token_hex(16)}"

    def with_credentials(self, proxy, password):
        return proxy.url.replace("//", f"//{self.NAME}:{password}@")

    def test_the_right_ones(self):
        proxy = self.proxy(credentials=f"{self.NAME}:{self.PASSWORD}")
        self.assert_mirrored(self.mirror(proxy=self.with_credentials(proxy, self.PASSWORD)))

    def test_the_wrong_ones(self):
        proxy = self.proxy(credentials=f"{self.NAME}:another")
        run = self.mirror(proxy=self.with_credentials(proxy, self.PASSWORD))
        self.assertEqual(NO_SOURCE, run.status, run.err)
        self.assertIn("407", run.last_words())
        self.assertEqual(1, len(proxy.requests), "asked again, an account may be locked")
        self.assertNotIn(self.PASSWORD, run.err)

    def test_none(self):
        proxy = self.proxy(credentials=f"{self.NAME}:{self.PASSWORD}")
        run = self.mirror(proxy=proxy.url)
        self.assertEqual((NO_SOURCE, 1), (run.status, len(proxy.requests)), run.err)
        self.assertIn("407", run.last_words())


class Exceptions(ProxyCase):
    """NO_PROXY with networks."""

    def assert_asked(self, is_asked, exceptions):
        for variable in ("no_proxy", "NO_PROXY"):
            with self.subTest(f"{variable}={exceptions}"):
                self.setUp()
                proxy = self.proxy()
                self.use(http_proxy=proxy.url, **{variable: exceptions})
                self.assert_mirrored(self.sync(entry(self.server.url)))
                self.assertEqual(is_asked, bool(proxy.requests))

    def test_of_the_source(self):
        self.assert_asked(False, "127.0.0.0/8")
        self.assert_asked(False, "10.0.0.0/8, 127.0.0.1/32")
        self.assert_asked(False, "example.com,126.0.0.0/7")

    def test_of_other_networks(self):
        self.assert_asked(True, "10.0.0.0/8")
        self.assert_asked(True, "127.0.0.2/32,127.0.1.0/24")
        self.assert_asked(True, "127.0.0.0/33,127.0.0.0/x")

    def test_of_a_source_that_only_the_proxy_knows(self):
        """A name is not looked up for it."""
        proxy = self.proxy()
        self.use(http_proxy=proxy.url, no_proxy="0.0.0.0/0")
        self.assert_mirrored(self.mirror())
        self.assertTrue(proxy.requests)


class Clouds(ProxyCase):
    """What a proxy hears on the way to a cloud."""

    PASSWORD, TOKEN = f"canary-{secrets.token_hex(16)}", f"token-{secrets.token_hex(16)}"

    def cloud(self, **options):
        """Keystone, which lets us in and knows of nothing."""
        token = {"path": "/v3/auth/tokens", "method": "POST", "status": 201}
        token["header"] = [f"X-Subject-Token: {self.TOKEN}"]
        token["body"] = '{"token": {"expires_at": "2099-01-01T00:00:00.000000Z", "catalog": [], "project": {"id": "p"}}}'
        return self.enterContext(TreeServer(self.work, rules=[token], **options))

    def log_in_to(self, cloud, **environment):
        self.use(
            OS_AUTH_URL=f"{cloud.url}v3",
            OS_USERNAME="operator",
            OS_PASSWORD=self.PASSWORD,
            OS_PROJECT_NAME="p",
            OS_USER_DOMAIN_NAME="d",
            OS_PROJECT_DOMAIN_NAME="d",
            OS_REGION_NAME="r",
            **environment,
        )

    def into_the_cloud(self):
        keys = {"images": "glance", "retries": {"attempts": 1}, "timeouts": TIMEOUTS}
        config = self.configure(entry(self.server.url), **keys)
        return self.program.run("sync", "-c", config)

    def assert_heard_nothing(self, proxy):
        for secret in (self.PASSWORD, self.TOKEN):
            self.assertNotIn(secret.encode(), proxy.heard)

    def test_nothing_but_the_way_over_tls(self):
        certificates = Certificates(self.work / "certificates")
        cloud = self.cloud(certificate=certificates.server)
        proxy = self.proxy()
        self.log_in_to(cloud, https_proxy=proxy.url, OS_CACERT=certificates.ca)
        self.assertEqual(NO_CLOUD, self.into_the_cloud().status)
        self.assertEqual(["/v3/auth/tokens"], cloud.paths())
        way = ("CONNECT", urllib.parse.urlsplit(cloud.url).netloc)
        self.assertEqual({way}, {(each.method, each.target) for each in proxy.requests})
        self.assert_heard_nothing(proxy)

    def test_without_tls_nothing_that_is_secret(self):
        cloud = self.cloud()
        proxy = self.proxy()
        self.log_in_to(cloud, http_proxy=proxy.url)
        run = self.into_the_cloud()
        self.assertEqual(USAGE, run.status, run.err)
        self.assertIn("no_proxy", run.last_words())
        self.assert_heard_nothing(proxy)

    def test_a_tunnel_that_is_refused_ends_at_the_cloud(self):
        cloud = self.cloud(certificate=Certificates(self.work / "certificates").server)
        for name, (answer, _) in ANSWERS.items():
            with self.subTest(name):
                proxy = self.failing_proxy(**answer)
                self.log_in_to(cloud, https_proxy=proxy.url)
                self.assertEqual(NO_CLOUD, self.into_the_cloud().status)
                self.assertEqual([], cloud.requests(), "it was gone round")


if __name__ == "__main__":
    unittest.main()
