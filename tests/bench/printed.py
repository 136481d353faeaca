"""What a bench prints: to standard output and into a file, as a table of runs and their medians."""

import argparse
import statistics
import subprocess


class Out:
    """Standard output, and the end of a file when there is one."""

    def __init__(self, path):
        self._file = open(path, "a", encoding="utf-8") if path else None

    def say(self, text=""):
        print(text, flush=True)
        if self._file:
            print(text, file=self._file, flush=True)


class Table:
    """Rows of numbers. `columns` maps each heading to the format of what stands below it."""

    def __init__(self, out, columns):
        self._out = out
        self._columns = columns
        self._rows = []
        self._say("pair", columns)

    def add(self, row):
        self._rows.append(row)
        self._say_numbers(len(self._rows), row)

    def summarize(self):
        for label, summary in (("median", statistics.median), ("min", min), ("max", max)):
            self._say_numbers(label, map(summary, zip(*self._rows, strict=True)))

    def column(self, heading):
        return [row[list(self._columns).index(heading)] for row in self._rows]

    def _say_numbers(self, label, row):
        pairs = zip(self._columns.values(), row, strict=True)
        self._say(label, [form.format(value) for form, value in pairs])

    def _say(self, label, cells):
        widths = [max(len(heading), 7) for heading in self._columns]
        padded = (f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        self._out.say(f"{label:>6}" + "".join(padded))


def first_line(command):
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()[0]


def positive(text):
    """A number as an argument."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number
