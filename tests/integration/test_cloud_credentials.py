#!/usr/bin/python3
"""Every way to log in to a real Keystone, and that no secret gets out on any of them.

$STREAMSYNC is the binary, OS_* an administrator of a test cloud on loopback. The runs are those of a user who
exists only here, whose secrets occur nowhere else.
"""

import contextlib
import json
import os
import secrets
import sys
import tempfile
import threading
import unittest
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import anonymous_http  # noqa: E402
from openstack_api import Cloud  # noqa: E402
from sync_scene import NEW, Scene, Source, created  # noqa: E402

DONE, MISUSED, NO_CLOUD = 0, 2, 5
TOKEN = "gAAAAA"  # how each of Keystone's tokens begins, and nothing else here


def without_openstack():
    return {key: None for key in os.environ if key.startswith("OS_")}


class CommandLines:
    """Those of all processes while it is open: `seen` are the ones with `secret` in them, `looks` says how often
    one with `mark` was among them."""

    def __init__(self, mark, secret):
        self._mark = str(mark).encode()
        self._secret = secret.encode()
        self.seen = []

    def __enter__(self):
        self.looks = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def _watch(self):
        while not self._ended.wait(0.005):
            commands = list(self._commands())
            self.seen += [command for command in commands if self._secret in command]
            self.looks += any(self._mark in command for command in commands)

    @staticmethod
    def _commands():
        for line in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                yield line.read_bytes()


class CredentialsCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.source = cls.enterClassContext(Source(cls.work))
        cls.source.add_one(NEW)
        cls.source.write()
        cls.add_user()

    @classmethod
    def add_user(cls):
        administrator = Cloud.from_environment()
        cls.user, cls.password = f"streamsync-{secrets.token_hex(4)}", f"canary-{secrets.token_hex(16)}"
        user_id = administrator.create_user(cls.user, cls.password, role="admin")
        cls.addClassCleanup(administrator.delete_user, user_id)
        cls.project, cls.region = os.environ["OS_PROJECT_NAME"], os.environ["OS_REGION_NAME"]
        cls.cloud = Cloud(administrator.auth_url, cls.user, cls.password, cls.project, cls.region)

    def setUp(self):
        self.scene = Scene(self.work, self.source)
        self.addCleanup(self.scene.clean_up)
        self.scene.use_environment(**without_openstack())
        self.identity = self.scene.program.work / "identity.yaml"

    # --- ways to log in ---------------------------------------------------------------------------

    def write_clouds(self, auth, name="clouds.yaml", **cloud):
        auth = {"auth_url": self.cloud.auth_url, **auth}
        document = {"clouds": {"ours": {"auth": auth, "region_name": self.region, **cloud}}}
        (self.scene.program.work / name).write_text(json.dumps(document), encoding="utf-8")
        self.scene.write_config(cloud="ours")

    def password_auth(self, **changes):
        return {
            "username": self.user,
            "password": self.password,
            "project_name": self.project,
            "user_domain_name": "Default",
            "project_domain_name": "Default",
            **changes,
        }

    def variables(self, **values):
        given = {"auth_url": self.cloud.auth_url, "region_name": self.region, **values}
        return {**without_openstack(), **{f"OS_{key.upper()}": value for key, value in given.items()}}

    def write_identity(self, **changes):
        """As the charm renders it (upstream-gss.md, 5.3)."""
        url = urllib.parse.urlsplit(self.cloud.auth_url)
        address = {"protocol": url.scheme, "host": url.hostname, "port": str(url.port)}
        identity = {
            "api_version": "3",
            **{f"{who}_{key}": value for who in ("auth", "service") for key, value in address.items()},
            "admin_tenant_id": self.cloud.project_id,
            "admin_tenant_name": self.project,
            "admin_user": self.user,
            "admin_password": self.password,
            "admin_domain_name": "Default",
            "unit_name": "glance-simplestreams-sync-0",
            **changes,
        }
        self.identity.write_text(json.dumps(identity), encoding="utf-8")

    # --- what came of it --------------------------------------------------------------------------

    def sync_without_leak(self, secret, *arguments):
        report = self.scene.program.work / "report.json"
        with CommandLines(self.scene.program.state, secret) as command_lines:
            run = self.scene.sync("--log-level", "trace", "--report", report, *arguments)
            for _ in range(20):
                if command_lines.looks > 1:
                    break
                self.scene.sync("--log-level", "trace", *arguments)  # it was over too soon
        self.assertGreater(command_lines.looks, 1)
        self.assertEqual([], command_lines.seen)
        places = {"stdout": run.out, "stderr": run.err, "report": report.read_text("utf-8")}
        for file in self.scene.program.state.rglob("*"):
            if file.is_file():
                places[str(file)] = file.read_bytes().decode(errors="replace")
        places["images"] = json.dumps(self.scene.images_by_name())
        for name in self.scene.cloud.objects(self.scene.container, self.scene.prefix):
            answer = anonymous_http.get(self.scene.cloud.object_url(self.scene.container, name))
            places[name] = answer.body.decode()
        self.assert_no_leak(secret, places)
        return run

    def assert_no_leak(self, secret, places):
        self.assertTrue(any("last-run.json" in place for place in places), "the state is looked through")
        for place, text in places.items():
            for what in (secret, urllib.parse.quote(secret, safe=""), TOKEN):
                self.assertNotIn(what, text, place)

    def assert_synced(self, run):
        self.assertEqual((DONE, 2), (run.status, len(created(run))), run.err)
        images = self.scene.images()
        self.assertEqual({"active"}, {image["status"] for image in images.values()})
        self.assertEqual({self.cloud.project_id}, {image["owner"] for image in images.values()})
        self.assertEqual(set(images), set(self.scene.published_items()))
        self.assertEqual([], self.scene.violations())

    def assert_refused(self, run, status, *words):
        self.assertEqual(status, run.status, run.err)
        for word in words:
            self.assertIn(word, run.last_words())
        self.assertEqual([], self.scene.images_by_name())

    def plan(self, *arguments):
        """Logs in, asks, and writes nothing."""
        return self.scene.program.run("plan", "-c", self.scene.config, *arguments)

    def assert_plan(self, status, *arguments):
        run = self.plan(*arguments)
        self.assertEqual(status, run.status, run.err)
        return run


