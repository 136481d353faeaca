"""Products documents with as many items as asked for, signed."""

import io
import json
import random

RELEASES = [f"r{number:03}" for number in range(100)]
VERSIONS, ITEMS = 26, ("disk1.img", "lxd.tar.xz", "manifest", "root.tar.xz", "squashfs")
ITEMS_PER_PRODUCT = VERSIONS * len(ITEMS)


class Document:
    """In the layout of Ubuntu's, with digests of nothing. One product in a hundred is of release r042.

    `more` are products that stand before these, as in JSON.
    """

    def __init__(self, count, more=None):
        self._random = random.Random(1)
        products = -(-count // ITEMS_PER_PRODUCT)
        self.items = products * ITEMS_PER_PRODUCT
        self.newest_of_r042 = len(range(42, products, len(RELEASES))) * len(ITEMS)
        out = io.StringIO()
        out.write('{\n "content_id": "com.example.bench:download",\n "datatype": "image-downloads",\n')
        out.write(' "format": "products:1.0",\n "products": {\n')
        for name, product in (more or {}).items():
            out.write(f"  {json.dumps(name)}: {json.dumps(product, indent=1)},\n")
        for number in range(products):
            out.write(",\n" if number else "")
            self._write_product(out, number)
        out.write('\n },\n "updated": "Thu, 01 Jan 2026 00:00:00 +0000"\n}\n')
        self.text = out.getvalue().encode()

    def _write_product(self, out, number):
        release = RELEASES[number % len(RELEASES)]
        name = f"{release}-{number:05}"
        versions = ",\n".join(self._version(name, 20200101 + day) for day in range(VERSIONS))
        out.write(
            f'  "com.example.bench:server:{number:05}:amd64": {{\n'
            f'   "aliases": "{name},default",\n   "arch": "amd64",\n   "os": "ubuntu",\n'
            f'   "release": "{release}",\n   "release_title": "{release} LTS",\n   "supported": true,\n'
            f'   "version": "{number:05}",\n   "versions": {{\n{versions}\n   }}\n  }}'
        )

    def _version(self, name, serial):
        items = ",\n".join(self._item(name, serial, item) for item in ITEMS)
        return (
            f'    "{serial}": {{\n     "items": {{\n{items}\n     }},\n     "label": "release",\n'
            f'     "pubname": "ubuntu-{name}-amd64-server-{serial}"\n    }}'
        )

    def _item(self, name, serial, item):
        digits = self._random.randbytes(48).hex()
        return (
            f'      "{item}": {{\n       "ftype": "{item}",\n       "md5": "{digits[:32]}",\n'
            f'       "path": "server/releases/{name}/release-{serial}/ubuntu-{name}-server-amd64-{item}",\n'
            f'       "sha256": "{digits[32:]}",\n       "size": {int(digits[:7], 16)}\n      }}'
        )


PATH = "streams/v1/document.sjson"


class SignedDocument:
    """A document below `work`/www, and the key to it."""

    def __init__(self, work, key, document):
        self.root = work / "www"
        self.file = self.root / PATH
        self.file.parent.mkdir(parents=True)
        self.keyring = work / "keyring.gpg"
        self.keyring.write_bytes(key.public_key())
        self.file.write_bytes(key.clearsign(document.text))
