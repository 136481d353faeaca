#!/usr/bin/python3
"""What is superseded goes only when nobody uses it; until then it is hidden.

$STREAMSYNC is the binary, OS_* an administrator of a test cloud on loopback.
"""

import contextlib
import json
import secrets
import tempfile
import unittest
from pathlib import Path

import wall_clock
from cloud_log import CloudLog
from image_users import ImageUsers
from stream_tree import product_name
from sync_scene import NEW, OLD, Scene, Source, created, removed

DONE = 0
ITEM = "disk1.img"
CHANGES = ("POST", "PUT", "PATCH", "DELETE")


class RemovalCase(unittest.TestCase):
    def setUp(self):
        self.work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = self.enterContext(Source(self.work))
        self.source.add_one(OLD)
        self.source.write()
        self.products = [product_name("focal", "amd64", stream) for stream in self.source.trees]
        self.scene = Scene(self.work, self.source)
        self.addCleanup(self.scene.clean_up)

    def users(self, **options):
        return self.enterContext(ImageUsers(self.scene.cloud, **options))

    def sync(self, *arguments):
        """The run, its report and what it changed in Glance, as (method, last part of the path)."""
        file = self.work / "report.json"
        log = CloudLog.of_environment(self.scene.cloud)
        with log or contextlib.nullcontext():
            run = self.scene.sync("--report", file, *arguments)
        self.assertEqual(DONE, run.status, f"{run.out}\n{run.err}")
        self.report = json.loads(file.read_text("utf-8"))
        self.changes = log and [
            (method, path.split("/")[-1]) for method, path, _ in log.requests("glance") if method in CHANGES
        ]
        return run

    def supersede(self):
        """The ids of two images, of which each has a successor at the source by now."""
        self.sync()
        old = [self.scene.images()[product, OLD, ITEM]["id"] for product in self.products]
        self.source.add_one(NEW)
        self.source.write()
        return old

    def told(self, image_id):
        """(action, reason) of the image in the last report."""
        ((action, reason),) = (
            (action["action"], action["reason"])
            for action in self.report["actions"]
            if action.get("image_id") == image_id
        )
        return action, reason

    def assert_hidden(self, *image_ids):
        """There, found by nobody who does not ask for hidden ones, and not published."""
        images = {image["id"]: image for image in self.scene.images().values()}
        hidden = sorted(id for id, image in images.items() if image["os_hidden"])
        self.assertEqual(sorted(image_ids), hidden)
        published = {item["id"] for item in self.scene.published_items().values()}
        self.assertEqual(set(images) - set(hidden), published)

    def sync_idle(self):
        before = self.scene.images(), self.scene.published_items()
        run = self.sync()
        self.assertEqual("", run.out)
        self.assertIn(self.changes, ([], None))
        self.assertEqual(before, (self.scene.images(), self.scene.published_items()))
        return run


class MadeByUsers(RemovalCase):
    """What users make of an image has its properties; Nova and Cinder see to that."""

    INHERITED = (
        "content_id",
        "source_content_id",
        "product_name",
        "version_name",
        "item_name",
        "os_distro",
        "os_version",
        "architecture",
        "simplestreams_metadata",
    )

    def derive(self, base, data, **added):
        inherited = {name: base[name] for name in self.INHERITED}
        image = self.scene.cloud.create_image(
            data, name="of a user", disk_format="raw", container_format="bare", **inherited, **added
        )
        self.addCleanup(self.scene.cloud.delete_image, image["id"])
        return image

    def published(self):
        return {address: item["id"] for address, item in self.scene.published_items().items()}

    def test_it_is_neither_removed_nor_published(self):
        self.sync()
        address = (self.products[0], OLD, ITEM)
        base = self.scene.images()[address]
        published = self.published()
        theirs = [
            self.derive(base, b"a server", image_type="snapshot", instance_uuid=base["id"]),
            self.derive(base, None, image_type="backup", base_image_ref=base["id"]),
            self.derive(base, b"a volume"),
        ]

        self.sync()
        self.assertIn(self.changes, ([], None))
        self.assertEqual(published, self.published())

        self.scene.cloud.delete_image(base["id"])
        self.assertEqual(1, len(created(self.sync())), "it comes anew")
        self.assertNotIn(self.published()[address], [image["id"] for image in theirs])

        self.source.add_one(NEW)
        self.source.write()
        self.assertEqual(2, len(removed(self.sync())))
        self.assertEqual(theirs, [self.scene.cloud.image(image["id"]) for image in theirs])


