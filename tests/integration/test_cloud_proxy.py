#!/usr/bin/python3
"""Proxies: what goes through them, and what does not.

The source is at a name that no name server knows: only a proxy leads there. $STREAMSYNC is the binary, OS_*
an administrator of a test cloud on loopback.
"""

import base64
import json
import secrets
import sys
import tempfile
import unittest
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from certificates import Certificates  # noqa: E402
from recording_proxy import RecordingProxy  # noqa: E402
from sync_scene import NEW, STREAMS, Scene, Source, created  # noqa: E402
from tree_server import TreeServer  # noqa: E402

DONE, USAGE, NO_SOURCE = 0, 2, 4
HOST, OTHER_HOST = "images.example", "other.example"


class ProxyCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.source = cls.enterClassContext(Source(cls.work))
        cls.source.add_one(NEW)
        cls.source.write()

    def setUp(self):
        self.scene = Scene(self.work, self.source)
        self.addCleanup(self.scene.clean_up)
        self.cloud_host = urllib.parse.urlsplit(self.scene.cloud.auth_url).hostname
        self.proxy = self.new_proxy()
        self.configure()

    def new_proxy(self, server=None):
        port = urllib.parse.urlsplit((server or self.source.server).url).port
        return self.enterContext(RecordingProxy({HOST: port, OTHER_HOST: port}))

    def configure(self, scheme="http", host=HOST, **keys):
        entries = [self.scene.mirror(s, url=f"{scheme}://{host}/{s}/", **keys) for s in STREAMS]
        self.scene.write_config(mirror_list=entries)

    def run_in(self, **environment):
        self.scene.use_environment(**environment)
        return self.scene.sync()

    def assert_synced(self, run):
        self.assertEqual((DONE, 2), (run.status, len(created(run))), run.err)
        self.assertEqual([], self.scene.violations())

    def paths_of_source(self):
        """What a sync asks of the source: indexes, products, items, and the indexes once more."""
        paths = []
        for stream, tree in self.source.trees.items():
            documents = ("index", "index", f"com.ubuntu.cloud:{stream}:download")
            paths += [f"/{stream}/streams/v1/{name}.sjson" for name in documents]
            items = tree.root.rglob(f"*{NEW}*/*.img")
            paths += [f"/{stream}/{path.relative_to(tree.root)}" for path in items]
        return sorted(paths)


class Environment(ProxyCase):
    def test_the_source_through_it_and_the_cloud_past_it(self):
        self.assert_synced(self.run_in(http_proxy=self.proxy.url, no_proxy=self.cloud_host))
        self.assertEqual(
            [("GET", f"http://{HOST}{path}") for path in self.paths_of_source()],
            sorted((request.method, request.target) for request in self.proxy.requests),
        )

    def test_a_cloud_without_tls_is_not_asked_through_it(self):
        run = self.run_in(http_proxy=self.proxy.url)
        self.assertEqual((USAGE, []), (run.status, self.proxy.requests), run.err)
        self.assertIn("no_proxy", run.last_words())

    def test_no_proxy_holds_for_sources_too(self):
        run = self.run_in(http_proxy=self.proxy.url, no_proxy=f"{HOST},{self.cloud_host}")
        self.assertEqual((NO_SOURCE, []), (run.status, self.proxy.requests), run.err)
        self.assertIn(HOST, run.last_words())

    def test_without_a_proxy_the_source_is_out_of_reach(self):
        self.assertEqual(NO_SOURCE, self.run_in().status)

    def test_http_proxy_in_capitals_is_not_heeded(self):
        """Below a web server it is what a visitor said (httpoxy.org); curl has it so too."""
        run = self.run_in(HTTP_PROXY=self.proxy.url)
        self.assertEqual((NO_SOURCE, []), (run.status, self.proxy.requests), run.err)

    def test_a_proxy_that_is_down_is_a_failure_of_the_source(self):
        with RecordingProxy() as gone:
            pass
        run = self.run_in(http_proxy=gone.url, no_proxy=self.cloud_host)
        self.assertEqual(NO_SOURCE, run.status, run.err)
        self.assertIn(str(gone.port), run.last_words())

    def test_a_source_over_tls_goes_through_a_tunnel_and_is_verified_at_its_end(self):
        certificates = Certificates(self.work / "certificates")
        server = self.enterContext(TreeServer(self.source.root, certificate=certificates.other_host))
        for host, status in ((OTHER_HOST, DONE), (HOST, NO_SOURCE)):
            proxy = self.new_proxy(server)
            self.configure(scheme="https", host=host, ca_file=str(certificates.ca))
            run = self.run_in(https_proxy=proxy.url, no_proxy=self.cloud_host)
            self.assertEqual(status, run.status, run.err)
            tunnels = {(request.method, request.target) for request in proxy.requests}
            self.assertEqual({("CONNECT", f"{host}:443")}, tunnels)
        self.assertIn("certificate", run.last_words())


