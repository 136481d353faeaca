"""Rivals that bring the images of a source into Glance."""

import contextlib
import json
import os
import secrets
import shutil

import measured
import peers
from cloud_log import USUAL, CloudLog
from made_source import INDEX, entry
from openstack_api import Cloud
from streamsync_program import Program

FILTER = "ftype=disk1.img"


class Uploader:
    """`name` is what figures call it. Each time under a content_id of its own, so that all is uploaded."""

    def __init__(self, source):
        self.source = source

    def measure(self):
        """Its figures. No image is left."""
        with self.uploaded() as figures:
            return figures

    @contextlib.contextmanager
    def uploaded(self):
        """The same, while the images are there."""
        # The token is new, so that it outlives the run.
        cloud = Cloud.from_environment()
        content_id = f"streamsync.bench.{secrets.token_hex(4)}"
        work = self.source.work / content_id
        work.mkdir()
        try:
            figures = self.upload(work, cloud, content_id)
            self._assert_uploaded(cloud, content_id)
            yield figures
        finally:
            for image in self.images(cloud, content_id):
                cloud.delete_image(image["id"])
            shutil.rmtree(work)

    def images(self, cloud, content_id):
        """What an upload has made."""
        return cloud.images(content_id=content_id)

    def expected(self):
        """The items of these images."""
        return self.source.items

    def _assert_uploaded(self, cloud, content_id):
        """Who did not upload all of it was not faster."""
        images = self.images(cloud, content_id)
        held = sorted((image["status"], image["size"], image["checksum"]) for image in images)
        if held != sorted(("active", item["size"], item["md5"]) for item in self.expected()):
            raise measured.Failed(f"{self.name}: Glance has not what the source has: {held}")


class Streamsync(Uploader):
    """`streamsync sync` from a state directory that is new. Metadata is not published."""

    name = "streamsync"

    def upload(self, work, cloud, content_id):
        self.sync = Sync(work, self.source, cloud, content_id)
        return self.sync.run_once()


class Sync(Program):
    """The images of one source, under one content_id."""

    def __init__(self, work, source, cloud, content_id, **settings):
        super().__init__(work)
        self._config = work / "config.yaml"
        self._cloud = cloud
        self._server = source.server
        settings = {
            "mirror_list": [{**entry(source.server), "item_filters": [FILTER]}],
            "name_prefix": f"{content_id}/",
            "content_id_template": content_id,
            "region": cloud.region,
            "use_swift": False,
            "keyring_path": str(source.keyring),
            **settings,
        }
        settings = {key: value for key, value in settings.items() if value is not None}
        self._config.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML

    def run_once(self, command="sync", *options):
        run = self.command(command, "-c", self._config, *options)
        return measured.run(run, self.work, self._environment)

    def planned(self):
        """What a plan would do with each image."""
        report = json.loads(self.run("plan", "-c", self._config, "--output", "json").out)
        return [action["action"] for action in report["actions"]]

    def requests(self, command="sync"):
        """A run's requests by who was asked, as (method, path, status)."""
        self._server.take_requests()
        log = CloudLog.of_environment(self._cloud)
        with log or contextlib.nullcontext():
            self.run_once(command)
        asked = {"source": [(r.method, r.path, r.status) for r in self._server.take_requests()]}
        return asked | ({service: log.requests(service) for service in USUAL} if log else {})


class Curl(Uploader):
    """`curl -T` for each image at once, into images that are queued. It reads files, and computes nothing."""

    name = "curl -T"
    _SCRIPT = """
        set -euo pipefail
        while read -r file url; do
            curl -q --noproxy '*' --silent --show-error --fail -H @headers -T "$file" "$url" &
            running+=($!)
        done <urls
        for each in "${running[@]}"; do wait "$each"; done
    """

    @staticmethod
    def programs():
        return [peers.find("bash"), peers.find("curl")]

    def upload(self, work, cloud, content_id):
        headers = work / "headers"
        headers.touch(mode=0o600)
        headers.write_text(
            f"X-Auth-Token: {cloud.token}\nContent-Type: application/octet-stream\n", encoding="ascii"
        )
        lines = [self._queue(cloud, content_id, item) for item in self.source.items]
        (work / "urls").write_text("".join(lines), encoding="utf-8")
        return measured.run(["bash", "-c", self._SCRIPT], work)

    def _queue(self, cloud, content_id, item):
        formats = {"disk_format": "qcow2", "container_format": "bare"}
        image = cloud.create_image(name=content_id, content_id=content_id, **formats)
        return f"{self.source.root / item['path']} {cloud.endpoint('image')}/v2/images/{image['id']}/file\n"


class CurlThenOpenstack(Uploader):
    """Download, then `openstack image create --file`, one image after the other. Nothing is verified."""

    name = "curl, openstack"
    _SCRIPT = """
        set -euo pipefail
        while read -r url; do
            curl -q --noproxy '*' --silent --show-error --fail --output image "$url"
            openstack image create --file image --disk-format qcow2 --container-format bare \\
                --property content_id="$0" "$0"
            rm image
        done <urls
    """

    @staticmethod
    def programs():
        return [peers.find("bash"), peers.find("curl"), peers.find("openstack")]

    def upload(self, work, _, content_id):
        (work / "urls").write_text("".join(f"{url}\n" for url in self.source.urls()), encoding="utf-8")
        environment = {**os.environ, "no_proxy": "*"}
        return measured.run(["bash", "-c", self._SCRIPT, content_id], work, environment)


class SstreamMirrorGlance(Uploader):
    """The tool of python3-simplestreams."""

    name = "sstream-mirror-glance"

    @staticmethod
    def programs():
        return [peers.python_tool("sstream-mirror-glance")]

    def upload(self, work, cloud, content_id):
        options = {
            "--region": cloud.region,
            "--cloud-name": "test-cloud",
            "--content-id": content_id,
            "--output-dir": work / "published",
            "--keyring": self.source.keyring,
            "--name-prefix": f"{content_id}/",
            "--path": INDEX,
        }
        flat = [word for option in options.items() for word in option]
        self._command = [*self.programs(), *flat, self.source.server.url, FILTER]
        self._work = work
        return self.run_again()

    def run_again(self):
        # Its compiled modules stay from run to run.
        environment = peers.python_environment(*self.programs(), self.source.work)
        return measured.run(self._command, self._work, environment)
