"""An image of 256 MB into three regions in one run: bytes from the source.

The regions of the test cloud have one Glance. Three content_ids make three images of it.
"""

import contextlib
import secrets

import into_glance
import made_source
from harness import Bar
from openstack_api import Cloud

NEEDS_CLOUD = True
BYTES_BAR = Bar("==", 1.0)


@contextlib.contextmanager
def two_more_regions(cloud):
    names = [f"bench-{secrets.token_hex(4)}" for _ in range(2)]
    try:
        for name in names:
            cloud.create_region(name)
        yield names
    finally:
        for name in names:
            cloud.delete_region(name)


class ThreeRegions(into_glance.Uploader):
    name = "streamsync"

    def __init__(self, source, regions):
        super().__init__(source)
        self._regions = regions

    def upload(self, work, cloud, content_id):
        regions = [cloud.region, *self._regions]
        self._content_ids = [f"{content_id}.{region}" for region in regions]
        changes = {"region": None, "regions": regions, "content_id_template": f"{content_id}.{{region}}"}
        sync = into_glance.Sync(work, self.source, cloud, content_id, **changes)
        self.source.take_bytes_sent()
        figures = sync.run_once()
        self.bytes_fetched = self.source.take_bytes_sent()
        return figures

    def images(self, cloud, _):
        return [image for name in self._content_ids for image in cloud.images(content_id=name)]

    def expected(self):
        return self.source.items * len(self._content_ids)


def measure(bench):
    size = bench.sized(256 * 10**6, quick=16 * 10**6)
    source = made_source.large_items(bench.work / "source", bench.key, size, 1)
    with source.server, two_more_regions(Cloud.from_environment()) as regions:
        upload = ThreeRegions(source, regions)
        figures = upload.measure()
    what = f"bytes from the source / those of the items: {source.what}"
    bench.judge(what, upload.bytes_fetched / source.size, BYTES_BAR)
    bench.judge_memory(source.what, figures.peak_bytes / 10**6)