class ObjectStore(ProxyCase):
    """It has a name that is not in no_proxy, where the rest of the cloud is."""

    def setUp(self):
        super().setUp()
        self.other_name("object-store")

    def other_name(self, service):
        endpoint = self.scene.cloud.endpoint(service)
        self.addCleanup(self.scene.cloud.set_endpoint, service, endpoint)
        self.scene.cloud.set_endpoint(service, endpoint.replace(self.cloud_host, "localhost"))

    def behind_the_proxy(self, **keys):
        settings = json.loads(self.scene.config.read_text("utf-8"))
        self.scene.write_config(mirror_list=settings["mirror_list"], **keys)
        return self.run_in(http_proxy=self.proxy.url, no_proxy=self.cloud_host)

    def test_it_is_reached_past_the_proxy(self):
        for keys in ({}, {"ignore_proxy_for_object_store": True}):
            run = self.behind_the_proxy(**keys)
            self.assertEqual(DONE, run.status, run.err)
        self.assertEqual({HOST}, self.proxy.hosts_asked())
        self.assertEqual([], self.scene.violations())

    def assert_refused_before_anything(self, run):
        self.assertEqual((USAGE, []), (run.status, self.proxy.requests), run.err)
        self.assertIn("localhost", run.last_words())
        self.assertEqual({}, self.scene.images())

    def test_where_the_proxy_would_read_the_token_nothing_is_begun(self):
        self.assert_refused_before_anything(self.behind_the_proxy(ignore_proxy_for_object_store=False))

    def test_nor_where_it_would_read_that_of_the_image_service(self):
        self.other_name("image")
        self.assert_refused_before_anything(self.behind_the_proxy())


class Entry(ProxyCase):
    def test_the_proxy_of_an_entry_is_for_its_source_alone(self):
        self.configure(proxy=self.proxy.url)
        self.assert_synced(self.run_in())
        self.assertEqual({HOST}, self.proxy.hosts_asked())

    def test_it_may_stand_at_the_top(self):
        settings = json.loads(self.scene.config.read_text("utf-8"))
        self.scene.write_config(mirror_list=settings["mirror_list"], proxy=self.proxy.url)
        self.assert_synced(self.run_in())
        self.assertEqual({HOST}, self.proxy.hosts_asked())

    def test_each_entry_has_its_own(self):
        second = self.new_proxy()
        entries = [
            self.scene.mirror("released", url=f"http://{HOST}/released/", proxy=self.proxy.url),
            self.scene.mirror("daily", url=f"http://{OTHER_HOST}/daily/", proxy=second.url),
        ]
        self.scene.write_config(mirror_list=entries)
        self.assert_synced(self.run_in())
        self.assertEqual(({HOST}, {OTHER_HOST}), (self.proxy.hosts_asked(), second.hosts_asked()))

    def test_it_replaces_that_of_the_environment(self):
        second = self.new_proxy()
        self.configure(proxy=second.url)
        self.assert_synced(self.run_in(http_proxy=self.proxy.url, no_proxy=self.cloud_host))
        self.assertEqual((set(), {HOST}), (self.proxy.hosts_asked(), second.hosts_asked()))

    def test_its_password_is_sent_to_it_and_to_nobody_else(self):
        password = f"canary-{secrets.token_hex(16)}"
        self.configure(proxy=self.proxy.url.replace("//", f"//operator:{password}@"))
        self.scene.use_environment()
        run = self.scene.sync("--log-level", "trace")
        self.assert_synced(run)
        sent = "Basic " + base64.b64encode(f"operator:{password}".encode()).decode()
        self.assertEqual({sent}, {request.authorization for request in self.proxy.requests})
        shown = self.scene.program.run("config", "show", "-c", self.scene.config)
        self.assertIn(str(self.proxy.port), shown.out)
        files = [file for file in self.scene.program.state.rglob("*") if file.is_file()]
        state = [file.read_bytes().decode(errors="replace") for file in files]
        for text in (run.out, run.err, shown.out, shown.err, *state):
            self.assertNotIn(password, text)
            self.assertNotIn(sent, text)


if __name__ == "__main__":
    unittest.main()
