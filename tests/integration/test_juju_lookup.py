#!/usr/bin/python3
"""The judges of published metadata, judged: small good and bad trees over loopback.

What is expected here was measured with Juju's own packages (consumers.md, 1.1 and 1.2).
"""

import json
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import juju_lookup  # noqa: E402
import metadata_checklist  # noqa: E402
from tree_server import TreeServer  # noqa: E402

REGION = "RegionOne"
ENDPOINT = "https://keystone.example.com:5000/v3"
FOCAL = "com.ubuntu.cloud:server:20.04:amd64"
FOCAL_ARM = "com.ubuntu.cloud:server:20.04:arm64"
JAMMY = "com.ubuntu.cloud:server:22.04:amd64"
UPDATED = "Thu, 01 Jan 2026 00:00:00 +0000"
INDEX = "streams/v1/index.json"
DOCUMENT = "streams/v1/auto.sync.json"
OLDER, NEWER, OF_ARM = "id-20260101", "id-20260201", "id-arm"


def item(image_id, **tags):
    return {
        "ftype": "disk1.img",
        "id": image_id,
        "md5": "0" * 32,
        "name": f"auto-sync/{image_id}",
        "region": REGION,
        "endpoint": ENDPOINT,
        "size": 1000,
        **tags,
    }


def product(version, arch, versions):
    return {
        "aliases": f"{version},focal",
        "arch": arch,
        "os": "ubuntu",
        "release": "focal",
        "supported": True,
        "version": version,
        "versions": versions,
    }


def entry(document, path=DOCUMENT):
    return {
        "clouds": [{"region": REGION, "endpoint": ENDPOINT}],
        "cloudname": "test",
        "datatype": "image-ids",
        "format": "products:1.0",
        "path": path,
        "products": sorted(document["products"]),
        "updated": UPDATED,
    }


def good_tree():
    """path -> document; as streamsync has to publish it."""
    document = {
        "content_id": "auto.sync",
        "datatype": "image-ids",
        "format": "products:1.0",
        "products": {
            FOCAL: product(
                "20.04",
                "amd64",
                {
                    "20260101": {"items": {"disk1.img": item(OLDER)}},
                    "20260201": {"items": {"disk1.img": item(NEWER)}},
                },
            ),
            FOCAL_ARM: product("20.04", "arm64", {"20260201": {"items": {"disk1.img": item(OF_ARM)}}}),
        },
        "updated": UPDATED,
    }
    index = {"format": "index:1.0", "index": {"auto.sync": entry(document)}, "updated": UPDATED}
    return {INDEX: index, DOCUMENT: document}


def images():
    return {
        image_id: {
            "id": image_id,
            "status": "active",
            "visibility": "public",
            "os_hidden": False,
            "size": 1000,
            "checksum": "0" * 32,
            "os_hash_algo": "sha512",
            "os_hash_value": "1" * 128,
        }
        for image_id in (OLDER, NEWER, OF_ARM)
    }


