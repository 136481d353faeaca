"""Readers of a tree over HTTPS, who go from the index over products to the items again and again.

with Readers(4, lambda: TreeReader(url, ca, keyring)) as readers:
    ...                            # the tree changes
    readers.wait_for(generation)   # everybody has read all of it
readers.problems                   # of all passes, as lines
"""

import email.utils
import hashlib
import http.client
import json
import ssl
import subprocess
import threading
import urllib.parse

INDEX = "streams/v1/index.sjson"
PATIENCE = 120


class ReadFailed(Exception):
    pass


class TreeReader:
    """One connection. Of each product it reads the `newest` versions, which is what a mirror selects of it."""

    def __init__(self, url, ca, keyring, index=INDEX, newest=1):
        address = urllib.parse.urlsplit(url)
        self._connection = http.client.HTTPSConnection(
            address.hostname, address.port, timeout=30, context=ssl.create_default_context(cafile=ca)
        )
        self._base = address.path
        self._keyring = str(keyring)
        self._index = index
        self._newest = newest
        self._verified = {}  # path -> (message, its text)

    def close(self):
        self._connection.close()

    def read(self):
        """All of it, once. Gives the `updated` of the index; ReadFailed says what is wrong."""
        index = self._document(self._index)
        for entry in _some(index, "index", self._index):
            document = self._document(entry["path"])
            # By this a reader knows documents of two moments apart, as our own does.
            if _date(document) < _date(entry):
                raise ReadFailed(f"{entry['path']}: older than the index says")
            for product in _some(document, "products", entry["path"]):
                _some(product, "versions", entry["path"])
                self._read_newest(product["versions"])
        return index["updated"]

    def _read_newest(self, versions):
        for name in sorted(versions)[-self._newest :]:
            for item in _some(versions[name], "items", name):
                self._check(item)

    def _check(self, item):
        content = self._get(item["path"])
        if len(content) != item["size"]:
            raise ReadFailed(f"{item['path']}: {len(content)} bytes of {item['size']}")
        if hashlib.sha256(content).hexdigest() != item["sha256"]:
            raise ReadFailed(f"{item['path']}: other bytes")

    def _document(self, path):
        message = self._get(path)
        if self._verified.get(path, (None,))[0] != message:
            self._verified[path] = message, self._text_of(path, message)
        return json.loads(self._verified[path][1])

    def _text_of(self, path, message):
        command = ["gpgv", "--quiet", "--keyring", self._keyring, "--output", "-", "-"]
        done = subprocess.run(command, input=message, capture_output=True, check=False)
        if done.returncode != 0:
            raise ReadFailed(f"{path}: {done.stderr.decode().strip()}")
        return done.stdout

    def _get(self, path):
        try:
            self._connection.request("GET", self._base + urllib.parse.quote(path))
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise ReadFailed(f"{path}: {error!r}") from None
        if answer.status != http.client.OK:
            raise ReadFailed(f"{path}: status {answer.status}")
        return content


def _some(node, name, where):
    """Its members. A stream that leads to nothing is no pass: there would be nothing to find wrong."""
    if not node.get(name):
        raise ReadFailed(f"{where}: no {name}")
    return node[name].values()


def _date(node):
    return email.utils.parsedate_to_datetime(node["updated"])


class Readers:
    """Each has a thread of its own, and a reader of its own that `make` gives."""

    def __init__(self, count, make):
        self._readers = [make() for _ in range(count)]
        self._threads = [threading.Thread(target=self._go_on, args=(reader,)) for reader in self._readers]
        self._changed = threading.Condition()
        self._stopped = False
        self._seen = {reader: [] for reader in self._readers}
        self.problems = []
        self.passes = 0

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        with self._changed:
            self._stopped = True
        for thread in self._threads:
            thread.join()
        for reader in self._readers:
            reader.close()

    def wait_for(self, generation):
        """Until everybody has read all that the index of this `updated` leads to."""

        def arrived():
            return all(seen and seen[-1] == generation for seen in self._seen.values())

        with self._changed:
            if not self._changed.wait_for(arrived, PATIENCE):
                raise AssertionError(f"not everybody comes to {generation}: {self.problems}")

    def generations(self):
        """How many different ones each has met."""
        return [len(set(seen)) for seen in self._seen.values()]

    def _go_on(self, reader):
        while not self._stopped:
            try:
                generation, problem = reader.read(), None
            except Exception as error:  # what a reader can't make sense of is a problem, too
                generation, problem = None, f"{type(error).__name__}: {error}"
            with self._changed:
                self.passes += 1
                if problem:
                    self.problems.append(problem)
                else:
                    self._seen[reader].append(generation)
                self._changed.notify_all()
