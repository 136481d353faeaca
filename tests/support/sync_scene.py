"""A source, a cloud and a configuration between them: the stage for tests of `streamsync sync`.

The source is the operator's example (cli.md, 6) in small: Bionic and Focal, arm64 and amd64, released and
daily, each root with its own signed index.
"""

import hashlib
import json
import re
import secrets
import sys
import urllib.parse
from pathlib import Path

import anonymous_http
import metadata_checklist
from openstack_api import Cloud
from stream_tree import SigningKey, StreamTree, content_id, product_name
from streamsync_program import Program
from tree_server import TreeServer

RELEASES = ("bionic", "focal")
ARCHES = ("amd64", "arm64")
STREAMS = ("released", "daily")
OLD, NEW, NEWEST = "20210601", "20210720", "20210801"
ITEM_FILTERS = ["arch~(arm64|amd64)", "ftype~(uefi1.img|uefi.img|disk1.img)", "release~(bionic|focal)"]
CREATED = re.compile(r"created ([0-9a-f-]{36}): (.+)")
REMOVING = re.compile(r"removing ([0-9a-f-]{36}): (.+)")


class Source:
    """Two signed trees, released/ and daily/, below one server."""

    def __init__(self, work):
        self.root = work / "www"
        self.key = SigningKey(work / "gnupg")
        self.keyring = work / "keyring.gpg"
        self.keyring.write_bytes(self.key.public_key())
        self.trees = {stream: StreamTree(self.root / stream, self.key) for stream in STREAMS}
        self.server = TreeServer(self.root)

    def add_all(self, *serials, size=65536):
        """Versions of these serials for each product, with one disk1.img."""
        for stream, tree in self.trees.items():
            for release in RELEASES:
                for arch in ARCHES:
                    for serial in serials:
                        tree.add_version(release, arch, serial, {"disk1.img": size}, stream)

    def add_one(self, serial):
        """For tests of the way to a cloud, where two images are enough."""
        for stream, tree in self.trees.items():
            tree.add_version("focal", "amd64", serial, {"disk1.img": 65536}, stream)

    def write(self):
        for tree in self.trees.values():
            tree.write()

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *exception):
        self.server.__exit__(*exception)
        self.key.close()

    def url(self, stream):
        return f"{self.server.url}{stream}/"

    def bytes_of(self, stream, product, serial, item_name="disk1.img"):
        return self.trees[stream].file(product, serial, item_name).read_bytes()


def all_products():
    """(stream, product_name) in the order of a plan: that of mirror_list, then of the documents."""
    for stream in STREAMS:
        for name in sorted(product_name(release, arch, stream) for release in RELEASES for arch in ARCHES):
            yield stream, name


