#!/usr/bin/python3
"""A cloud over TLS with a CA of its own: who unlocks it, and that cloud and source never share a store.

$STREAMSYNC is the binary, OS_* an administrator of the test cloud in $CLOUD_DIR, which is put behind TLS for
as long as this runs.
"""

import base64
import json
import os
import secrets
import socket
import sys
import tempfile
import unittest
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from certificates import Certificates, bundle  # noqa: E402
from cloud_setup import behind_tls, control  # noqa: E402
from openstack_api import Cloud  # noqa: E402
from sync_scene import NEW, Scene, Source, created  # noqa: E402
from tree_server import TreeServer  # noqa: E402

DONE, NO_SOURCE, NO_CLOUD = 0, 4, 5
UNVERIFIED = "warning: the cloud's TLS certificates are not verified"


def setUpModule():
    unittest.enterModuleContext(behind_tls())


def without_openstack():
    return {key: None for key in os.environ if key.startswith("OS_")}


class TlsCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.cloud_ca = Path(os.environ["OS_CACERT"])
        cls.certificates = Certificates(cls.work / "certificates")
        cls.both_cas = bundle(cls.work / "both.pem", cls.cloud_ca, cls.certificates.ca)
        cls.source = cls.enterClassContext(Source(cls.work))
        cls.source.add_one(NEW)
        cls.source.write()

    def setUp(self):
        self.scene = Scene(self.work, self.source)
        self.addCleanup(self.scene.clean_up)

    def run_in(self, **environment):
        self.scene.use_environment(**environment)
        return self.scene.sync()

    def run_with_clouds_yaml(self, **cloud):
        """No OS_*; the entry is that of OS_*, changed by `cloud`, where None takes a key away."""
        return self.run_with_clouds(secured=self.entry(**cloud))

    def run_with_clouds(self, **entries):
        file = self.scene.program.work / "clouds.yaml"
        file.write_text(json.dumps({"clouds": entries}), encoding="utf-8")
        self.scene.write_config(clouds=list(entries))
        return self.run_in(**without_openstack())

    def entry(self, **cloud):
        auth = ("auth_url", "username", "password", "project_name", "user_domain_name", "project_domain_name")
        entry = {
            "auth": {key: os.environ[f"OS_{key.upper()}"] for key in auth},
            "region_name": os.environ["OS_REGION_NAME"],
            "cacert": str(self.cloud_ca),
            **cloud,
        }
        return {key: value for key, value in entry.items() if value is not None}

    def assert_synced(self, run):
        self.assertEqual((DONE, 2), (run.status, len(created(run))), run.err)
        images = self.scene.images()
        self.assertEqual({("active", "public")}, {(i["status"], i["visibility"]) for i in images.values()})
        self.assertEqual(set(images), set(self.scene.published_items()))
        self.assertEqual([], self.scene.violations())

    def assert_refused(self, run, status, *words):
        self.assertEqual(status, run.status, run.err)
        for word in ("certificate", *words):
            self.assertIn(word, run.last_words())
        self.assertEqual([], self.scene.images_by_name())
        self.assertEqual([], self.scene.cloud.objects(self.scene.container, self.scene.prefix))


