"""An image of 1 GiB into Glance: against curl -T of the same file, and the tools that download it first."""

import into_glance
import made_source
from harness import Bar
from peers import installed

NEEDS_CLOUD = True
RATE_BARS = {into_glance.Curl.name: Bar(">=", 0.95)}
TIME_BARS = {
    into_glance.CurlThenOpenstack.name: Bar("<=", 0.75),
    into_glance.SstreamMirrorGlance.name: Bar("<=", 0.62),
}
CPU_BAR = Bar("<=", 1.6)


def measure(bench):
    source = made_source.large_items(bench.work / "source", bench.key, bench.sized(1 << 30, quick=1 << 26), 1)
    peers = (into_glance.Curl, into_glance.CurlThenOpenstack, into_glance.SstreamMirrorGlance)
    rivals = [into_glance.Streamsync, *installed(*peers)]
    with source.server:
        rivals = [rival(source) for rival in rivals]
        comparison = bench.compare(source.what, rivals, source.gigabytes)
        with rivals[0].uploaded():
            requests = rivals[0].sync.requests()
    counts = ", ".join(f"{who} {len(them)}" for who, them in requests.items())
    bench.say(f"requests with nothing to do: {counts}")
    bench.say()
    bench.judge_rates(source.what, comparison, RATE_BARS)
    bench.judge_times(source.what, comparison, TIME_BARS)
    bench.judge_time(f"own CPU, ns/byte: {source.what}", comparison.cpu(), CPU_BAR)
