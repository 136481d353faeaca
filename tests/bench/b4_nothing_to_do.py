"""A run over a directory that has all 4,000 items: against sstream-mirror, and its requests."""

import into_directory
import made_source
import measured
from harness import Bar
from peers import installed

TIME_BARS = {into_directory.SstreamMirror.name: Bar("<=", 0.10)}


class Again:
    """A mirror once more over its own tree, which has all."""

    def __init__(self, mirror):
        self.name = mirror.name
        self._mirror = mirror
        mirror.fill()

    def measure(self):
        server = self._mirror.source.server
        server.take_requests()
        figures = self._mirror.run()
        self.requests = server.take_requests()
        if not all(request.path.startswith("/streams/v1/") for request in self.requests):
            raise measured.Failed(f"{self.name} fetched again what it had")
        return figures


def measure(bench):
    source = made_source.small_items(bench.work / "source", bench.key, bench.sized(4000, quick=400))
    rivals = [into_directory.Streamsync, *installed(into_directory.SstreamMirror)]
    what = f"{source.what}, all there"
    with source.server:
        rivals = [Again(rival(source)) for rival in rivals]
        comparison = bench.compare(what, rivals)
    bench.judge_times(what, comparison, TIME_BARS)
    ours = rivals[0].requests
    bench.judge("requests, one for each document", len(ours), Bar("<=", 2), "{}")
    others = sum(request.status != 304 for request in ours)
    bench.judge("of these not answered by 304", others, Bar("<=", 0), "{}")
    bench.say("our requests: " + ", ".join(map(str, ours)))
    bench.say()