class Clouds(TlsCase):
    def test_the_catalog_is_one_of_https(self):
        urls = [self.scene.cloud.endpoint(service) for service in ("identity", "image", "object-store")]
        self.assertEqual({"https"}, {urllib.parse.urlsplit(url).scheme for url in urls}, urls)

    def test_the_ca_of_clouds_yaml_unlocks_it(self):
        run = self.run_with_clouds_yaml()
        self.assert_synced(run)
        self.assertNotIn("warning", run.err)
        again = self.scene.sync()
        self.assertEqual((DONE, ""), (again.status, again.out), again.err)

    def test_the_ca_of_the_environment_unlocks_it(self):
        run = self.run_in()
        self.assert_synced(run)
        self.assertNotIn("warning", run.err)

    def test_the_ca_inside_the_charms_identity_file_unlocks_it(self):
        url = urllib.parse.urlsplit(os.environ["OS_AUTH_URL"])
        identity = {
            "api_version": "3",
            "service_protocol": url.scheme,
            "service_host": url.hostname,
            "service_port": str(url.port),
            "admin_user": os.environ["OS_USERNAME"],
            "admin_password": os.environ["OS_PASSWORD"],
            "admin_tenant_name": os.environ["OS_PROJECT_NAME"],
            "admin_domain_name": os.environ["OS_USER_DOMAIN_NAME"],
        }
        file = self.scene.program.work / "identity.yaml"
        self.scene.use_environment(**without_openstack())
        file.write_text(json.dumps(identity), encoding="utf-8")
        self.assert_refused(self.scene.sync("--identity", file), NO_CLOUD)
        identity["ssl_ca"] = base64.encodebytes(self.cloud_ca.read_bytes()).decode()
        file.write_text(json.dumps(identity), encoding="utf-8")
        self.assert_synced(self.scene.sync("--identity", file))

    def test_the_ca_and_the_keyring_inside_the_charms_options_do(self):
        ca, keyring = (
            base64.encodebytes(file.read_bytes()).decode() for file in (self.cloud_ca, self.source.keyring)
        )
        self.scene.write_config(ssl_ca=ca, custom_keyring=keyring, keyring_path=None)
        self.assert_synced(self.run_in(OS_CACERT=None))

    def test_without_it_the_cloud_is_refused_and_the_way_out_is_named(self):
        way_out = ("OS_CACERT", "cacert in clouds.yaml")
        host = urllib.parse.urlsplit(os.environ["OS_AUTH_URL"]).netloc
        self.assert_refused(self.run_in(OS_CACERT=None), NO_CLOUD, host, *way_out)
        self.assert_refused(self.run_with_clouds_yaml(cacert=None), NO_CLOUD, host, *way_out)

    def test_another_ca_does_not_do(self):
        self.assert_refused(self.run_in(OS_CACERT=self.certificates.ca), NO_CLOUD)

    def test_verify_false_is_said_in_every_run(self):
        self.assert_synced(run := self.run_with_clouds_yaml(cacert=None, verify=False))
        self.assertEqual(1, run.err.count(UNVERIFIED), run.err)
        again = self.scene.sync()
        self.assertEqual((DONE, "", 1), (again.status, again.out, again.err.count(UNVERIFIED)), again.err)

    def test_os_insecure_is_said_too(self):
        self.assert_synced(run := self.run_in(OS_CACERT=None, OS_INSECURE="true"))
        self.assertEqual(1, run.err.count(UNVERIFIED), run.err)

    def test_a_certificate_for_another_host_or_an_expired_one_is_refused(self):
        wrong = {"127.0.0.1": self.certificates.other_host, "expired": self.certificates.expired}
        for why, certificate in wrong.items():
            with self.subTest(why), TreeServer(self.work, certificate=certificate) as server:
                run = self.run_in(OS_AUTH_URL=f"{server.url}v3", OS_CACERT=self.certificates.ca)
                self.assert_refused(run, NO_CLOUD, why)
                self.assertEqual([], server.requests())

    def test_the_internal_interface_is_that_of_the_catalog(self):
        """Of the test cloud it is plain HTTP: no CA is needed where it is taken for everything."""
        internal = {"OS_AUTH_URL": self.scene.cloud.endpoint("identity", "internal"), "OS_CACERT": None}
        self.assert_refused(self.run_in(**internal), NO_CLOUD)
        self.scene.write_config(publish_endpoint=self.scene.cloud.auth_url)
        self.assert_synced(self.run_in(OS_INTERFACE="internal", **internal))

    def test_the_charms_option_takes_the_internal_interface_too(self):
        keystone = self.scene.cloud.endpoint("identity", "internal")
        own = {"publish_endpoint": self.scene.cloud.auth_url, "use-internal-endpoints": True}
        self.scene.write_config(**own)
        self.assert_synced(self.run_in(OS_AUTH_URL=keystone, OS_CACERT=None))


