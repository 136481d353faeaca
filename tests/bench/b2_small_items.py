"""4,000 items of 1 KB into a directory: against wget -i on one connection, and sstream-mirror."""

import into_directory
import made_source
from harness import Bar
from peers import installed

TIME_BARS = {
    into_directory.Wget.name: Bar("<=", 1.00),
    into_directory.SstreamMirror.name: Bar("<=", 0.06),
}


def measure(bench):
    source = made_source.small_items(bench.work / "source", bench.key, bench.sized(4000, quick=400))
    rivals = [into_directory.Streamsync, *installed(into_directory.Wget, into_directory.SstreamMirror)]
    with source.server:
        comparison = bench.compare(source.what, [rival(source) for rival in rivals])
    bench.judge_times(source.what, comparison, TIME_BARS)
