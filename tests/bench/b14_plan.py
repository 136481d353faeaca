"""A plan with nothing to do, of 200 images in Glance, a version each: list calls, and sstream-mirror-glance."""

import contextlib
import math

import into_glance
import made_source
import measured
from harness import Bar
from peers import installed

NEEDS_CLOUD = True
PAGE = 1000  # images, the most that Glance gives at once as it is delivered
TIME_BARS = {into_glance.SstreamMirrorGlance.name: Bar("<=", 0.3)}


class Plan(into_glance.Streamsync):
    """It uploads by sync. Its next run is a plan."""

    def run_again(self):
        return self.sync.run_once("plan")


class Again:
    """One who has uploaded all, once more."""

    def __init__(self, uploader):
        self.name = uploader.name
        self.measure = uploader.run_again


def measure(bench):
    source = made_source.many_versions(bench.work / "source", bench.key, bench.sized(200, quick=20), 4096)
    what = f"{source.what}, all there"
    with source.server, contextlib.ExitStack() as uploaded:
        ours, *others = [each(source) for each in (Plan, *installed(into_glance.SstreamMirrorGlance))]
        for uploader in (ours, *others):
            uploaded.enter_context(uploader.uploaded())
        comparison = bench.compare(what, [Again(uploader) for uploader in (ours, *others)])
        asked = ours.sync.requests("plan")
        if set(ours.sync.planned()) != {"keep"}:
            raise measured.Failed("the plan has something to do")
    bench.judge_times(what, comparison, TIME_BARS)
    if "glance" not in asked:
        raise measured.Failed("Glance's log is not known without $CLOUD_DIR")
    # Hidden images, which are not shown yet, are listed apart.
    bar = Bar("<=", math.ceil(len(source.items) / PAGE) + 1)
    lists = [path for _, path, _ in asked["glance"] if path.startswith("/v2/images?")]
    bench.judge(f"list calls: {what}", len(lists), bar, "{}")
    bench.say("\n".join(["list calls:", *lists]))
    bench.say()