class ApplicationCredentials(CredentialsCase):
    def setUp(self):
        super().setUp()
        self.secret = f"canary {secrets.token_urlsafe(24)}/+&="
        self.credential_name = f"streamsync-{secrets.token_hex(4)}"
        self.credential_id = self.cloud.create_application_credential(self.credential_name, self.secret)
        self.addCleanup(self.revoke)

    def revoke(self):
        if self.credential_id in self.cloud.application_credentials():
            self.cloud.delete_application_credential(self.credential_id)

    def auth(self, **changes):
        own = {"application_credential_id": self.credential_id, "application_credential_secret": self.secret}
        return {**own, **changes}

    def test_of_clouds_yaml(self):
        self.write_clouds(self.auth(), auth_type="v3applicationcredential")
        self.assert_synced(self.sync_without_leak(self.secret))
        again = self.sync_without_leak(self.secret)
        self.assertEqual((DONE, ""), (again.status, again.out), again.err)

    def test_with_the_secret_in_secure_yaml(self):
        self.write_clouds({"application_credential_secret": self.secret}, name="secure.yaml")
        only_id = {"application_credential_id": self.credential_id}
        self.write_clouds(only_id, auth_type="v3applicationcredential")
        self.assert_synced(self.sync_without_leak(self.secret))

    def test_by_its_name_and_user(self):
        by_name = {
            "application_credential_name": self.credential_name,
            "application_credential_secret": self.secret,
            "username": self.user,
            "user_domain_name": "Default",
        }
        self.write_clouds(by_name, auth_type="v3applicationcredential")
        self.assert_plan(DONE)

    def test_of_the_environment(self):
        self.scene.use_environment(**self.variables(auth_type="v3applicationcredential", **self.auth()))
        self.assert_synced(self.sync_without_leak(self.secret))

    def test_a_wrong_secret_is_refused_and_not_told(self):
        wrong = f"wrong {secrets.token_urlsafe(24)}"
        auth = self.auth(application_credential_secret=wrong)
        self.write_clouds(auth, auth_type="v3applicationcredential")
        self.assert_refused(self.sync_without_leak(wrong), NO_CLOUD, "401", self.cloud.auth_url)

    def test_a_revoked_one_is_refused(self):
        self.write_clouds(self.auth(), auth_type="v3applicationcredential")
        self.assert_plan(DONE)
        self.revoke()
        self.assert_refused(self.sync_without_leak(self.secret), NO_CLOUD, self.cloud.auth_url)

    def test_without_a_secret_the_key_is_named(self):
        only_id = {"application_credential_id": self.credential_id}
        self.write_clouds(only_id, auth_type="v3applicationcredential")
        self.assert_refused(self.plan(), MISUSED, "application_credential_secret", "clouds.yaml")


