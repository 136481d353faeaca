"""An image of 10 GB and seven of 256 MB, of 10^6 items, at once into Glance: peak memory."""

import b13_memory
import into_glance

NEEDS_CLOUD = True


class Upload(into_glance.Uploader):
    name = "streamsync"

    def upload(self, work, cloud, content_id):
        return into_glance.Sync(work, self.source, cloud, content_id, **self.source.settings()).run_once()


def measure(bench):
    source = b13_memory.Source(bench)
    with source.server:
        figures = Upload(source).measure()
    bench.judge_memory(source.what, figures.peak_bytes / 10**6)
