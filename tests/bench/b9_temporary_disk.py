"""An image of 1 GiB into Glance: what is written to disk meanwhile."""

import into_glance
import made_source
import measured
from harness import Bar

NEEDS_CLOUD = True
# Documents, state and report. Of the image nothing.
BAR_MEGABYTES = Bar("<=", 1)
PROBE = 10 * 10**6


def measure(bench):
    assert_counted(bench.work)
    source = made_source.large_items(bench.work / "source", bench.key, bench.sized(1 << 30, quick=1 << 26), 1)
    with source.server:
        figures = into_glance.Streamsync(source).measure()
    bench.judge(f"written to disk, MB: {source.what}", figures.written_bytes / 10**6, BAR_MEGABYTES)


def assert_counted(work):
    """Linux counts only what goes to a disk. State, home and TMPDIR lie where this is tried."""
    figures = measured.run(["head", "-c", str(PROBE), "/dev/zero"], work)
    if figures.written_bytes < PROBE:
        raise measured.Failed(f"what is written in {work} is not counted; set TMPDIR to a disk")