class Passwords(CredentialsCase):
    def test_of_the_environment(self):
        self.scene.use_environment(**self.variables(**self.password_auth()))
        self.assert_synced(self.sync_without_leak(self.password))

    def test_of_clouds_yaml(self):
        self.write_clouds(self.password_auth())
        self.assert_synced(self.sync_without_leak(self.password))

    def test_of_the_charms_identity_file(self):
        self.write_identity()
        self.assert_synced(self.sync_without_leak(self.password, "--identity", self.identity))

    def test_the_charms_internal_address(self):
        """Taken with `interface: internal` alone; nobody listens at the others."""
        url = urllib.parse.urlsplit(self.cloud.auth_url)
        nobody = {"auth_port": "1", "service_port": "1"}
        internal = {
            "internal_protocol": url.scheme, "internal_host": url.hostname, "internal_port": str(url.port)
        }  # fmt: skip
        self.write_identity(**nobody, **internal)
        self.assert_plan(NO_CLOUD, "--identity", self.identity)
        self.write_identity(**nobody, **internal, interface="internal")
        self.assert_plan(DONE, "--identity", self.identity)

    def test_a_wrong_password_is_refused_and_not_told(self):
        wrong = f"wrong-{secrets.token_hex(16)}"
        self.write_identity(admin_password=wrong)
        run = self.sync_without_leak(wrong, "--identity", self.identity)
        self.assert_refused(run, NO_CLOUD, "401", self.cloud.auth_url)


class Tokens(CredentialsCase):
    def token_variables(self, token):
        return self.variables(
            auth_type="v3token", token=token, project_name=self.project, project_domain_name="Default"
        )

    def test_of_the_environment(self):
        self.scene.use_environment(**self.token_variables(self.cloud.token))
        self.assert_synced(self.sync_without_leak(self.cloud.token))

    def test_without_a_type(self):
        variables = self.token_variables(self.cloud.token)
        del variables["OS_AUTH_TYPE"]
        self.scene.use_environment(**variables)
        self.assert_plan(DONE)

    def test_one_that_keystone_does_not_know_is_refused(self):
        unknown = f"gAAAAA{secrets.token_hex(80)}"
        self.scene.use_environment(**self.token_variables(unknown))
        self.assert_refused(self.sync_without_leak(unknown), NO_CLOUD, self.cloud.auth_url)


class Precedence(CredentialsCase):
    """clouds.yaml, then OS_*, then the charm's file: the first that is there counts, right or wrong."""

    def setUp(self):
        super().setUp()
        self.wrong = self.variables(**self.password_auth(password="wrong"))

    def test_the_cloud_of_the_configuration_goes_first(self):
        self.write_clouds(self.password_auth())
        self.write_identity(admin_password="wrong")
        self.scene.use_environment(**self.wrong)
        self.assert_plan(DONE, "--identity", self.identity)

    def test_os_cloud_goes_before_the_other_variables(self):
        self.write_clouds(self.password_auth())
        self.scene.write_config()
        self.scene.use_environment(**self.wrong, OS_CLOUD="ours")
        self.assert_plan(DONE)
        self.scene.use_environment(**self.wrong)
        self.assert_plan(NO_CLOUD)

    def test_variables_go_before_the_charms_file(self):
        self.write_identity()
        self.scene.use_environment(**self.wrong)
        self.assert_plan(NO_CLOUD, "--identity", self.identity)
        self.scene.use_environment(**without_openstack())
        self.assert_plan(DONE, "--identity", self.identity)

    def test_without_any_the_three_ways_are_named(self):
        self.assert_refused(self.plan(), MISUSED, "clouds.yaml", "OS_AUTH_URL", "--identity")

    def test_a_cloud_that_is_not_in_the_file_is_named_with_those_that_are(self):
        self.write_clouds(self.password_auth())
        self.scene.write_config(cloud="other")
        self.assert_refused(self.plan(), MISUSED, "other", "ours")

    def test_the_file_of_the_clouds_may_be_named(self):
        self.write_clouds(self.password_auth(), name="elsewhere.yaml")
        elsewhere = self.scene.program.work / "elsewhere.yaml"
        self.scene.use_environment(**without_openstack(), OS_CLIENT_CONFIG_FILE=elsewhere)
        self.assert_plan(DONE)


if __name__ == "__main__":
    unittest.main()