class Scene:
    """One content_id and one place of publication, of its own unless `container` is given."""

    def __init__(self, work, source, container=None, prefix=None):
        self.cloud = test_cloud()
        self.source = source
        unique = secrets.token_hex(4)
        self.content_id = f"auto.sync.{unique}"
        self.container = container or "streamsync-test"
        self.prefix = prefix or f"{unique}/data"
        self.own_place = container is None
        self.name_prefix = f"auto-sync-{unique}/"
        work = Path(work) / unique
        self.program = Program(work)
        self.config = work / "config.yaml"
        self.write_config()

    def write_config(self, **changes):
        """JSON is YAML; `changes` are top-level keys, None takes a key away."""
        settings = {
            "mirror_list": [self.mirror(stream) for stream in STREAMS],
            "name_prefix": self.name_prefix,
            "content_id_template": self.content_id,
            "region": self.cloud.region,
            "cloud_name": "test-cloud",
            "keyring_path": str(self.source.keyring),
            "retries": {"attempts": 2, "budget": "5s", "max_wait": "1s"},
        }
        if self.own_place:
            settings["publish"] = [f"swift:{self.container}/{self.prefix}"]
        settings.update(changes)
        settings = {key: value for key, value in settings.items() if value is not None}
        self.config.write_text(json.dumps(settings, indent=1), encoding="utf-8")

    def mirror(self, stream, **changes):
        return {
            "name": stream,
            "url": self.source.url(stream),
            "name_prefix": f"ubuntu:{stream}",
            "path": "streams/v1/index.sjson",
            "max": 1,
            "item_filters": ITEM_FILTERS,
            **changes,
        }

    def use_environment(self, **environment):
        """For the runs from now on, as Program has it."""
        self.program = Program(self.program.work, **environment)

    def sync(self, *arguments):
        return self.program.run("sync", "--config", self.config, *arguments)

    def start_sync(self):
        return self.program.start("sync", "--config", self.config)

    def clean_up(self):
        self.cloud.remove_stream(self.container, self.prefix, self.content_id)
        for image in self.images_by_name():
            self.cloud.delete_image(image["id"])

    # --- what is there --------------------------------------------------------------------------

    @property
    def root(self):
        return f"{self.cloud.object_url(self.container)}{self.prefix}/"

    def images(self):
        """The images of our content_id, in every status, by address."""
        return {address_of(image): image for image in self.cloud.images(content_id=self.content_id)}

    def images_by_name(self):
        """All images that a run of ours may have left, with or without our properties."""
        return [image for image in self.cloud.images() if (image["name"] or "").startswith(self.name_prefix)]

    def published(self):
        return metadata_checklist.read_tree(self.root)

    def published_items(self):
        """(product_name, version_name, item_name) -> the published item, read anonymously."""
        answer = anonymous_http.get(f"{self.root}streams/v1/{self.content_id}.json")
        document = json.loads(answer.body) if answer.status == 200 else {}
        return {
            (product_name, version_name, item_name): item
            for product_name, product in document.get("products", {}).items()
            for version_name, version in product["versions"].items()
            for item_name, item in version["items"].items()
        }

    def violations(self):
        images = {image["id"]: image for image in self.cloud.images(content_id=self.content_id)}
        return metadata_checklist.violations(self.published(), self.cloud.region, self.cloud.auth_url, images)

    def upload_as_upstream(self, stream, product, serial, item_name="disk1.img"):
        """An image as upstream's tool leaves it: its name, formats and properties."""
        tree = self.source.trees[stream]
        scalars = {}
        for level in (
            tree.product(product),
            tree.version(product, serial),
            tree.item(product, serial, item_name),
        ):
            scalars.update({key: str(value) for key, value in level.items() if not isinstance(value, dict)})
        del scalars["path"]
        return self.cloud.create_image(
            self.source.bytes_of(stream, product, serial, item_name),
            name=f"{self.name_prefix}{scalars['pubname']}-{item_name}",
            disk_format="qcow2",
            container_format="bare",
            visibility="public",
            content_id=self.content_id,
            source_content_id=content_id(stream),
            product_name=product,
            version_name=serial,
            item_name=item_name,
            os_distro="ubuntu",
            os_version=scalars["version"],
            architecture={"amd64": "x86_64", "arm64": "aarch64"}[scalars["arch"]],
            simplestreams_metadata=json.dumps(scalars, sort_keys=True),
        )


def address_of(image):
    return tuple(image.get(key) for key in ("product_name", "version_name", "item_name"))


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def test_cloud():
    """The tests delete what they find in their places: only ever on a cloud of this machine."""
    cloud = Cloud.from_environment()
    if urllib.parse.urlsplit(cloud.auth_url).hostname not in ("127.0.0.1", "localhost", "::1"):
        sys.exit(f"{cloud.auth_url} is no test cloud of this machine")
    return cloud


def created(run):
    """(image id, name) of each `created` line."""
    return [match.groups() for match in map(CREATED.fullmatch, run.lines()) if match]


def removed(run):
    return [match.groups() for match in map(REMOVING.fullmatch, run.lines()) if match]
