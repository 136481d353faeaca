"""An image of 1 GiB into Glance: our processor time, a byte and against Glance's own."""

import os
import statistics
from pathlib import Path

import into_glance
import made_source
import measured
from harness import Bar

NEEDS_CLOUD = True
CPU_BAR = Bar("<=", 1.6)
SHARE_BAR = Bar("<=", 0.35)


def measure(bench):
    source = made_source.large_items(bench.work / "source", bench.key, bench.sized(1 << 30, quick=1 << 26), 1)
    with source.server:
        upload = into_glance.Streamsync(source)
        upload.measure()
        pairs = [processor_seconds_of_both(upload) for _ in range(bench.pairs)]
    ours = statistics.median(ours for ours, _ in pairs) / source.gigabytes
    shares = [ours / theirs for ours, theirs in pairs]
    bench.say_grid(
        [
            ["CPU s/GB", *(str(number) for number in range(1, len(pairs) + 1))],
            ["streamsync", *(f"{ours / source.gigabytes:.2f}" for ours, _ in pairs)],
            ["Glance", *(f"{theirs / source.gigabytes:.2f}" for _, theirs in pairs)],
        ]
    )
    bench.say()
    bench.judge_time(f"own CPU, ns/byte: {source.what}", ours, CPU_BAR)
    bench.judge_time(f"own CPU / Glance's: {source.what}", statistics.median(shares), SHARE_BAR)


def processor_seconds_of_both(upload):
    before = glance_seconds()
    with upload.uploaded() as figures:
        return figures.cpu_seconds, glance_seconds() - before


def glance_seconds():
    """What Glance and its workers have used up to now."""
    file = Path(os.environ.get("CLOUD_DIR", ""), "run/glance.pid")
    if not file.exists():
        raise measured.Failed("Glance's process is not known without $CLOUD_DIR")
    main = int(file.read_text("ascii").split()[0])
    workers = Path(f"/proc/{main}/task/{main}/children").read_text("ascii").split()
    return sum(processor_seconds(pid) for pid in (main, *map(int, workers)))


def processor_seconds(pid):
    # proc(5): behind the name in parentheses, utime and stime are the 14th and 15th field.
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