class Published(unittest.TestCase):
    """Serves a tree (path -> document or bytes) and looks into it."""

    @classmethod
    def setUpClass(cls):
        cls.root = Path(cls.enterClassContext(tempfile.TemporaryDirectory()), "tree")
        cls.root.mkdir()
        cls.server = cls.enterClassContext(TreeServer(cls.root))

    def setUp(self):
        self.tree = good_tree()
        self.index = self.tree[INDEX]
        self.entry = self.index["index"]["auto.sync"]
        self.document = self.tree[DOCUMENT]
        self.product = self.document["products"][FOCAL]
        self.newest = self.product["versions"]["20260201"]
        self.item = self.newest["items"]["disk1.img"]
        self.statuses = {}

    def serve(self, use):
        shutil.rmtree(self.root, ignore_errors=True)
        for path, document in self.tree.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
        if not self.statuses:
            return use(self.server)
        with TreeServer(self.root, self.statuses) as server:
            return use(server)

    def lookup(self, *products, region=REGION, endpoint=ENDPOINT, end_of_root="/"):
        wanted = list(products) or [FOCAL]
        return self.serve(
            lambda server: self.look_into(server.url.rstrip("/") + end_of_root, region, endpoint, wanted)
        )

    # The judge, and how its answers look: others are held to the same expectations.

    def look_into(self, root, region, endpoint, products):
        return juju_lookup.lookup(root, region, endpoint, products)

    def assert_found(self, ids, result):
        self.assertEqual((None, "", sorted(ids)), (result.step, result.problem, result.image_ids))

    def assert_fails(self, step, result):
        self.assertEqual((step, []), (result.step, result.image_ids), result.problem)

    def add_entry(self, content_id, product_id, image_id):
        """A document of its own for one version of a product."""
        _, _, version, arch = product_id.split(":")
        versions = {"20260201": {"items": {"disk1.img": item(image_id)}}}
        document = {**self.document, "products": {product_id: product(version, arch, versions)}}
        path = f"streams/v1/{content_id}.json"
        self.tree[path] = document
        self.index["index"][content_id] = entry(document, path)

    def strip_regions(self):
        for version in self.product["versions"].values():
            for image in version["items"].values():
                del image["region"]


class JujuFinds(Published):
    def test_the_newest_image_by_the_documented_sequence_of_requests(self):
        self.server.take_requests()
        self.assert_found([NEWER], self.lookup())
        asked = ["index2.sjson", "index.sjson", "index2.json", "index.json", "mirrors.json", "auto.sync.json"]
        self.assertEqual([f"/streams/v1/{name}" for name in asked], self.server.paths())

    def test_one_image_for_each_wanted_product(self):
        self.assert_found([NEWER, OF_ARM], self.lookup(FOCAL, FOCAL_ARM))

    def test_an_image_in_an_entry_of_its_own(self):
        self.add_entry("jammy", JAMMY, "id-jammy")
        self.assert_found(["id-jammy"], self.lookup(JAMMY))

    def test_a_root_without_a_trailing_slash(self):
        self.assert_found([NEWER], self.lookup(end_of_root=""))

    def test_nothing_of_the_signed_files_but_goes_on(self):
        self.tree["streams/v1/index.sjson"] = b"-----BEGIN PGP SIGNED MESSAGE-----\n"
        self.assert_found([NEWER], self.lookup())

    def test_an_index_where_401_stands_for_not_there(self):
        self.statuses["/streams/v1/index2.json"] = 401
        self.assert_found([NEWER], self.lookup())

    def test_an_endpoint_with_another_slash_at_its_end(self):
        self.assert_found([NEWER], self.lookup(endpoint=ENDPOINT + "/"))

    def test_an_entry_without_clouds_whatever_the_cloud(self):
        del self.entry["clouds"]
        self.assert_found([NEWER], self.lookup(endpoint="https://elsewhere.example.com/v3"))

    def test_versions_by_their_bytes(self):
        versions = self.product["versions"]
        versions["20260201.10"] = {"items": {"disk1.img": item("id-10")}}
        versions["20260201.2"] = {"items": {"disk1.img": item("id-2")}}
        self.assert_found(["id-2"], self.lookup())

    def test_one_image_a_kind(self):
        versions = self.product["versions"]
        versions["20260101"]["items"]["squashfs"] = item("id-lxd-old", virt="lxd")
        self.newest["items"]["squashfs"] = item("id-lxd", virt="lxd")
        self.assert_found([NEWER, "id-lxd"], self.lookup())

    def test_the_region_where_it_is_inherited(self):
        for level in ("document", "product", "newest"):
            with self.subTest(level=level):
                self.setUp()
                self.strip_regions()
                getattr(self, level)["region"] = REGION
                self.assert_found([NEWER], self.lookup())

    def test_the_region_by_its_alias(self):
        self.strip_regions()
        self.item["crsn"] = "one"
        self.document["_aliases"] = {"crsn": {"one": {"region": REGION, "endpoint": ENDPOINT}}}
        self.assert_found([NEWER], self.lookup())

    def test_kinds_from_the_product_but_not_from_the_version(self):
        self.product["virt"] = "kvm"
        self.assertEqual(["kvm"], [image["virt"] for image in self.lookup().images])
        del self.product["virt"]
        self.newest["virt"] = "kvm"
        self.assertEqual([""], [image["virt"] for image in self.lookup().images])

    def test_nothing_of_the_document_but_place_and_kind_for_an_image(self):
        self.document.update(arch="other", version="other", release="other", virt="kvm", root_store="ssd")
        del self.product["arch"]
        (image,) = self.lookup().images
        self.assertEqual(
            ("", "20.04", "kvm", "ssd"),
            tuple(image[name] for name in ("arch", "version", "virt", "root_store")),
        )

    def test_tags_in_any_case(self):
        self.strip_regions()
        self.item["Region"] = REGION
        self.assert_found([NEWER], self.lookup())

    def test_past_what_it_does_not_read(self):
        self.item["supported"] = [1, {}]
        self.item["size"] = "1000"
        del self.document["updated"], self.entry["updated"], self.index["updated"]
        self.assert_found([NEWER], self.lookup())

    def test_past_bytes_that_are_no_utf8(self):
        self.item["name"] = "NAME"
        self.tree[DOCUMENT] = json.dumps(self.document).encode().replace(b"NAME", b"\xff")
        self.assert_found([NEWER], self.lookup())

    def test_past_a_mirrors_document(self):
        elsewhere = {"datatype": "image-ids", "path": "elsewhere.json"}
        self.tree["streams/v1/mirrors.json"] = {"mirrors": {"auto.sync": [elsewhere]}}
        self.assert_found([NEWER], self.lookup())