class SeveralClouds(TlsCase):
    """The Keystone of the second one has a certificate of another CA; its other services have none."""

    def setUp(self):
        super().setUp()
        project = f"streamsync-{secrets.token_hex(4)}"
        administrator = self.scene.cloud
        self.addCleanup(administrator.delete_project, administrator.create_project(project, "admin"))
        second = Cloud.from_environment(project=project)
        self.addCleanup(
            second.remove_stream, self.scene.container, self.scene.prefix, self.scene.content_id
        )
        self.ours = self.entry()
        self.theirs = self.entry(interface="internal", cacert=str(self.certificates.ca))
        self.theirs["auth"].update(auth_url=self.keystone_of_another_ca(), project_name=project)

    def keystone_of_another_ca(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        keystone = self.scene.cloud.endpoint("identity", "internal").removesuffix("/v3")
        file = Path(os.environ["CLOUD_DIR"], "etc/front/http.d/another-ca.conf")
        file.write_text(
            f"server {{ listen 127.0.0.1:{port} ssl;"
            f" ssl_certificate {self.certificates.server}; ssl_certificate_key {self.certificates.server};"
            f" location / {{ proxy_pass {keystone}; }} }}",
            encoding="utf-8",
        )
        self.addCleanup(control, "service", "reload", "front")
        self.addCleanup(file.unlink)
        control("service", "reload", "front")
        return f"https://127.0.0.1:{port}/v3"

    def outcome(self):
        report = json.loads((self.scene.program.state / "last-run.json").read_bytes())
        return {entry["cloud"]: entry["status"] for entry in report["destinations"]}

    def test_each_is_unlocked_by_its_own_ca(self):
        run = self.run_with_clouds(ours=self.ours, theirs=self.theirs)
        self.assertEqual((DONE, 4), (run.status, len(created(run))), run.err)
        self.assertNotIn("not verified", run.err)

    def test_that_of_the_other_one_does_not_do(self):
        self.ours["cacert"], self.theirs["cacert"] = self.theirs["cacert"], self.ours["cacert"]
        run = self.run_with_clouds(ours=self.ours, theirs=self.theirs)
        self.assertEqual(NO_CLOUD, run.status, run.err)
        self.assertEqual({"ours": "failed", "theirs": "failed"}, self.outcome())
        self.assertIn("certificate", run.last_words())

    def test_one_without_verification_leaves_the_other_verified(self):
        del self.ours["cacert"], self.theirs["cacert"]
        self.theirs["verify"] = False
        run = self.run_with_clouds(ours=self.ours, theirs=self.theirs)
        self.assertEqual((NO_CLOUD, 2), (run.status, len(created(run))), run.err)
        self.assertEqual({"ours": "failed", "theirs": "ok"}, self.outcome())
        self.assertEqual(1, run.err.count(UNVERIFIED), run.err)
        self.assertIn("of theirs", run.err)


class Stores(TlsCase):
    """Source and cloud over TLS, each with its own CA."""

    def configure(self, **keys):
        server = self.enterContext(TreeServer(self.source.root, certificate=self.certificates.server))
        entries = [self.scene.mirror(s, url=f"{server.url}{s}/", **keys) for s in ("released", "daily")]
        self.scene.write_config(mirror_list=entries)
        return server

    def test_each_with_its_own_ca(self):
        self.configure(ca_file=str(self.certificates.ca))
        self.assert_synced(self.run_in())

    def test_the_clouds_ca_does_not_unlock_the_source(self):
        server = self.configure()
        self.assert_refused(self.run_in(OS_CACERT=self.both_cas), NO_SOURCE, "ca_file")
        self.assertEqual([], server.requests())

    def test_the_sources_ca_does_not_unlock_the_cloud(self):
        self.configure(ca_file=str(self.both_cas))
        self.assert_refused(self.run_in(OS_CACERT=None), NO_CLOUD, "OS_CACERT")

    def test_an_insecure_source_leaves_the_cloud_verified(self):
        self.configure(insecure=True)
        run = self.run_in(OS_CACERT=None)
        self.assert_refused(run, NO_CLOUD, "OS_CACERT")
        self.assertNotIn(UNVERIFIED, run.err)

    def test_an_insecure_cloud_leaves_the_source_verified(self):
        server = self.configure()
        self.assert_refused(self.run_in(OS_CACERT=None, OS_INSECURE="true"), NO_SOURCE, "ca_file")
        self.assertEqual([], server.requests())


if __name__ == "__main__":
    unittest.main()
