#!/usr/bin/python3
"""What a cloud's own policies say about the visibility of images is found out before anything is sent.

$STREAMSYNC is the binary, OS_* an administrator of a test cloud on loopback, $CLOUD_DIR its directory.
"""

import contextlib
import json
import os
import tempfile
import unittest
from pathlib import Path

from cloud_log import CloudLog
from cloud_setup import control
from sync_scene import NEW, NEWEST, OLD, Scene, Source, created

DONE, TARGET_UNAVAILABLE = 0, 5
NOBODY = "!"


# Glance asks the first section that matches, and refuses what none does.
def protection(*rules):
    """Of properties, who may create and who may delete them."""
    return "\n".join(
        f"[{properties}]\ncreate = {creates}\nread = admin\nupdate = admin\ndelete = {deletes}\n"
        for properties, creates, deletes in (*rules, (".*", "admin", "admin"))
    )


NO_DELETION = protection(("^streamsync_", "admin", NOBODY))
NO_MARK = protection(("^latest$", NOBODY, "admin"))


@contextlib.contextmanager
def glance_reading(content, setting):
    """Glance with a file of this content, which its setting names."""
    settings = Path(os.environ["CLOUD_DIR"], "etc/glance/conf.d/90-policy.conf")
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        settings.write_text(f"{setting} = {file.name}\n", encoding="utf-8")
        try:
            control("service", "restart", "glance")
            yield
        finally:
            settings.unlink()
            control("service", "restart", "glance")


def glance_with(policies):
    return glance_reading(json.dumps(policies), "[oslo_policy]\npolicy_file")


class Visibility(unittest.TestCase):
    def setUp(self):
        work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = self.enterContext(Source(work))
        self.source.add_one(NEW)
        self.source.write()
        self.scene = Scene(work, self.source)
        self.addCleanup(self.scene.clean_up)

    def sync(self, status=DONE):
        run = self.scene.sync()
        self.assertEqual(status, run.status, f"{run.out}\n{run.err}")
        return run

    def items_asked_for(self):
        return [path for path in self.source.server.paths() if path.endswith(".img")]

    def sync_refused(self, policy, role):
        before = self.scene.images_by_name()
        for _ in range(2):
            run = self.sync(TARGET_UNAVAILABLE)
            self.assertIn(policy, run.last_words())
            self.assertIn(role, run.last_words())
            self.assertEqual(before, self.scene.images_by_name())
            self.assertEqual([], self.items_asked_for())

    def test_a_policy_that_forbids_public_images_is_named_before_a_byte_is_sent(self):
        with glance_with({"publicize_image": NOBODY}):
            self.sync_refused("publicize_image", "role admin")
        self.assertEqual(2, len(created(self.sync())))

    def test_a_policy_that_forbids_community_images_is_named_before_a_byte_is_sent(self):
        self.scene.write_config(visibility="community")
        with glance_with({"communitize_image": NOBODY}):
            self.sync_refused("communitize_image", "role member")

    def test_images_that_are_there_stay_published(self):
        self.sync()
        before = self.scene.images(), self.scene.published_items()
        self.source.add_one(OLD)
        self.source.write()
        self.scene.write_config(
            mirror_list=[self.scene.mirror(stream, max=2) for stream in ("released", "daily")]
        )
        self.source.server.take_requests()
        with glance_with({"publicize_image": NOBODY}):
            self.sync_refused("publicize_image", "role admin")
        self.assertEqual(before, (self.scene.images(), self.scene.published_items()))

    def test_a_forbidden_visibility_that_is_not_wanted_does_not_matter(self):
        self.scene.write_config(visibility="private")
        with glance_with({"publicize_image": NOBODY, "communitize_image": NOBODY}):
            self.assertEqual(2, len(created(self.sync())))

    def test_what_property_protection_keeps_hidden_is_shown_later_and_not_sent_again(self):
        with glance_reading(NO_DELETION, "[DEFAULT]\nproperty_protection_file"):
            for _ in range(2):
                words = self.sync(TARGET_UNAVAILABLE).err
                self.assertIn("'streamsync_unrevealed' is reserved", words)
                self.assertIn("property protection: give the user a role that may", words)
        self.source.server.take_requests()
        self.assertEqual(2, len(created(self.sync())))
        self.assertEqual([], self.items_asked_for())

    def test_what_stays_because_the_newest_can_not_be_marked_is_named_as_before(self):
        self.scene.write_config(set_latest_property=True)
        self.sync()
        before = set(self.scene.published_items())
        self.source.add_one(NEWEST)
        self.source.write()
        with glance_reading(NO_MARK, "[DEFAULT]\nproperty_protection_file"):
            run = self.sync(TARGET_UNAVAILABLE)
        self.assertEqual(2, run.err.count("the newest images could not be marked"), run.err)
        self.assertLess(before, set(self.scene.published_items()))
        self.sync()
        self.assertEqual({NEWEST}, {version for _, version, _ in self.scene.published_items()})

    def test_it_is_asked_once_with_the_empty_image(self):
        log = CloudLog.of_environment(self.scene.cloud)
        with log or contextlib.nullcontext():
            self.sync()
        if log is None:
            self.skipTest("CLOUD_DIR names no test cloud with logs")
        changes = [(method, path) for method, path, _ in log.requests("glance") if method in ("PATCH", "PUT")]
        first, second = changes[:2]
        self.assertEqual(("PATCH", first), (first[0], second), "to the wanted visibility and back")
        self.assertEqual(2, [method for method, _ in changes[2:]].count("PATCH"), "each is revealed once")


if __name__ == "__main__":
    unittest.main()