class InUse(RemovalCase):
    def test_what_a_server_uses_is_hidden_and_goes_when_it_is_free(self):
        used, free = self.supersede()
        users = self.users()
        server = users.add_server(used, status="ERROR")
        run = self.sync()
        self.assertEqual([free], [image for image, _ in removed(run)])
        self.assertEqual(("hide", f"superseded; in use by server {server}"), self.told(used))
        self.assertEqual(1, self.report["totals"]["hidden"])
        self.assert_hidden(used)
        self.assertEqual([], self.scene.violations())

        self.sync_idle()
        self.assertEqual(("keep", f"superseded; in use by server {server}"), self.told(used))

        users.servers[0]["status"] = "DELETED"
        self.assertEqual([used], [image for image, _ in removed(self.sync())])
        self.assert_hidden()
        users.requests.clear()
        self.sync_idle()
        self.assertEqual([], users.requests, "nobody is asked when nothing is to go")

    def test_what_a_volume_on_a_later_page_was_made_from_is_hidden(self):
        used, free = self.supersede()
        users = self.users()
        users.add_server(None)
        for _ in range(4):
            users.add_volume()
        volume = users.add_volume(used)
        run = self.sync()
        self.assertEqual([free], [image for image, _ in removed(run)])
        self.assertEqual(("hide", f"superseded; in use by volume {volume}"), self.told(used))
        self.assert_hidden(used)
        pages = [target for target in users.requests if target.startswith("/volume")]
        self.assertEqual(3, len(pages), "each page once, however many images go")

    def test_a_plan_says_what_would_be_hidden_and_hides_nothing(self):
        used, free = self.supersede()
        self.users().add_server(used)
        file = self.work / "plan.json"
        run = self.scene.sync("--dry-run", "--report", file)
        self.assertEqual(DONE, run.status, run.err)
        self.report = json.loads(file.read_text("utf-8"))
        self.assertEqual("hide", self.told(used)[0])
        self.assertEqual("remove", self.told(free)[0])
        self.assert_hidden()

    def test_servers_of_a_region_that_shares_these_images_count(self):
        region = f"Shared-{secrets.token_hex(4)}"
        self.scene.cloud.create_region(region)
        self.addCleanup(self.scene.cloud.delete_region, region)
        used, free = self.supersede()
        self.users(region=region).add_server(used)
        self.assertEqual([free], [image for image, _ in removed(self.sync())])
        self.assert_hidden(used)

    def test_a_hidden_image_that_is_wanted_again_is_shown_again(self):
        used, _ = self.supersede()
        self.users().add_server(used)
        self.sync()
        self.assert_hidden(used)
        self.take_two_versions()
        run = self.sync()
        # Of the other stream the old version is made anew.
        self.assertEqual(1, len(created(run)))
        self.assertEqual("update", self.told(used)[0])
        self.assert_hidden()
        self.assertEqual([], self.scene.violations())
        self.sync_idle()

    def test_private_images_are_hidden_and_shown_again_as_others(self):
        self.scene.write_config(visibility="private")
        used, free = self.supersede()
        self.users().add_server(used)
        self.assertEqual([free], [image for image, _ in removed(self.sync())])
        self.assert_hidden(used)
        self.sync_idle()
        self.take_two_versions(visibility="private")
        self.sync()
        self.assertEqual("update", self.told(used)[0])
        of_used = self.changes and [change for change in self.changes if change[1] == used]
        self.assertIn(of_used, ([("PATCH", used)], None))
        self.assert_hidden()

    def test_what_the_operator_hid_stays_hidden(self):
        old, other = self.supersede()
        self.hide(old)
        self.assertEqual([other], [image for image, _ in removed(self.sync())])
        self.assertEqual(("keep", "hidden by the operator"), self.told(old))
        self.assert_hidden(old)
        new = self.scene.images()[self.products[0], NEW, ITEM]["id"]
        self.hide(new)
        self.sync()
        self.assertEqual(("keep", "hidden by the operator"), self.told(new))
        self.assert_hidden(old, new)
        self.sync_idle()

    def test_what_the_operator_made_private_and_hidden_stays_so(self):
        self.sync()
        images = self.scene.images()
        withdrawn = images[self.products[0], OLD, ITEM]["id"]
        self.hide(withdrawn, visibility="private")
        before = self.scene.images()
        self.sync()
        self.assertEqual(("keep", "hidden by the operator"), self.told(withdrawn))
        self.assertEqual(before, self.scene.images())
        self.sync_idle()

    def hide(self, image_id, **members):
        members["os_hidden"] = True
        patch = [{"op": "replace", "path": f"/{name}", "value": value} for name, value in members.items()]
        self.scene.cloud.change_image(image_id, patch)

    def take_two_versions(self, **changes):
        self.scene.write_config(
            mirror_list=[self.scene.mirror(stream, max=2) for stream in self.source.trees], **changes
        )


@unittest.skipIf(wall_clock.why_not(), wall_clock.why_not())
class Grace(RemovalCase):
    def test_a_superseded_image_stays_visible_until_grace_is_over_and_is_then_asked_about(self):
        clock = self.enterContext(wall_clock.WallClock())
        self.scene.use_environment(**clock.environment)
        self.scene.write_config(grace="2h")
        used, free = self.supersede()
        users = self.users()
        users.add_server(used)
        self.assertEqual([], removed(self.sync()))
        self.assertRegex(self.told(free)[1], r"^superseded; stays until \S+Z \(grace\)$")
        images = self.scene.images().values()
        self.assertEqual(4, len(images))
        self.assertFalse(any(image["os_hidden"] for image in images))
        published = {item["id"] for item in self.scene.published_items().values()}
        self.assertEqual({image["id"] for image in images} - {used, free}, published)
        self.assertEqual([], users.requests)
        self.sync_idle()

        clock.set(hours=3)
        self.assertEqual([free], [image for image, _ in removed(self.sync())])
        self.assert_hidden(used)
        self.sync_idle()


