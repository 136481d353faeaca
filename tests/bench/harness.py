"""The harness of the benches: rivals that run in turn, their figures in a table, and bars that these are held
against. See README.md."""

import operator
import os
import statistics
from dataclasses import dataclass

BAR_PAIRS = 5
QUICK_PAIRS = 2


# --- what is printed ----------------------------------------------------------------------------------


class Out:
    """Standard output, and the end of a file when there is one."""

    def __init__(self, path):
        self._file = open(path, "a", encoding="utf-8") if path else None

    def say(self, text=""):
        print(text, flush=True)
        if self._file:
            print(text, file=self._file, flush=True)

    def say_grid(self, rows):
        """Rows of texts, the first column to the left."""
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for first, *others in rows:
            cells = (f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
            self.say("  ".join([f"{first:<{widths[0]}}", *cells]).rstrip())


# --- runs in turn -------------------------------------------------------------------------------------


def rounds(rivals, count):
    """The Figures of each rival by its name, round for round.

    One round more than is measured goes before, so that all is warm and all are known to do their work. The
    order turns about (A B, B A, ...), so that what drifts weighs on all alike.
    """
    for rival in rivals:
        rival.measure()
    for number in range(count):
        order = rivals if number % 2 == 0 else rivals[::-1]
        yield {rival.name: rival.measure() for rival in order}


class Comparison:
    """Figures of all rounds, by the names of rivals: we first, then the peers.

    Processor time is per gigabyte where `gigabytes` says how many were moved.
    """

    def __init__(self, names, gigabytes=None):
        self._names = names
        self._gigabytes = gigabytes
        self._rounds = []

    def add(self, figures):
        self._rounds.append(figures)

    def ratios(self, peer):
        """Our time by that of the peer, within each round; none where the peer did not take part."""
        if peer not in self._names:
            return []
        pairs = zip(self._seconds(self._names[0]), self._seconds(peer), strict=True)
        return [ours / theirs for ours, theirs in pairs]

    def seconds(self, name):
        return statistics.median(self._seconds(name))

    def cpu(self, name=None):
        figures = self._figures(name or self._names[0])
        return statistics.median(each.cpu_seconds for each in figures) / (self._gigabytes or 1)

    def peak_megabytes(self, name=None):
        return max(each.peak_bytes for each in self._figures(name or self._names[0])) / 10**6

    def say(self, out):
        numbers = [str(number) for number in range(1, len(self._rounds) + 1)]
        out.say_grid([["seconds", *numbers], *map(self._seconds_row, self._names)])
        out.say()
        unit = "CPU s/GB" if self._gigabytes else "CPU s"
        out.say_grid([["", "median s", "ours / its", unit, "peak MB"], *map(self._summary_row, self._names)])

    def _seconds_row(self, name):
        return [name, *(f"{seconds:.3f}" for seconds in self._seconds(name))]

    def _summary_row(self, name):
        ratio = statistics.median(self.ratios(name))
        return [
            name,
            f"{self.seconds(name):.3f}",
            f"{ratio:.3f}",
            f"{self.cpu(name):.2f}",
            f"{self.peak_megabytes(name):.1f}",
        ]

    def _seconds(self, name):
        return [each.seconds for each in self._figures(name)]

    def _figures(self, name):
        return [figures[name] for figures in self._rounds]


# --- bars ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bar:
    """`sign` is one of SIGNS."""

    sign: str
    limit: float

    def __str__(self):
        return f"{self.sign} {self.limit:g}"

    def is_met(self, figure):
        return SIGNS[self.sign](figure, self.limit)


SIGNS = {"<=": operator.le, ">=": operator.ge, "==": operator.eq}
MEMORY_BAR = Bar("<=", 64)  # MB


class Verdicts:
    """What is said of each figure at the end."""

    MET, MISSED, NOT_JUDGED = "met", "MISSED", "not judged"

    def __init__(self):
        self._rows = []

    def add(self, bench, what, figure="", bar="", verdict="", spread=""):
        self._rows.append((bench, what, figure, spread, str(bar), verdict))

    def fail(self, bench, why):
        self.add(bench, "not measured", verdict=f"FAILED: {' '.join(why.split())}")

    @property
    def missed(self):
        return any(row[-1] == self.MISSED for row in self._rows)

    @property
    def failed(self):
        return any(row[-1].startswith("FAILED") for row in self._rows)

    def say(self, out):
        rows = [("bench", "figure", "", "of pairs", "bar", ""), *self._rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
            out.say("  ".join(cells).rstrip())


# --- one bench ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Extent:
    """How much is measured. Below full sizes and five pairs the start of a process weighs too much, and
    chance."""

    pairs: int
    quick: bool

    @property
    def judges_time(self):
        return not self.quick and self.pairs >= BAR_PAIRS


class Bench:
    """What a bench has at hand, and whom it tells its figures: a directory of its own, the key that sources
    are signed with, and how much is to be measured."""

    def __init__(self, name, work, key, extent, out, verdicts):
        self.name = name
        self.work = work
        self.key = key
        self.pairs = extent.pairs
        self._extent = extent
        self._out = out
        self._verdicts = verdicts

    def say(self, text=""):
        self._out.say(text)

    def sized(self, full, quick):
        return quick if self._extent.quick else full

    def say_grid(self, rows):
        self._out.say_grid(rows)

    def compare(self, title, rivals, gigabytes=None):
        """Runs them in turn, us first, and judges our memory."""
        comparison = Comparison([rival.name for rival in rivals], gigabytes)
        for figures in rounds(rivals, self.pairs):
            comparison.add(figures)
        self.say(title)
        comparison.say(self._out)
        self.say(f"load average {os.getloadavg()[0]:.1f} after")
        self.say()
        self.judge_memory(title, comparison.peak_megabytes())
        return comparison

    def judge_memory(self, what, megabytes):
        self.judge(f"peak memory, MB: {what}", megabytes, MEMORY_BAR, "{:.1f}")

    def judge_times(self, what, comparison, bars):
        """`bars` maps a peer to that of our time by its time."""
        for peer, bar in bars.items():
            self._judge_pairs(f"time / {peer}: {what}", comparison.ratios(peer), bar)

    def judge_rates(self, what, comparison, bars):
        """The same for our rate by its rate."""
        for peer, bar in bars.items():
            self._judge_pairs(f"rate / {peer}: {what}", [1 / ratio for ratio in comparison.ratios(peer)], bar)

    def _judge_pairs(self, what, ratios, bar):
        if ratios:
            spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
            self.judge_time(what, statistics.median(ratios), bar, spread=spread)
        else:
            self._verdicts.add(self.name, what, bar=bar, verdict="skipped: not installed")

    def judge(self, what, figure, bar, form="{:.3f}", spread=""):
        """What does not depend on sizes and chance."""
        verdict = Verdicts.MET if bar.is_met(figure) else Verdicts.MISSED
        self._verdicts.add(self.name, what, form.format(figure), bar, verdict, spread)

    def judge_time(self, what, figure, bar, form="{:.3f}", spread=""):
        if self._extent.judges_time:
            self.judge(what, figure, bar, form, spread)
        else:
            self._verdicts.add(self.name, what, form.format(figure), bar, Verdicts.NOT_JUDGED, spread)

    def tell(self, what, figure, form="{:.3f}"):
        """A figure without a bar."""
        self._verdicts.add(self.name, what, form.format(figure))
