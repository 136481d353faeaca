"""Four items of 256 MB into a directory: against curl | tee | openssl, sstream-mirror and aria2c."""

import into_directory
import made_source
import peers
from harness import Bar
from peers import installed

TIME_BARS = {
    into_directory.CurlTeeOpenssl.name: Bar("<=", 0.75),
    into_directory.SstreamMirror.name: Bar("<=", 0.40),
    into_directory.Aria2.name: Bar("<=", 0.35),
}
CPU_BAR = Bar("<=", 1.6)  # s/GB, that is ns/byte


def measure(bench):
    size = bench.sized(256 * 10**6, quick=16 * 10**6)
    source = made_source.large_items(bench.work / "source", bench.key, size)
    rivals = [
        into_directory.Streamsync,
        *installed(
            into_directory.CurlTeeOpenssl,
            into_directory.CurlAlone,
            into_directory.SstreamMirror,
            into_directory.Aria2,
        ),
    ]
    with source.server:
        comparison = bench.compare(source.what, [rival(source) for rival in rivals], source.gigabytes)
    bench.judge_times(source.what, comparison, TIME_BARS)
    bench.judge_time(f"own CPU, ns/byte: {source.what}", comparison.cpu(), CPU_BAR)
    say_floor(bench, comparison)


def say_floor(bench, comparison):
    """What no program that hashes can be below, on this machine, as it is today."""
    hashing = peers.sha256_nanoseconds()
    if hashing and installed(into_directory.CurlAlone):
        alone = comparison.cpu(into_directory.CurlAlone.name)
        what = f"to receive and to write {alone:.2f}, to hash {hashing:.2f}"
        bench.tell(f"own CPU / ({what} ns/byte)", comparison.cpu() / (alone + hashing))