class JujuFails(Published):
    def test_at_an_index_that_is_forbidden(self):
        self.statuses["/streams/v1/index2.json"] = 403
        self.assert_fails("index", self.lookup())

    def test_at_an_index_that_is_not_there(self):
        del self.tree[INDEX]
        self.assert_fails("index", self.lookup())

    def test_at_a_mirrors_document_that_is_forbidden(self):
        self.statuses["/streams/v1/mirrors.json"] = 403
        self.assert_fails("mirrors", self.lookup())

    def test_at_a_mirrors_document_that_makes_no_sense(self):
        for nonsense in (b"<html>", b"[]", b'{"mirrors": {"auto.sync": {}}}'):
            with self.subTest(nonsense):
                self.tree["streams/v1/mirrors.json"] = nonsense
                self.assert_fails("mirrors", self.lookup())

    def test_at_formats_of_another_name(self):
        self.index["format"] = "index:2.0"
        self.assert_fails("index", self.lookup())
        self.index["format"] = "index:1.0"
        del self.document["format"]
        self.assert_fails("products", self.lookup())

    def test_at_an_entry_of_another_datatype(self):
        self.entry["datatype"] = "image-downloads"
        self.assert_fails("entry", self.lookup())

    def test_at_an_index_that_does_not_name_the_product(self):
        self.entry["products"] = []
        self.assert_fails("entry", self.lookup())

    def test_at_an_endpoint_that_differs(self):
        for other in (
            ENDPOINT.removesuffix("/v3"),
            ENDPOINT.replace("5000", "5001"),
            ENDPOINT.upper(),
            ENDPOINT + "//",
        ):
            with self.subTest(endpoint=other):
                self.assert_fails("entry", self.lookup(endpoint=other))

    def test_at_the_items_where_only_the_case_of_the_region_differs(self):
        self.assert_fails("match", self.lookup(region="regionone"))

    def test_at_items_without_a_region(self):
        self.strip_regions()
        self.assert_fails("match", self.lookup())

    def test_at_two_entries_with_the_same_product(self):
        self.add_entry("twin", FOCAL, "id-twin")
        self.assert_fails("entry", self.lookup())

    def test_at_two_entries_with_a_wanted_product_each(self):
        self.add_entry("jammy", JAMMY, "id-jammy")
        self.assert_fails("entry", self.lookup(FOCAL, JAMMY))

    def test_at_two_images_of_one_kind(self):
        self.newest["items"]["uefi1.img"] = item("id-uefi")
        self.assert_fails("match", self.lookup())

    def test_at_a_document_that_is_not_there(self):
        del self.tree[DOCUMENT]
        self.assert_fails("products", self.lookup())

    def test_at_what_should_be_a_string(self):
        for where, tag, value in (
            ("item", "id", 7),
            ("item", "Virt", True),
            ("newest", "release", True),
            ("product", "version", 20.04),
            ("product", "Versions", "1"),
            ("document", "content_id", 7),
            ("document", "updated", 7),
        ):
            with self.subTest(where=where, tag=tag):
                self.setUp()
                getattr(self, where)[tag] = value
                self.assert_fails("products", self.lookup())

    def test_at_damaged_json(self):
        whole = json.dumps(self.document).encode()
        for damage in (whole[:-1], whole + b"x", b"\xef\xbb\xbf" + whole, b""):
            with self.subTest(damage=damage[-10:]):
                self.tree[DOCUMENT] = damage
                self.assert_fails("products", self.lookup())


