"""4,000, 16,000 and 64,000 items of 1 KB into a directory: how time grows with their number."""

import math
import shutil
import statistics

import into_directory
import made_source
from harness import Bar
from peers import installed

EXPONENT_BAR = Bar("<=", 1.05)


def measure(bench):
    """wget beside us knows how much of the growth is that of server and file system."""
    counts = bench.sized((4000, 16000, 64000), quick=(400, 1600, 6400))
    rivals = [into_directory.Streamsync, *installed(into_directory.Wget)]
    seconds = {rival.name: [] for rival in rivals}
    for count in counts:
        source = made_source.small_items(bench.work / f"source-{count}", bench.key, count)
        with source.server:
            comparison = bench.compare(source.what, [rival(source) for rival in rivals])
        for name, medians in seconds.items():
            medians.append(comparison.seconds(name))
        shutil.rmtree(source.work)
    ours, *others = (exponent(counts, medians) for medians in seconds.values())
    bench.judge_time("exponent of growth", ours, EXPONENT_BAR)
    for other in others:
        bench.tell(f"exponent of growth, {into_directory.Wget.name}", other)


def exponent(counts, seconds):
    """The slope of log time over log count, by least squares."""
    return statistics.linear_regression([*map(math.log, counts)], [*map(math.log, seconds)]).slope