class NotKnown(RemovalCase):
    def sync_hides(self, old, *words):
        """A run that hides rather than removes, warns once, and one that changes nothing more."""
        run = self.sync()
        self.assertEqual([], removed(run))
        self.assert_hidden(*old)
        for each in (run, self.sync_idle()):
            warnings = [line for line in each.err.splitlines() if line.startswith("warning: ")]
            # That a service is asked again is told besides.
            (warning,) = [line for line in warnings if "; trying again in " not in line]
            for word in words:
                self.assertIn(word, warning)

    def test_who_may_not_see_servers_of_others_hides(self):
        cloud = self.scene.cloud
        name, password = f"streamsync-{secrets.token_hex(4)}", secrets.token_hex(16)
        member = cloud.create_user(name, password, role="member")
        self.addCleanup(cloud.delete_user, member)
        self.scene.write_config(visibility="community", publish=[])
        old = self.supersede()
        self.scene.use_environment(OS_USERNAME=name, OS_PASSWORD=password)
        for services in (("compute",), ("volumev3",)):
            with self.subTest(services=services), ImageUsers(cloud, services):
                self.sync_hides(old, "role admin")

    def assert_hidden(self, *image_ids):
        images = self.scene.images().values()
        self.assertEqual(sorted(image_ids), sorted(image["id"] for image in images if image["os_hidden"]))

    def test_a_service_that_fails_hides_and_once_it_answers_all_goes(self):
        old = self.supersede()
        users = self.users()
        users.broken["volumes"] = 500
        self.sync_hides(old, "500")
        users.broken.clear()
        self.assertEqual(sorted(old), sorted(image for image, _ in removed(self.sync())))

    def test_a_cloud_without_servers_and_volumes_is_not_asked(self):
        old = self.supersede()
        run = self.sync()
        self.assertEqual(sorted(old), sorted(image for image, _ in removed(run)))
        self.assertNotIn("warning", run.err)


class Copies(RemovalCase):
    def setUp(self):
        super().setUp()
        self.sync()
        self.address = (self.products[0], OLD, ITEM)
        ours = self.scene.images()[self.address]
        theirs = self.scene.upload_as_upstream("released", self.products[0], OLD)
        pair = sorted((ours, theirs), key=lambda image: (image["created_at"], image["id"]))
        self.better, self.copy = (image["id"] for image in pair)

    def ids(self):
        images = self.scene.cloud.images(content_id=self.scene.content_id)
        return {image["id"] for image in images if image["product_name"] == self.products[0]}

    def test_of_two_images_with_one_address_the_better_one_stays_and_the_other_goes(self):
        self.assertEqual({self.better, self.copy}, self.ids())
        run = self.sync()
        self.assertEqual([self.copy], [image for image, _ in removed(run)])
        self.assertEqual([], created(run))
        self.assertEqual(("remove", f"second copy of {self.better}"), self.told(self.copy))
        self.assertEqual({self.better}, self.ids())
        self.assertEqual(self.better, self.scene.published_items()[self.address]["id"])
        self.sync_idle()

    def test_a_copy_that_is_in_use_is_hidden(self):
        self.users().add_server(self.copy)
        self.assertEqual([], removed(self.sync()))
        hidden = self.scene.cloud.image(self.copy)
        self.assertTrue(hidden["os_hidden"])
        self.assertEqual(self.better, self.scene.published_items()[self.address]["id"])
        self.sync()
        self.assertIn(self.changes, ([], None))
        self.assertEqual("keep", self.told(self.copy)[0])


class Protected(RemovalCase):
    def test_a_protected_image_stays_as_it_is_and_hinders_nothing(self):
        guarded, free = self.supersede()
        self.protect(guarded, True)
        self.addCleanup(self.protect, guarded, False)
        users = self.users()
        for _ in range(2):
            self.sync()
            self.assertEqual(("keep", "superseded; protected"), self.told(guarded))
        self.assertIn(self.changes, ([], None))
        images = {image["id"]: image for image in self.scene.images().values()}
        self.assertFalse(images[guarded]["os_hidden"])
        self.assertNotIn(free, images)
        self.assertFalse(any(guarded in target for target in users.requests))
        self.assertEqual(2, len(self.scene.published_items()), "its successor is published, it is not")

    def protect(self, image_id, value):
        patch = [{"op": "replace", "path": "/protected", "value": value}]
        self.scene.cloud.change_image(image_id, patch)


if __name__ == "__main__":
    unittest.main()
