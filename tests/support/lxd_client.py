"""What LXD and Incus make of a tree, by the rules that their clients follow.

client = LxdClient(root_url, ca)
for image in client.images():
    client.export(image)

Refused says what would end them: a listing as a whole, or the export of an image.
"""

import datetime
import hashlib
import json
from dataclasses import dataclass

import anonymous_http
from consumer_trees import COMBINED

LXD, INCUS = "lxd.tar.xz", "incus.tar.xz"
CONTAINER, VIRTUAL_MACHINE = "container", "virtual-machine"
KINDS = {"squashfs": CONTAINER, "root.tar.xz": CONTAINER, "disk-kvm.img": VIRTUAL_MACHINE}
ARCHES = ("amd64", "arm64", "armhf", "i386", "ppc64el", "riscv64", "s390x", "x86_64", "aarch64")
# Go's reader takes a member of another type for the end of all: tag -> what it must be.
TYPES = {"aliases": str, "arch": str, "os": str, "release": str, "supported": bool, "versions": dict}


class Refused(Exception):
    pass


@dataclass(frozen=True)
class Image:
    fingerprint: str
    kind: str
    product: str
    version: str
    aliases: tuple  # of the newest version alone
    files: tuple  # (path, size, sha256) of the meta item and of the root item


@dataclass(frozen=True)
class Delta:
    product: str
    version: str
    base: str


class LxdClient:
    """`meta` is the item by which the client knows images of its own: LXD or INCUS."""

    def __init__(self, root, ca, meta=LXD):
        if not root.startswith("https://"):
            raise Refused(f"{root}: only https URLs are supported")
        self._root = root if root.endswith("/") else root + "/"
        self._ca = ca
        self._meta = meta

    def images(self):
        return [
            image
            for name, product in self._products()
            for version in sorted(product["versions"], reverse=True)
            for image in self._images_of(name, product, version)
        ]

    def deltas(self):
        """Those that it would use: what they are based on is still listed."""
        return [
            Delta(name, version, item["delta_base"])
            for name, product in self._products()
            for version, content in product["versions"].items()
            for item in content["items"].values()
            if item["ftype"].endswith(".vcdiff") and self._has_base(product, item)
        ]

    def export(self, image):
        """Its files, in the order of the fingerprint."""
        contents = [self._file(*file) for file in image.files]
        if hashlib.sha256(b"".join(contents)).hexdigest() != image.fingerprint:
            raise Refused(f"{image.product} {image.version}: the files are not of this fingerprint")
        return contents

    # --- documents -------------------------------------------------------------------------------

    def _products(self):
        for entry in self._document("streams/v1/index.json")["index"].values():
            if entry["datatype"] == "image-downloads" and entry["products"]:
                document = self._document(entry["path"])
                for name, product in document["products"].items():
                    _check_types(name, product)
                    if product["arch"] in ARCHES:
                        yield name, product

    def _document(self, path):
        return json.loads(self._get(path))

    def _get(self, path):
        answer = anonymous_http.get(self._root + path, ca=self._ca)
        if answer.status != 200:
            raise Refused(f"{path}: {answer.problem or answer.status}")
        return answer.body

    # --- images ----------------------------------------------------------------------------------

    def _images_of(self, name, product, version):
        items = product["versions"][version]["items"].values()
        metas = [item for item in items if item["ftype"] == self._meta]
        if not _is_dated(version) or not metas:
            return
        newest = version == max(filter(_is_dated, product["versions"]))
        aliases = tuple(product["aliases"].split(",")) if newest else ()
        for root in items:
            fingerprint = metas[0].get(COMBINED.get(root["ftype"]))
            if fingerprint:
                kind = KINDS[root["ftype"]]
                files = tuple((item["path"], item["size"], item["sha256"]) for item in (metas[0], root))
                yield Image(fingerprint, kind, name, version, aliases, files)

    def _has_base(self, product, delta):
        base = product["versions"].get(delta["delta_base"], {"items": {}})
        combined = COMBINED[delta["ftype"].removesuffix(".vcdiff")]
        return any(item["ftype"] == self._meta and combined in item for item in base["items"].values())

    def _file(self, path, size, sha256):
        content = self._get(path)
        if len(content) != size:
            raise Refused(f"{path}: {len(content)} bytes of {size}")
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Refused(f"{path}: other bytes")
        return content


def _is_dated(version):
    """Versions of other names are dropped without a word."""
    try:
        datetime.datetime.strptime(version[:8], "%Y%m%d")
    except ValueError:
        return False
    return True


def _check_types(name, product):
    for tag, wanted in TYPES.items():
        if tag in product and not isinstance(product[tag], wanted):
            raise Refused(f"{name}: {tag} is {product[tag]!r}")
    if not all(isinstance(value, str) for value in product.get("requirements", {}).values()):
        raise Refused(f"{name}: requirements that are no strings")
    for version in product["versions"].values():
        for item in version["items"].values():
            if not isinstance(item["size"], int):
                raise Refused(f"{name}: size is {item['size']!r}")
