"""Four images of 256 MB into Glance: against four curl -T at once, and sstream-mirror-glance."""

import into_glance
import made_source
from harness import Bar
from peers import installed

NEEDS_CLOUD = True
RATE_BARS = {into_glance.Curl.name: Bar(">=", 0.75)}
TIME_BARS = {into_glance.SstreamMirrorGlance.name: Bar("<=", 0.40)}
CPU_BAR = Bar("<=", 1.6)


def measure(bench):
    size = bench.sized(256 * 10**6, quick=16 * 10**6)
    source = made_source.large_items(bench.work / "source", bench.key, size)
    rivals = [into_glance.Streamsync, *installed(into_glance.Curl, into_glance.SstreamMirrorGlance)]
    with source.server:
        comparison = bench.compare(source.what, [rival(source) for rival in rivals], source.gigabytes)
    bench.judge_rates(source.what, comparison, RATE_BARS)
    bench.judge_times(source.what, comparison, TIME_BARS)
    bench.judge_time(f"own CPU, ns/byte: {source.what}", comparison.cpu(), CPU_BAR)
