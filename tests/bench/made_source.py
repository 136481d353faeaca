"""Signed streams that are made for a bench, and served by nginx."""

import datetime
import itertools

import source_server
from stream_tree import StreamTree, write_random

INDEX = "streams/v1/index.sjson"
PRODUCTS = tuple(itertools.product(("focal", "jammy"), ("amd64", "arm64")))
ITEMS_PER_VERSION = 10
SMALL_BYTES = 1000


class Source:
    """A signed stream below `work`, and its server. Content follows from names: it is the same in every run."""

    def __init__(self, work, key, what):
        self.work = work
        self.what = what
        self.keyring = work / "keyring.gpg"
        self.root = work / "www"
        self.root.mkdir(parents=True)
        self.keyring.write_bytes(key.public_key())
        self._tree = StreamTree(self.root, key)

    def add_version(self, product, serial, items):
        self._tree.add_version(*product, serial, items, writer=write_random)

    def write(self):
        """From now on it can be served and its `items` be looked at."""
        self._tree.write()
        (document,) = self._tree.documents.values()
        versions = (v for p in document["products"].values() for v in p["versions"].values())
        self.items = [item for version in versions for item in version["items"].values()]
        self.size = sum(item["size"] for item in self.items)
        self.server = source_server.Nginx(self.root, self.work / "nginx")
        return self

    @property
    def gigabytes(self):
        return self.size / 10**9

    def take_bytes_sent(self):
        """Of items, since the last time that requests were taken."""
        requests = self.server.take_requests()
        return sum(request.size for request in requests if not request.path.startswith("/streams/"))

    def urls(self):
        return [self.server.url + item["path"] for item in self.items]


def entry(server):
    """For a mirror_list: the source as this server has it."""
    return {"url": server.url, "path": INDEX}


def large_items(work, key, size, count=len(PRODUCTS)):
    """One for each of so many products."""
    source = Source(work, key, f"{count} x {size // 10**6} MB")
    for product in PRODUCTS[:count]:
        source.add_version(product, "20240101", {"disk1.img": size})
    return source.write()


def small_items(work, key, count):
    source = Source(work, key, f"{count} x {SMALL_BYTES} bytes")
    items = {f"part{number}": SMALL_BYTES for number in range(ITEMS_PER_VERSION)}
    for serial in serials(count // len(PRODUCTS) // ITEMS_PER_VERSION):
        for product in PRODUCTS:
            source.add_version(product, serial, items)
    return source.write()


def many_versions(work, key, count, size):
    """Of one product, with one image each."""
    source = Source(work, key, f"{count} versions of {size} bytes")
    for serial in serials(count):
        source.add_version(PRODUCTS[0], serial, {"disk1.img": size})
    return source.write()


def serials(count):
    first = datetime.date(2015, 1, 1)
    return [(first + datetime.timedelta(number)).strftime("%Y%m%d") for number in range(count)]
