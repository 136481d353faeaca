"""An image of 10 GB and seven of 256 MB, of 10^6 items, at once into a directory: peak memory."""

import json
import shutil

import made_document
import measured
import source_server
from stream_tree import digest_tags, write_sparse
from streamsync_program import Program

JOBS = 8
FILTER = "release=wanted"


class Source:
    """A document of very many items, of which as many are wanted as there are jobs. These are holes."""

    def __init__(self, bench):
        self.work = work = bench.work / "source"
        sizes = [bench.sized(10**10, quick=10**9), *[bench.sized(256 * 10**6, quick=16 * 10**6)] * (JOBS - 1)]
        self.root = work / "www"
        self.items = [self._make(number, size) for number, size in enumerate(sizes)]
        products = {f"com.example.bench:wanted:{item['path']}": product(item) for item in self.items}
        document = made_document.Document(bench.sized(10**6, quick=10**5), products)
        self.keyring = made_document.SignedDocument(work, bench.key, document).keyring
        self.server = source_server.Nginx(self.root, work / "nginx")
        size = sum(sizes)
        self.what = f"{size / 10**9:.1f} GB in {JOBS} of {document.items} items"

    def _make(self, number, size):
        path = f"wanted/{number}/disk1.img"
        file = self.root / path
        file.parent.mkdir(parents=True)
        write_sparse(file, size, number)
        return {"ftype": "disk1.img", "path": path, **digest_tags(file)}

    def settings(self):
        """For a configuration, as long as it is served."""
        entry = {"url": self.server.url, "path": made_document.PATH, "item_filters": [FILTER]}
        return {"mirror_list": [entry], "keyring_path": str(self.keyring), "jobs": JOBS}


def product(item):
    version = {"items": {"disk1.img": item}, "label": "release", "pubname": f"wanted-{item['path']}"}
    tags = {"arch": "amd64", "os": "ubuntu", "release": "wanted", "version": "24.04"}
    return {**tags, "versions": {"20240101": version}}


def measure(bench):
    source = Source(bench)
    program = Program(bench.work / "streamsync")
    tree = program.work / "tree"
    config = program.work / "config.yaml"
    with source.server:
        settings = {**source.settings(), "images": str(tree)}
        config.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
        figures = measured.run(program.command("sync", "-c", config), program.work, program.environment)
    if any((tree / item["path"]).stat().st_size != item["size"] for item in source.items):
        raise measured.Failed("not all items are there")
    shutil.rmtree(tree)
    bench.judge_memory(source.what, figures.peak_bytes / 10**6)
