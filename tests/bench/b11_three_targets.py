"""Four items of 256 MB into three directories in one run: bytes from the source, and against three runs."""

import json
import shlex
import shutil

import made_source
import measured
from harness import Bar
from streamsync_program import Program

TARGETS = ("one", "two", "three")
BYTES_BAR = Bar("==", 1.0)
TIME_BARS = {"three runs": Bar("<=", 0.45)}


class Runs:
    """Runs of streamsync, one after the other. Each has a state of its own, and the trees that its `targets`
    name."""

    def __init__(self, name, work, source, targets):
        self.name = name
        self._work = work
        self._source = source
        self._trees = [work / "trees" / tree for names in targets for tree in names]
        work.mkdir()
        programs = [Program(work / f"run-{number}") for number, _ in enumerate(targets)]
        self._environment = programs[0].environment
        self._states = [program.state for program in programs]
        commands = [self._command(*each) for each in zip(programs, targets, strict=True)]
        self._script = " && ".join(shlex.join(command) for command in commands)

    def _command(self, program, targets):
        file = program.work / "config.yaml"
        settings = {
            "mirror_list": [made_source.entry(self._source.server)],
            "images": [str(self._work / "trees" / tree) for tree in targets],
            "keyring_path": str(self._source.keyring),
        }
        file.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
        return program.command("sync", "-c", str(file))

    def measure(self):
        (self._work / "trees").mkdir()
        self._source.take_bytes_sent()
        figures = measured.run(["sh", "-c", self._script], self._work, self._environment)
        self.bytes_fetched = self._source.take_bytes_sent()
        self._assert_whole()
        for tree in [self._work / "trees", *self._states]:
            shutil.rmtree(tree)
        return figures

    def _assert_whole(self):
        for tree in self._trees:
            for item in self._source.items:
                if (tree / item["path"]).stat().st_size != item["size"]:
                    raise measured.Failed(f"{self.name}: {tree.name} has not all of {item['path']}")


def measure(bench):
    size = bench.sized(256 * 10**6, quick=16 * 10**6)
    source = made_source.large_items(bench.work / "source", bench.key, size)
    with source.server:
        together = Runs("streamsync", bench.work / "together", source, [TARGETS])
        apart = Runs("three runs", bench.work / "apart", source, [[target] for target in TARGETS])
        comparison = bench.compare(source.what, [together, apart], source.gigabytes)
    what = f"bytes from the source / those of the items: {source.what}"
    bench.judge(what, together.bytes_fetched / source.size, BYTES_BAR)
    bench.tell(f"{what}, three runs", apart.bytes_fetched / source.size)
    bench.judge_times(source.what, comparison, TIME_BARS)