class Checklist(Published):
    def checked(self):
        return self.serve(lambda server: metadata_checklist.read_tree(server.url))

    def violations(self, **options):
        return metadata_checklist.violations(self.checked(), REGION, ENDPOINT, images(), **options)

    def assert_violates(self, *numbers):
        found = self.violations()
        self.assertEqual(sorted(numbers), sorted({int(text.split()[1].rstrip(":")) for text in found}), found)

    def test_a_good_tree_passes(self):
        self.assertEqual([], self.violations())
        self.assertEqual([], metadata_checklist.warnings(self.checked()))

    def test_1_a_document_that_is_not_there_or_no_json(self):
        self.tree[DOCUMENT] = b"<html></html>"
        self.assertIn("looks like HTML", metadata_checklist.line_1(self.checked())[0])
        self.tree[DOCUMENT] = b"\xef\xbb\xbf" + json.dumps(self.document).encode()
        self.assertIn("byte order mark", metadata_checklist.line_1(self.checked())[0])
        self.tree[DOCUMENT] = b'"\xff"'
        self.assertIn("not UTF-8", metadata_checklist.line_1(self.checked())[0])
        del self.tree[DOCUMENT]
        self.assertIn("status 404", metadata_checklist.line_1(self.checked())[0])

    def test_2_names_that_should_not_be_there(self):
        self.statuses["/streams/v1/mirrors.json"] = 403
        self.statuses["/streams/v1/index2.sjson"] = 401
        self.tree["streams/v1/index2.json"] = self.index
        found = metadata_checklist.line_2(self.checked())
        self.assertEqual(
            ["index2.json answers 200", "mirrors.json answers 403"], [text.split(",")[0] for text in found]
        )

    def test_3_required_keys(self):
        del self.document["datatype"]
        del self.entry["updated"]
        self.document["content_id"] = "other"
        self.assertEqual(3, len(metadata_checklist.line_3(self.checked())))

    def test_4_dates(self):
        for wrong in ("Thu, 01 Jan 2026 00:00:00 GMT", "Wed, 01 Jan 2026 00:00:00 +0000", "2026-01-01", None):
            with self.subTest(date=wrong):
                self.document["updated"] = wrong
                self.assertEqual(1, len(metadata_checklist.line_4(self.checked())))

    def test_4_dates_that_go_back(self):
        before = self.checked()
        self.assertEqual([], metadata_checklist.line_4(self.checked(), before))
        self.document["updated"] = "Wed, 31 Dec 2025 23:59:59 +0000"
        self.assertEqual(1, len(metadata_checklist.line_4(self.checked(), before)))

    def test_5_products_of_the_entry(self):
        self.entry["products"].pop()
        self.assert_violates(5)
        self.entry["products"] = []
        self.assert_violates(5)

    def test_6_paths(self):
        for path in (
            "/streams/v1/a.json",
            "streams/../a.json",
            "streams//a.json",
            "a.sjson",
            "http://x/a.json",
            "",
        ):
            with self.subTest(path=path):
                self.entry["path"] = path
                self.assertTrue(metadata_checklist.line_6(self.checked()))

    def test_6_last_components_that_are_not_unique(self):
        self.index["index"]["other"] = entry(self.document, "other/auto.sync.json")
        self.assertEqual(1, len(metadata_checklist.line_6(self.checked())))

    def test_7_types(self):
        for node, tag, value in (
            (self.item, "size", "1000"),
            (self.item, "size", True),
            (self.product, "supported", "True"),
            (self.product, "aliases", ["20.04"]),
            (self.newest, "label", None),
            (self.item, "requirements", {"secureboot": False}),
        ):
            with self.subTest(tag=tag, value=value):
                node[tag] = value
                self.assertTrue(metadata_checklist.line_7(self.checked()))
                del node[tag]

    def test_8_empty_versions(self):
        self.newest["items"] = {}
        self.assert_violates(8)
        self.product["versions"] = {}
        self.assert_violates(8)

    def test_11_another_family(self):
        self.document["datatype"] = "image-downloads"
        self.assert_violates(11)

    def test_12_clouds(self):
        self.entry["clouds"] *= 2
        self.assert_violates(12)
        self.entry["clouds"] = [{"region": REGION, "endpoint": ENDPOINT}]
        self.item["endpoint"] += "/"
        self.assert_violates(12)
        del self.item["endpoint"]
        self.newest["endpoint"] = ENDPOINT
        self.assert_violates(12)

    def test_13_the_cloud_that_users_define(self):
        tree = self.checked()
        self.assertTrue(metadata_checklist.line_13(tree, "RegionTwo", ENDPOINT))
        self.assertTrue(metadata_checklist.line_13(tree, REGION, ENDPOINT + "/"))
        self.entry["clouds"].append(
            {"region": "other", "endpoint": "https://me:secret@keystone.example.com/v3"}
        )
        self.assertEqual(1, len(metadata_checklist.line_13(self.checked(), REGION, ENDPOINT)))

    def test_14_a_product_in_two_entries(self):
        self.index["index"]["other"] = entry(self.document, "streams/v1/other.json")
        self.assertEqual(2, len(metadata_checklist.line_14(self.checked())))

    def test_15_one_image_a_kind(self):
        self.newest["items"]["uefi1.img"] = item(OLDER)
        self.assert_violates(15)
        del self.newest["items"]["uefi1.img"]
        self.newest["virt"] = "kvm"
        self.assert_violates(15)

    def test_16_images(self):
        tree = self.checked()
        for change in (
            {"status": "queued"},
            {"visibility": "private"},
            {"os_hidden": True},
            {"size": 999},
            {"checksum": "f" * 32},
        ):
            with self.subTest(change=change):
                there = images()
                there[NEWER].update(change)
                self.assertEqual(1, len(metadata_checklist.line_16(tree, there)))
        there = images()
        del there[OF_ARM]
        self.assertEqual(1, len(metadata_checklist.line_16(tree, there)))
        self.item["id"] = ""
        self.assert_violates(16)

    def test_17_arch_version_and_stream_of_the_product_id(self):
        self.product["arch"] = "x86_64"
        self.assert_violates(17)
        self.product["arch"] = "amd64"
        self.newest["label"] = "daily"
        self.assert_violates(17)

    def test_warnings(self):
        self.item["size"] = 2**31
        self.product["versions"]["20260201.10"] = {"items": {"disk1.img": item(NEWER)}}
        self.product["versions"]["20260201.9"] = {"items": {"disk1.img": item(OLDER)}}
        self.assertEqual(2, len(metadata_checklist.warnings(self.checked())))


if __name__ == "__main__":
    unittest.main()
