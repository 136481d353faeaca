#!/usr/bin/python3
"""The harness of the benches: who runs when, what ratios are, and what misses a bar."""

import io
import subprocess
import sys
import unittest
from contextlib import redirect_stdout
from pathlib import Path

BENCH = Path(__file__).resolve().parents[1] / "bench"
sys.path.insert(0, str(BENCH))
import harness  # noqa: E402
from harness import Bar, Verdicts# noqa: E402
from measured import Figures  # noqa: E402


class Rival:
    """Takes so many seconds, one run after the other."""

    def __init__(self, name, seconds, calls):
        self.name = name
        self._seconds = iter(seconds)
        self._calls = calls

    def measure(self):
        self._calls.append(self.name)
        seconds = next(self._seconds)
        return Figures(0, seconds, seconds / 2, 0.0, int(seconds * 10**6), 0)


class HarnessTest(unittest.TestCase):
    def setUp(self):
        self.calls = []
        self.verdicts = Verdicts()

    def bench(self, pairs=5, quick=False):
        extent = harness.Extent(pairs, quick)
        return harness.Bench("B0", None, None, extent, harness.Out(None), self.verdicts)

    def compare(self, ours, theirs, **extent):
        rivals = [Rival("ours", ours, self.calls), Rival("theirs", theirs, self.calls)]
        bench = self.bench(**extent)
        with redirect_stdout(io.StringIO()):
            return bench, bench.compare("title", rivals, gigabytes=0.5)

    def judgement(self):
        said = io.StringIO()
        with redirect_stdout(said):
            self.verdicts.say(harness.Out(None))
        return said.getvalue().splitlines()[1:]

    def test_the_order_turns_about_after_a_round_that_does_not_count(self):
        _, comparison = self.compare([100, 1, 1, 1], [100, 1, 1, 1], pairs=3)
        rounds = [["ours", "theirs"], ["ours", "theirs"], ["theirs", "ours"], ["ours", "theirs"]]
        self.assertEqual(self.calls, sum(rounds, []))
        self.assertEqual(comparison.seconds("ours"), 1)

    def test_a_ratio_is_within_a_pair(self):
        _, comparison = self.compare([9, 1, 2, 30], [9, 2, 4, 10], pairs=3)
        self.assertEqual(comparison.ratios("theirs"), [0.5, 0.5, 3])
        self.assertEqual(comparison.ratios("who is not there"), [])

    def test_processor_time_is_per_gigabyte_and_memory_the_worst(self):
        _, comparison = self.compare([9, 1, 2, 30], [9, 2, 4, 10], pairs=3)
        self.assertEqual(comparison.cpu(), 2)
        self.assertEqual(comparison.peak_megabytes(), 30)

    def test_memory_is_judged_by_itself(self):
        self.compare([1, 65], [1, 1], pairs=1)
        self.assertTrue(self.verdicts.missed)

    def test_the_median_is_held_against_the_bar(self):
        bench, comparison = self.compare([1, 1, 1, 1, 2, 2], [1] * 6)
        bench.judge_times("title", comparison, {"theirs": Bar("<=", 1)})
        self.assertFalse(self.verdicts.missed)
        bench.judge_rates("title", comparison, {"theirs": Bar(">=", 1.01)})
        self.assertTrue(self.verdicts.missed)

    def test_time_is_not_judged_where_chance_weighs_too_much(self):
        for extent in ({"quick": True}, {"pairs": 4}):
            with self.subTest(**extent):
                bench, comparison = self.compare([9] * 6, [1] * 6, **extent)
                bench.judge_times("title", comparison, {"theirs": Bar("<=", 1)})
                self.assertFalse(self.verdicts.missed)
                self.assertRegex(self.judgement()[-1], r" 9\.000 .* not judged$")

    def test_a_peer_that_is_not_there_is_skipped_with_a_word(self):
        bench, comparison = self.compare([1] * 6, [1] * 6)
        bench.judge_times("title", comparison, {"who is not there": Bar("<=", 1)})
        self.assertFalse(self.verdicts.missed)
        self.assertRegex(self.judgement()[-1], "skipped: not installed$")

    def test_bars(self):
        bench = self.bench()
        for figure, bar, verdict in (
            (1.0, Bar("<=", 1), "met"),
            (1.1, Bar("<=", 1), "MISSED"),
            (1.0, Bar(">=", 1), "met"),
            (0.9, Bar(">=", 1), "MISSED"),
            (1.0, Bar("==", 1), "met"),
            (0.9, Bar("==", 1), "MISSED"),
        ):
            bench.judge("figure", figure, bar)
            self.assertEqual(self.judgement()[-1].split()[-1], verdict, (figure, bar))

    def test_what_was_not_measured_is_no_bar_met(self):
        self.verdicts.fail("B0", "no reason")
        self.assertTrue(self.verdicts.failed)
        self.assertFalse(self.verdicts.missed)


class RunTest(unittest.TestCase):
    def run_bench(self, *arguments):
        command = [sys.executable, BENCH / "run", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def test_the_list_names_every_file_of_a_bench(self):
        listed = [line.split()[0] for line in self.run_bench("--list").stdout.splitlines()]
        files = [file.name.partition("_")[0].upper() for file in BENCH.glob("b[0-9]*_*.py")]
        self.assertCountEqual(listed, files)
        self.assertEqual(listed[0], "B1")

    def test_a_bench_that_there_is_not(self):
        run = self.run_bench("B99")
        self.assertEqual(run.returncode, 2)
        self.assertIn("no such bench: B99", run.stderr)


if __name__ == "__main__":
    unittest.main()
